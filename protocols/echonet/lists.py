"""Lists of codes: property maps (9D, 9E, 9F) and the node profile's instance and class lists (D5, D6, D7).

A property map has two forms (``meter-protocols`` §1.1). Below 16 properties it is their number and their codes in
ascending order. From 16 on it is their number and 16 bytes, where byte i, bit j stands for EPC 80 + 10·j + i.
"""

from __future__ import annotations

from collections.abc import Collection

from protocols.echonet.errors import EncodeError
from protocols.echonet.frame import Eoj
from protocols.errors import ProtocolError

MAX_INSTANCES = 84
"""Instances in one list: 84 × 3 + 1 bytes are the most that fit a property."""

MAX_CLASSES = 8
_MAP_BYTES = 16


class PropertyMapCodec:
    """A set of EPCs 80…FF."""

    def decode(self, edt: bytes) -> frozenset[int]:
        """The EPCs; codes below 80, repeated ones and a wrong number are refused."""
        if not edt:
            raise ProtocolError("an empty property map")
        count, body = edt[0], edt[1:]
        epcs = frozenset(body) if count < _MAP_BYTES else self._from_bits(body)
        if len(epcs) != count or (count < _MAP_BYTES and len(body) != count) or min(epcs, default=0x80) < 0x80:
            raise ProtocolError(f"no property map: {edt[:17].hex()}")
        return epcs

    def _from_bits(self, body: bytes) -> frozenset[int]:
        if len(body) != _MAP_BYTES:
            raise ProtocolError(f"a property map of {len(body)} bytes instead of {_MAP_BYTES}")
        return frozenset(0x80 + 0x10 * j + i for i, byte in enumerate(body) for j in range(8) if byte >> j & 1)

    def encode(self, value: Collection[int]) -> bytes:
        """The map in the form that its size demands."""
        epcs = sorted(set(value))
        if epcs and not 0x80 <= epcs[0] <= epcs[-1] <= 0xFF:
            raise EncodeError(f"EPCs outside 80…FF: {[hex(epc) for epc in epcs]}")
        if len(epcs) < _MAP_BYTES:
            return bytes([len(epcs), *epcs])
        bits = bytearray(_MAP_BYTES)
        for epc in epcs:
            bits[epc & 0x0F] |= 1 << (epc >> 4) - 8
        return bytes([len(epcs)]) + bits


class InstanceListCodec:
    """``n | n × EOJ``."""

    def decode(self, edt: bytes) -> tuple[Eoj, ...]:
        """The objects."""
        body = _counted(edt, 3, MAX_INSTANCES)
        return tuple(Eoj.from_bytes(body[at : at + 3]) for at in range(0, len(body), 3))

    def encode(self, value: Collection[Eoj]) -> bytes:
        """The list."""
        if len(value) > MAX_INSTANCES:
            raise EncodeError(f"{len(value)} instances, one list holds {MAX_INSTANCES}")
        return bytes([len(value)]) + b"".join(eoj.to_bytes() for eoj in value)


class ClassListCodec:
    """``n | n × class code u16``."""

    def decode(self, edt: bytes) -> tuple[int, ...]:
        """The class codes."""
        body = _counted(edt, 2, MAX_CLASSES)
        return tuple(int.from_bytes(body[at : at + 2], "big") for at in range(0, len(body), 2))

    def encode(self, value: Collection[int]) -> bytes:
        """The list."""
        if len(value) > MAX_CLASSES or not all(0 <= code <= 0xFFFF for code in value):
            raise EncodeError(f"no list of at most {MAX_CLASSES} classes: {value}")
        return bytes([len(value)]) + b"".join(code.to_bytes(2, "big") for code in value)


def _counted(edt: bytes, size: int, most: int) -> bytes:
    if not edt or edt[0] > most or len(edt) != 1 + size * edt[0]:
        raise ProtocolError(f"no list of at most {most} times {size} bytes: {edt[:8].hex()} ({len(edt)} bytes)")
    return edt[1:]
