"""What the registers of one point hold: whole numbers of 16 and 32 bits, floats, text.

Raw values are what stands in registers, before any scale. A register is 16 bits, high byte first on the wire; which
*word* of a 32-bit number comes first is the map's matter. ``absent`` is SunSpec's code for a point that a device does
not implement; maps of other makers have no such codes.

Source of the codes: pysunspec2 1.3.7 (``mb.py``); ``pad`` from background knowledge (pysunspec2 writes 0 there).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from protocols.modbus.errors import RegisterMapError, RegisterValueError

REGISTER_BITS = 16
_REGISTER_MASK = 0xFFFF


@dataclass(frozen=True, slots=True)
class WholeType:
    """A whole number in one register or two.

    An accumulator (``wraps``) goes on at 0 behind its largest number. Its code for *absent* is a number that it can
    have as well, so ``absent`` is written, and not recognised.
    """

    words: int
    signed: bool
    absent: int
    wraps: bool = False

    @property
    def bounds(self) -> tuple[int, int]:
        """Smallest and largest raw value, *absent* included."""
        size = 1 << (REGISTER_BITS * self.words)
        return (-size // 2, size // 2 - 1) if self.signed else (0, size - 1)

    def pack(self, raw: int) -> tuple[int, ...]:
        """Registers, high word first; raises :class:`RegisterValueError` when they cannot hold the value."""
        low, high = self.bounds
        if not low <= raw <= high:
            raise RegisterValueError(f"{raw} is not within {low} to {high}")
        return tuple(
            raw >> shift & _REGISTER_MASK for shift in range(REGISTER_BITS * (self.words - 1), -1, -REGISTER_BITS)
        )

    def unpack(self, registers: Sequence[int]) -> int:
        """The raw value of registers, high word first."""
        raw = 0
        for register in registers:
            raw = raw << REGISTER_BITS | register
        _, high = self.bounds
        return raw - (1 << REGISTER_BITS * self.words) if raw > high else raw


WHOLE_TYPES = {
    "u16": WholeType(1, signed=False, absent=0xFFFF),
    "s16": WholeType(1, signed=True, absent=-0x8000),
    "u32": WholeType(2, signed=False, absent=0xFFFF_FFFF),
    "s32": WholeType(2, signed=True, absent=-0x8000_0000),
    "acc32": WholeType(2, signed=False, absent=0, wraps=True),
    "bitfield32": WholeType(2, signed=False, absent=0xFFFF_FFFF),
    "sunssf": WholeType(1, signed=True, absent=-0x8000),
    "pad": WholeType(1, signed=True, absent=-0x8000),
}
"""By the names that tables use. ``sunssf`` is the power of ten that other points are multiplied by."""

FLOAT = "f32"
TEXT = "string"
_NOT_A_NUMBER = (0x7FC0, 0x0000)


def words_of(kind: str, words: int | None) -> int:
    """Registers that a point takes; text says itself how many. Raises :class:`RegisterMapError`."""
    if kind == TEXT and words:
        return words
    if kind == FLOAT and words is None:
        return 2
    if kind in WHOLE_TYPES and words is None:
        return WHOLE_TYPES[kind].words
    raise RegisterMapError(f"no register type {kind!r} with {words} words")


def pack_float(value: float | None) -> tuple[int, ...]:
    """A single-precision number; None is the quiet NaN. Raises :class:`RegisterValueError` beyond its range."""
    if value is None:
        return _NOT_A_NUMBER
    try:
        return struct.unpack(">2H", struct.pack(">f", value))
    except OverflowError:
        raise RegisterValueError(f"{value} does not fit a single-precision number") from None


def unpack_float(registers: Sequence[int]) -> float | None:
    """A single-precision number; None for any NaN."""
    (value,) = struct.unpack(">f", struct.pack(">2H", *registers))
    return None if math.isnan(value) else float(value)


def pack_text(text: str | None, words: int) -> tuple[int, ...]:
    """Text padded with NUL; None is all NUL. Raises :class:`RegisterValueError` for text that is too long."""
    data = (text or "").encode("utf-8")
    if len(data) > 2 * words:
        raise RegisterValueError(f"{text!r} is longer than {2 * words} bytes")
    return struct.unpack(f">{words}H", data.ljust(2 * words, b"\0"))


def unpack_text(registers: Sequence[int]) -> str | None:
    """Text up to its padding; None when there is nothing but that. What is not UTF-8 is replaced."""
    data = struct.pack(f">{len(registers)}H", *registers).rstrip(b"\0")
    return data.decode("utf-8", errors="replace") or None
