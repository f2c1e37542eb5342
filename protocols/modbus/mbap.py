"""Frames of Modbus TCP on a stream.

``transaction 2 | protocol 2 = 0 | length 2 | unit 1 | PDU``; the length counts unit and PDU.

Rules of this file: what cannot be a header, because it names another protocol or an impossible length, is skipped byte
by byte up to what can be one. So a good request is found behind garbage; garbage may hold what looks like a request. No
more is kept than one unfinished frame, 259 bytes. Nothing is ever raised for what a client sent.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

PORT = 502
"""The port of Modbus TCP."""

MAX_PDU = 253
_HEADER = struct.Struct(">HHHB")
_BEFORE_LENGTH_ENDS = 6
_LENGTHS = range(2, 1 + MAX_PDU + 1)  # a unit and at least a function code
_PROTOCOL_AT, _PROTOCOL = 2, b"\0\0\0"  # protocol 0, and the high byte of every length that can be


class Frame(NamedTuple):
    """One request or answer."""

    transaction: int
    unit: int
    pdu: bytes

    def to_bytes(self) -> bytes:
        """The frame as it goes over the wire."""
        return _HEADER.pack(self.transaction, 0, len(self.pdu) + 1, self.unit) + self.pdu


class FrameReader:
    """Cuts a stream into frames, in whatever pieces it comes."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next piece; the frames that are complete with it."""
        stream, frames = self._data + data, []
        begin = _next_header(stream, 0)
        while len(stream) - begin >= _HEADER.size:
            transaction, _, length, unit = _HEADER.unpack_from(stream, begin)
            end = begin + _BEFORE_LENGTH_ENDS + length
            if end > len(stream):
                break
            frames.append(Frame(transaction, unit, stream[begin + _HEADER.size : end]))
            begin = _next_header(stream, end)
        self._data = stream[begin:]
        return frames


def _next_header(stream: bytes, begin: int) -> int:
    """Where the next header stands from ``begin`` on, or where one may begin that is not complete yet."""
    while (found := stream.find(_PROTOCOL, begin + _PROTOCOL_AT)) >= 0:
        begin = found - _PROTOCOL_AT
        if len(stream) - begin < _HEADER.size or stream[begin + _BEFORE_LENGTH_ENDS - 1] in _LENGTHS:
            return begin
        begin += 1
    return max(begin, len(stream) - _HEADER.size + 1)
