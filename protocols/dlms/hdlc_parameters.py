"""What two HDLC stations agree on when they connect: the information field of SNRM and UA (IEC 62056-46).

``81 80 length { id length value }*``, with 05 and 06 the longest information field that the sender of the frame sends
and receives, 07 and 08 the windows. What is not named has its default: 128 bytes, a window of 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.errors import ProtocolError

DEFAULT_INFORMATION: Final = 128
LEAST_INFORMATION: Final = 32
MOST_INFORMATION: Final = 2030
"""Bytes of one information field; more does not fit a frame."""

_FORMAT, _GROUP = 0x81, 0x80
_SEND, _RECEIVE, _SEND_WINDOW, _RECEIVE_WINDOW = 5, 6, 7, 8
_WINDOW = bytes([0, 0, 0, 1])


@dataclass(frozen=True, slots=True)
class Parameters:
    """The longest information field in bytes that a station sends and receives; the window is always 1."""

    send: int = DEFAULT_INFORMATION
    receive: int = DEFAULT_INFORMATION

    def to_bytes(self) -> bytes:
        """All four parameters; up to 255 a length takes one byte, above it two."""
        values = {
            _SEND: _number(self.send),
            _RECEIVE: _number(self.receive),
            _SEND_WINDOW: _WINDOW,
            _RECEIVE_WINDOW: _WINDOW,
        }
        body = b"".join(bytes([name, len(value)]) + value for name, value in values.items())
        return bytes([_FORMAT, _GROUP, len(body)]) + body

    @classmethod
    def from_bytes(cls, raw: bytes) -> Parameters:
        """Parameters of a peer, the defaults where it names none.

        Raises :class:`~protocols.errors.ProtocolError` for what is no such field, or lengths that no station may have.
        """
        if not raw:
            return cls()
        if len(raw) < 3 or raw[:2] != bytes([_FORMAT, _GROUP]) or raw[2] != len(raw) - 3:
            raise ProtocolError(f"no HDLC parameters: {raw[:8].hex()}")
        found = {_SEND: DEFAULT_INFORMATION, _RECEIVE: DEFAULT_INFORMATION}
        at = 3
        while at < len(raw):
            name, value = raw[at], raw[at + 2 : at + 2 + raw[at + 1]] if at + 1 < len(raw) else b""
            if not value or len(value) != raw[at + 1]:
                raise ProtocolError("an HDLC parameter that breaks off")
            found[name] = int.from_bytes(value, "big")
            at += 2 + len(value)
        if min(found[_SEND], found[_RECEIVE]) < LEAST_INFORMATION:
            raise ProtocolError(f"HDLC information fields of less than {LEAST_INFORMATION} bytes")
        return cls(found[_SEND], found[_RECEIVE])

    def agreed(self, peer: Parameters) -> Parameters:
        """What holds for this station: it sends no more than the peer receives, and the other way round."""
        most = MOST_INFORMATION
        return Parameters(min(self.send, peer.receive, most), min(self.receive, peer.send, most))


OWN: Final = Parameters(512, 512)
"""What our stations offer (our own choice): a 30-minute row takes some 30 bytes."""


def _number(value: int) -> bytes:
    return value.to_bytes(1 if value < 256 else 2, "big")
