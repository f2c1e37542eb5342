"""What the rack refuses; exit codes are the command line's."""

from __future__ import annotations

from protocols.errors import MeterBenchError


class LeaseDeniedError(MeterBenchError):
    """No lease: the place is held by another, is not fit for use, or the token is old, over or of another place."""

    exit_code = 4


class OutputError(MeterBenchError):
    """A source measures something else at its output than it was set to."""

    exit_code = 3


class SafeStateError(MeterBenchError):
    """The safe state was not reached, or could not be proved; the message says what to look at."""

    exit_code = 3
