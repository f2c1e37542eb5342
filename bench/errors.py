"""Errors of the bench itself; their exit codes are the command line's."""

from __future__ import annotations

from protocols.errors import MeterBenchError


class InputError(MeterBenchError):
    """What the user gave cannot be used; the message says where, what and how to mend it."""

    exit_code = 2


class BenchFault(MeterBenchError):  # noqa: N818 - the word of the verdicts: a fault of the bench
    """The bench could not do its work, through no fault of the meters."""

    exit_code = 3
