"""What can go wrong between a driver and its meter, in the caller's terms; exit codes are the command line's."""

from __future__ import annotations

from protocols.errors import MeterBenchError


class UnsupportedError(MeterBenchError):
    """Something was asked of a reader that its protocol, or its client's rights, do not carry."""

    exit_code = 2


class AddressError(MeterBenchError):
    """An address that cannot be one: a name is missing, a number is none."""

    exit_code = 2


class RefusedError(MeterBenchError):
    """The meter answered in good order, and said no: to a request, to a password or to a key."""

    exit_code = 1


class LinkError(MeterBenchError):
    """No connection, no answer in time, or the connection was lost; the next call connects anew."""


class AnswerError(MeterBenchError):
    """The meter's answer breaks the rules of its protocol; ``__cause__`` says which (it may be a security error)."""


class IdentityError(MeterBenchError):
    """Another instrument answers than the one that was described."""


class EnvelopeError(MeterBenchError):
    """A setting outside of what the instrument, its driver or the bench allows; nothing of it was sent."""

    exit_code = 2


class InstrumentError(RefusedError):
    """The instrument's error queue, protection or read-back says no; ``entries`` are (number, text) of its queue."""

    def __init__(self, message: str, entries: tuple[tuple[int, str], ...] = ()) -> None:
        self.entries = entries
        super().__init__(message)
