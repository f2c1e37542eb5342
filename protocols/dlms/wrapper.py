"""The TCP/UDP wrapper around an APDU (IEC 62056-47): ``version 0001 | source | destination | length``, each a u16.

Source and destination are the *wPorts*: the client's address (16 public, 1 management) and the logical device's
(1 for the only one of a meter). Vectors: ``meter-protocols`` §3.2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from protocols.dlms.axdr import MAX_APDU
from protocols.dlms.errors import EncodeError
from protocols.errors import ProtocolError

PORT = 4059
"""The registered port, TCP and UDP."""

VERSION = 1

_HEADER = struct.Struct(">4H")


@dataclass(frozen=True, slots=True)
class Frame:
    """One wrapped APDU; ``source`` and ``destination`` are u16."""

    source: int
    destination: int
    apdu: bytes

    def to_bytes(self) -> bytes:
        """Header and APDU."""
        try:
            return _HEADER.pack(VERSION, self.source, self.destination, len(self.apdu)) + self.apdu
        except struct.error:
            raise EncodeError(
                f"an APDU of {len(self.apdu)} bytes from {self.source} to {self.destination} has no wrapper"
            ) from None


class WrapperReader:
    """Frames out of a byte stream that comes in any chunks; holds at most one unfinished frame.

    A stream that once broke the rules has lost its frame boundaries for good: every further :meth:`feed` raises again.
    """

    def __init__(self, max_apdu: int = MAX_APDU) -> None:
        self._max_apdu = max_apdu
        self._buffer = bytearray()
        self._broken = False

    @property
    def pending(self) -> int:
        """Bytes of the unfinished frame."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that these bytes complete.

        Raises :class:`~protocols.errors.ProtocolError` for another version or a length above the limit; the frames
        before it in the same chunk are lost with the stream.
        """
        if self._broken:
            raise ProtocolError("the stream has lost its frame boundaries")
        self._buffer += chunk
        frames = []
        at = 0
        while (size := self._frame_size(at)) is not None and at + size <= len(self._buffer):
            _, source, destination, _ = _HEADER.unpack_from(self._buffer, at)
            frames.append(Frame(source, destination, bytes(self._buffer[at + _HEADER.size : at + size])))
            at += size
        del self._buffer[:at]
        return frames

    def _frame_size(self, at: int) -> int | None:
        """Bytes of the frame that starts at ``at``, or None while its header is unfinished."""
        if len(self._buffer) - at < _HEADER.size:
            return None
        version, _, _, length = _HEADER.unpack_from(self._buffer, at)
        if version == VERSION and length <= self._max_apdu:
            return _HEADER.size + int(length)
        self._broken = True
        self._buffer.clear()
        raise ProtocolError(
            f"wrapper version {version}" if version != VERSION else f"an APDU of {length} bytes, above {self._max_apdu}"
        )
