"""Coils on the server's side: functions 1 (read), 5 (write one) and 15 (write several).

Codes, limits and the order of checks are of the Modbus application protocol, background knowledge: exception 3 for a
wrong length, count or value, 2 for a coil that is not there. Coils are packed eight a byte, the first lowest.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from protocols.modbus.errors import ExceptionCode, RequestRefusedError

READ_COILS = 1
WRITE_SINGLE_COIL = 5
WRITE_MULTIPLE_COILS = 15
COIL_FUNCTIONS = frozenset({READ_COILS, WRITE_SINGLE_COIL, WRITE_MULTIPLE_COILS})

MAX_READ_COILS = 2000
MAX_WRITE_COILS = 1968
"""Coils of one request."""

_ON, _OFF = 0xFF00, 0x0000


@runtime_checkable
class Coils(Protocol):
    """A unit's coils, counted from 0. Both raise :class:`RequestRefusedError` when the device is busy or broken."""

    @property
    def coil_count(self) -> int:
        """How many there are."""

    def read_coils(self, start: int, count: int) -> list[bool]:
        """States, all of one instant."""

    def write_coils(self, start: int, states: Sequence[bool]) -> None:
        """Switch coils from one on."""


def serve_coils(coils: Coils, pdu: bytes) -> bytes:
    """The answer to a request of :data:`COIL_FUNCTIONS`; raises :class:`RequestRefusedError`."""
    return {READ_COILS: _read, WRITE_SINGLE_COIL: _write_one, WRITE_MULTIPLE_COILS: _write_several}[pdu[0]](coils, pdu)


def pack(states: Sequence[bool]) -> bytes:
    """States as they go over the wire."""
    bits = sum(1 << number for number, state in enumerate(states) if state)
    return bits.to_bytes((len(states) + 7) // 8, "little")


def unpack(data: bytes, count: int) -> list[bool]:
    """The first ``count`` states of packed ones."""
    bits = int.from_bytes(data, "little")
    return [bool(bits >> number & 1) for number in range(count)]


def _read(coils: Coils, pdu: bytes) -> bytes:
    _need(len(pdu) == 5, ExceptionCode.ILLEGAL_DATA_VALUE)
    _, start, count = struct.unpack(">BHH", pdu)
    _need(1 <= count <= MAX_READ_COILS, ExceptionCode.ILLEGAL_DATA_VALUE)
    _need(start + count <= coils.coil_count, ExceptionCode.ILLEGAL_DATA_ADDRESS)
    data = pack(coils.read_coils(start, count))
    return bytes([READ_COILS, len(data)]) + data


def _write_one(coils: Coils, pdu: bytes) -> bytes:
    _need(len(pdu) == 5, ExceptionCode.ILLEGAL_DATA_VALUE)
    _, number, value = struct.unpack(">BHH", pdu)
    _need(value in (_ON, _OFF), ExceptionCode.ILLEGAL_DATA_VALUE)
    _need(number < coils.coil_count, ExceptionCode.ILLEGAL_DATA_ADDRESS)
    coils.write_coils(number, [value == _ON])
    return pdu


def _write_several(coils: Coils, pdu: bytes) -> bytes:
    _need(len(pdu) >= 6, ExceptionCode.ILLEGAL_DATA_VALUE)
    _, start, count, size = struct.unpack_from(">BHHB", pdu)
    fits = 1 <= count <= MAX_WRITE_COILS and size == (count + 7) // 8 == len(pdu) - 6
    _need(fits, ExceptionCode.ILLEGAL_DATA_VALUE)
    _need(start + count <= coils.coil_count, ExceptionCode.ILLEGAL_DATA_ADDRESS)
    coils.write_coils(start, unpack(pdu[6:], count))
    return pdu[:5]


def _need(condition: bool, code: ExceptionCode) -> None:
    if not condition:
        raise RequestRefusedError(code)
