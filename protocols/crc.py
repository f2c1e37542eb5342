"""The cyclic check of serial lines: 16 bits, low bit first, begun with ones; protocols differ in its polynomial."""

from __future__ import annotations


class Crc16:
    """A check by ``polynomial``, which is given with its bits reversed."""

    def __init__(self, polynomial: int) -> None:
        self._table = []
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (polynomial if byte & 1 else 0)
            self._table.append(byte)

    def of(self, data: bytes) -> int:
        """The check of some bytes."""
        value = 0xFFFF
        for byte in data:
            value = value >> 8 ^ self._table[(value ^ byte) & 0xFF]
        return value
