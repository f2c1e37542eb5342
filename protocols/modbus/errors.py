"""Errors of the Modbus codecs."""

from __future__ import annotations

from enum import IntEnum

from protocols.errors import MeterBenchError, ProtocolError


class ExceptionCode(IntEnum):
    """Why a request is refused."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_DATA_ADDRESS = 2
    ILLEGAL_DATA_VALUE = 3
    SERVER_DEVICE_FAILURE = 4
    SERVER_DEVICE_BUSY = 6
    GATEWAY_TARGET_FAILED_TO_RESPOND = 11


class RequestRefusedError(MeterBenchError):
    """A request that a server answers with an exception of this code."""

    def __init__(self, code: ExceptionCode) -> None:
        super().__init__(code.name)
        self.code = code


class RegisterMapError(MeterBenchError):
    """A map or point that does not exist, or a table that contradicts itself."""


class RegisterValueError(ProtocolError):
    """A value that its registers cannot hold, or registers that hold no value of the point."""


class IllegalAddressError(ProtocolError):
    """A register that the device does not have: exception 2 on the wire."""
