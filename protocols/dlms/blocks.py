"""Long values in blocks, both ways: numbered from 1, one at a time, each acknowledged by the peer.

:class:`Outgoing` cuts a value, :class:`Incoming` puts one together. What a break is called on the wire differs from
service to service, so both raise a :class:`BlockError` that carries the DataAccessResult meant for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.dlms.apdu import DataAccessResult, uint
from protocols.dlms.axdr import Reader, encode_length
from protocols.dlms.errors import EncodeError
from protocols.errors import ProtocolError

MAX_VALUE: Final = 4 * 1024 * 1024
"""Bytes of one value in blocks, our own limit: 45 days of 5-minute rows with 8 columns are 0.7 MB."""

OVERHEAD: Final = 16
"""Bytes of an APDU around a block: tag, choice, invoke id, result, number, last, and the length in long form."""


class BlockError(ProtocolError):
    """A block that is not the next one, or one too many; ``result`` names it on the wire."""

    def __init__(self, result: DataAccessResult, what: str) -> None:
        super().__init__(what)
        self.result = result


@dataclass(frozen=True, slots=True)
class Block:
    """A datablock of a set, or a pblock of an action."""

    last: bool
    number: int
    content: bytes

    def to_bytes(self) -> bytes:
        """Last, number, length and content."""
        return bytes([self.last]) + uint(self.number, 4) + encode_length(len(self.content)) + self.content

    @classmethod
    def read(cls, reader: Reader) -> Block:
        """Take a block from a reader."""
        return cls(reader.integer(1) != 0, reader.integer(4), reader.take(reader.length()))


class Outgoing:
    """A value on its way out; each block may be of another size, as the protection around it may change."""

    def __init__(self, value: bytes) -> None:
        if len(value) > MAX_VALUE:
            raise EncodeError(f"{len(value)} bytes in blocks, at most {MAX_VALUE} are allowed")
        self._value = value
        self._at = 0
        self._sent = 0

    @property
    def done(self) -> bool:
        """Whether the last block has been handed out."""
        return self._sent > 0 and self._at >= len(self._value)

    def first(self, size: int) -> Block:
        """Block 1, of at most ``size`` bytes."""
        return self.after(0, size)

    def after(self, number: int, size: int) -> Block:
        """The block of at most ``size`` bytes that follows ``number``, which must be the one handed out last."""
        if size < 1:
            raise EncodeError(f"a block of {size} bytes")
        if number != self._sent or self.done:
            raise BlockError(DataAccessResult.DATA_BLOCK_NUMBER_INVALID, f"block {number} is not the last one sent")
        content = self._value[self._at : self._at + size]
        self._at += len(content)
        self._sent += 1
        return Block(self.done, self._sent, content)


class Incoming:
    """A value on its way in; ``limit`` bytes at most."""

    def __init__(self, limit: int = MAX_VALUE) -> None:
        self._limit = limit
        self._value = bytearray()
        self._count = 0

    def take(self, block: Block) -> bytes | None:
        """Add the next block; the whole value when it was the last one, else None."""
        if block.number != self._count + 1:
            raise BlockError(
                DataAccessResult.DATA_BLOCK_NUMBER_INVALID, f"block {block.number} after block {self._count}"
            )
        if len(self._value) + len(block.content) > self._limit:
            raise BlockError(DataAccessResult.LONG_SET_ABORTED, f"more than {self._limit} bytes in blocks")
        if not block.content and not block.last:  # or a peer could keep a transfer open for ever at no cost
            raise BlockError(DataAccessResult.DATA_BLOCK_UNAVAILABLE, "an empty block that is not the last")
        self._count += 1
        self._value += block.content
        return bytes(self._value) if block.last else None
