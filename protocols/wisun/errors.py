"""What can go wrong on the B-route beyond malformed bytes."""

from __future__ import annotations

from protocols.errors import MeterBenchError


class EncodeError(MeterBenchError):
    """A value that its place in a message cannot carry: our own fault, so no ``ProtocolError``."""


class BusyError(MeterBenchError):
    """A command was given to a stick that has not yet answered the last one; a stick takes one at a time."""


class NotReadyError(MeterBenchError):
    """A datagram was given to a session that may not send now: not joined, re-authenticating, or out of air time."""
