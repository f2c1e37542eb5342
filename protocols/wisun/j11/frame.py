"""Frames of the J11 dialect: a 12-byte header with two checksums, then data; everything big-endian.

``unique code 4 | command 2 | length 2 = 4 + len(data) | header checksum 2 | data checksum 2 | data``. Both checksums
are plain sums modulo 65536, of bytes 0…7 and of the data (``reference/meter-protocols`` §2.3).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum, auto

from protocols.errors import ProtocolError
from protocols.wisun.errors import EncodeError

REQUEST, RESPONSE = 0xD0EA83FC, 0xD0F9EE5D
"""Unique codes: what the host sends, what the stick sends (responses and notifications alike)."""

MAX_FRAME = 1361
_HEADER = struct.Struct(">IHHHH")
_CHECKED = 8
_CHECKSUMS = 4
_MAX_DATA = MAX_FRAME - _HEADER.size


class FrameFault(Enum):
    """What is wrong with a frame."""

    HEADER_CHECKSUM = auto()
    DATA_CHECKSUM = auto()
    TOO_SHORT = auto()
    TOO_LONG = auto()


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes that begin like a frame and are none; ``command`` as its header has it."""

    fault: FrameFault
    command: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; ``code`` is a command, a response (command | 2000) or a notification."""

    code: int
    data: bytes = b""

    def to_bytes(self, unique: int) -> bytes:
        """The frame as sent by the side of this unique code; raises EncodeError if the data are too long."""
        if len(self.data) > _MAX_DATA:
            raise EncodeError(f"{len(self.data)} bytes of data, a frame holds {_MAX_DATA}")
        head = struct.pack(">IHH", unique, self.code, _CHECKSUMS + len(self.data))
        return head + struct.pack(">HH", checksum(head), checksum(self.data)) + self.data

    @classmethod
    def from_bytes(cls, raw: bytes, unique: int) -> Frame:
        """Read exactly one frame of the side of this unique code; raises ProtocolError."""
        reader = FrameReader(unique)
        reader.feed(raw)
        item = reader.next()
        if not isinstance(item, Frame) or raw != item.to_bytes(unique):
            raise ProtocolError(f"{len(raw)} bytes are no J11 frame: {item}")
        return item


def checksum(data: bytes | bytearray) -> int:
    """Sum of the bytes modulo 65536."""
    return sum(data) & 0xFFFF


class FrameReader:
    """Collects bytes, hands out frames, and finds the next unique code after anything that is no frame."""

    def __init__(self, unique: int) -> None:
        """``unique``: the code of the side that is listened to."""
        self._unique = unique.to_bytes(4, "big")
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """More bytes, any number: :meth:`next` must be called until None in between, which bounds the memory."""
        self._buffer += data

    def clear(self) -> int | None:
        """Drop a frame that never got its end; its command, 0 if that is not known, or None if nothing was there."""
        pending = bytes(self._buffer)
        self._buffer.clear()
        if not pending.startswith(self._unique):
            return None
        return int.from_bytes(pending[4:6], "big") if len(pending) >= 6 else 0

    def next(self) -> Frame | Broken | None:
        """The next frame or broken frame, or None: more bytes are needed."""
        start = self._buffer.find(self._unique)
        if start < 0:
            del self._buffer[: max(0, len(self._buffer) - len(self._unique) + 1)]
            return None
        del self._buffer[:start]
        if len(self._buffer) < _HEADER.size:
            return None
        _, command, length, header_sum, data_sum = _HEADER.unpack_from(self._buffer)
        if checksum(self._buffer[:_CHECKED]) != header_sum:
            return self._broken(FrameFault.HEADER_CHECKSUM, command)
        if length < _CHECKSUMS:
            return self._broken(FrameFault.TOO_SHORT, command)
        if length > _CHECKSUMS + _MAX_DATA:
            return self._broken(FrameFault.TOO_LONG, command)
        end = _CHECKED + length
        if len(self._buffer) < end:
            return None
        data = bytes(self._buffer[_HEADER.size : end])
        if checksum(data) != data_sum:
            return self._broken(FrameFault.DATA_CHECKSUM, command)
        del self._buffer[:end]
        return Frame(command, data)

    def _broken(self, fault: FrameFault, command: int) -> Broken:
        """Only the unique code is dropped: if bytes were lost, the next frame begins inside this one."""
        del self._buffer[: len(self._unique)]
        return Broken(fault, command)
