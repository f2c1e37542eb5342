"""A Modbus server without its sockets: requests in, answers out.

Rules of this file (function and exception codes as in the Modbus application protocol, background knowledge; what
pymodbus answers in the same place stands in ``rack-instruments`` §6.1):

* Served are 3 and 4 (read registers) and 43/14 (device identification), by unit, and 1, 5 and 15 for a unit with coils
  (:mod:`protocols.modbus.coils`). Everything else gets exception 1: no register can be written here.
* Exception 3 for a request of the wrong length or a count outside 1 to 125; 2 for a register or identification object
  that is not there; 4 when the unit could not give a value; 11 for a unit that does not exist.
* Every request gets one answer, under its transaction and unit, in the order of the requests.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Protocol

from protocols.errors import MeterBenchError
from protocols.modbus.coils import COIL_FUNCTIONS, Coils, serve_coils
from protocols.modbus.errors import ExceptionCode, IllegalAddressError, RequestRefusedError
from protocols.modbus.mbap import Frame, FrameReader

READ_HOLDING_REGISTERS = 3
READ_INPUT_REGISTERS = 4
ENCAPSULATED_INTERFACE = 43

MAX_READ = 125
"""Registers that one request may ask for."""

_ERROR = 0x80
_READ_DEVICE_ID = 14
_STREAMS = range(1, 4)  # basic, regular, extended
_ONE_OBJECT = 4
_CONFORMITY = 0x81  # basic objects, as a stream and one by one


class Unit(Protocol):
    """One device behind a unit id."""

    @property
    def functions(self) -> frozenset[int]:
        """Function codes that read its registers."""

    @property
    def identification(self) -> Sequence[str]:
        """Maker, product and version, the objects 0 to 2 of function 43/14; empty when it has not got that."""

    def read(self, start: int, count: int) -> list[int]:
        """Registers, all of one instant; raises :class:`IllegalAddressError` for one that is not there."""


class Connection:
    """One client's connection to some units."""

    def __init__(self, units: Mapping[int, Unit]) -> None:
        self._units = units
        self._frames = FrameReader()

    def receive(self, data: bytes) -> bytes:
        """Take what came in; the answers to what was complete."""
        return b"".join(self._answer(frame).to_bytes() for frame in self._frames.feed(data))

    def _answer(self, request: Frame) -> Frame:
        return request._replace(pdu=answer_of(self._units.get(request.unit), request.pdu))


def answer_of(unit: Unit | None, pdu: bytes) -> bytes:
    """The answer to a request (a function code at least), with exception 11 where there is no unit."""
    try:
        return _serve(unit, pdu)
    except RequestRefusedError as error:
        return bytes([pdu[0] | _ERROR, error.code])


def _serve(unit: Unit | None, pdu: bytes) -> bytes:
    if unit is None:
        raise RequestRefusedError(ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND)
    function = pdu[0]
    if function in COIL_FUNCTIONS and isinstance(unit, Coils):
        return serve_coils(unit, pdu)
    if function in unit.functions:
        return _read(unit, pdu)
    if function == ENCAPSULATED_INTERFACE and unit.identification:
        return _identify(unit.identification, pdu)
    raise RequestRefusedError(ExceptionCode.ILLEGAL_FUNCTION)


def _read(unit: Unit, pdu: bytes) -> bytes:
    if len(pdu) != 5:
        raise RequestRefusedError(ExceptionCode.ILLEGAL_DATA_VALUE)
    function, start, count = struct.unpack(">BHH", pdu)
    if not 1 <= count <= MAX_READ:
        raise RequestRefusedError(ExceptionCode.ILLEGAL_DATA_VALUE)
    try:
        registers = unit.read(start, count)
    except IllegalAddressError:
        raise RequestRefusedError(ExceptionCode.ILLEGAL_DATA_ADDRESS) from None
    except MeterBenchError:
        raise RequestRefusedError(ExceptionCode.SERVER_DEVICE_FAILURE) from None
    return struct.pack(f">BB{count}H", function, 2 * count, *registers)


def _identify(objects: Sequence[str], pdu: bytes) -> bytes:
    """Device identification: all basic objects from one on, or a single one; they fit one answer."""
    if len(pdu) != 4:
        raise RequestRefusedError(ExceptionCode.ILLEGAL_DATA_VALUE)
    function, kind, code, first = pdu
    if kind != _READ_DEVICE_ID:
        raise RequestRefusedError(ExceptionCode.ILLEGAL_FUNCTION)
    if code in _STREAMS:
        numbers = range(first if first < len(objects) else 0, len(objects))  # an unknown first object means 0
    elif code == _ONE_OBJECT:
        if first >= len(objects):
            raise RequestRefusedError(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        numbers = range(first, first + 1)
    else:
        raise RequestRefusedError(ExceptionCode.ILLEGAL_DATA_VALUE)
    values = [(number, objects[number].encode("ascii")) for number in numbers]
    body = b"".join(bytes([number, len(value)]) + value for number, value in values)
    return bytes([function, kind, code, _CONFORMITY, 0, 0, len(values)]) + body
