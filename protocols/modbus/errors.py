"""Errors of the Modbus codecs."""

from __future__ import annotations

from protocols.errors import MeterBenchError, ProtocolError


class RegisterMapError(MeterBenchError):
    """A map or point that does not exist, or a table that contradicts itself."""


class RegisterValueError(ProtocolError):
    """A value that its registers cannot hold, or registers that hold no value of the point."""


class IllegalAddressError(ProtocolError):
    """A register that the device does not have: exception 2 on the wire."""
