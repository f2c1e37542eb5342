"""What can go wrong in ECHONET Lite on our own side; what strangers do wrong is a ``ProtocolError``."""

from __future__ import annotations

from protocols.errors import MeterBenchError


class EncodeError(MeterBenchError):
    """A value that its place in the frame cannot carry: our own fault, so no ``ProtocolError``."""


class UnknownPropertyError(MeterBenchError):
    """An EPC, a class, a release or a condition that our property tables do not have."""

    exit_code = 2


class MissingCoefficientError(MeterBenchError):
    """A number cannot be scaled because the unit or coefficient that the class demands was never read."""
