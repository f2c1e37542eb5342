"""The pieces that property data (EDT) is made of: numbers, choices, texts, dates, and rows of them.

Each codec has ``decode(edt)``, which raises :class:`~protocols.errors.ProtocolError` for bytes it cannot mean, and
``encode(value)``, which raises :class:`~protocols.echonet.errors.EncodeError`. What decodes encodes to the same bytes.
A number may be a :class:`Special` instead: ECHONET keeps codes at the end of the range for values that do not exist,
and the codes differ from property to property (``meter-protocols`` §8 trap 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from protocols.echonet.errors import EncodeError
from protocols.errors import ProtocolError

T = TypeVar("T")


class Special(Enum):
    """What stands in the place of a number that does not exist."""

    NO_DATA = "no data"
    OVERFLOW = "overflow"
    UNDERFLOW = "underflow"
    UNSET = "never set"


Raw: TypeAlias = int | Special
"""A number as it stands on the wire."""

Number: TypeAlias = Raw | Decimal
"""The same, or what :mod:`protocols.echonet.quantities` made of it; only raw ones can be encoded."""


class Codec(Protocol[T]):
    """Property data to a value and back."""

    def decode(self, edt: bytes) -> T:
        """The value."""

    def encode(self, value: T) -> bytes:
        """The bytes."""


@dataclass(frozen=True, slots=True)
class Integer:
    """A big-endian number of ``size`` bytes in ``low…high``, or one of ``specials``, keyed by its number on the wire.

    A range that begins below zero makes the field a signed one.
    """

    size: int
    low: int
    high: int
    specials: Mapping[int, Special] = field(default_factory=dict)

    def decode(self, edt: bytes) -> Raw:
        """The number."""
        _expect_size(edt, self.size)
        wire = int.from_bytes(edt, "big", signed=self.low < 0)
        special = self.specials.get(wire)
        if special is not None:
            return special
        if not self.low <= wire <= self.high:
            raise ProtocolError(f"{wire} is outside {self.low}…{self.high}")
        return wire

    def encode(self, value: Number) -> bytes:
        """The bytes."""
        wire = self._wire(value)
        return wire.to_bytes(self.size, "big", signed=self.low < 0)

    def _wire(self, value: Number) -> int:
        if isinstance(value, Special):
            for wire, special in self.specials.items():
                if special is value:
                    return wire
            raise EncodeError(f"no code here for {value.value}")
        if not isinstance(value, int) or not self.low <= value <= self.high:
            raise EncodeError(f"{value} is no whole number in {self.low}…{self.high}")
        return value


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One byte that stands for one of a few values."""

    values: Mapping[int, T]

    def decode(self, edt: bytes) -> T:
        """The value."""
        _expect_size(edt, 1)
        try:
            return self.values[edt[0]]
        except KeyError:
            raise ProtocolError(f"code {edt[0]:02x} means nothing here") from None

    def encode(self, value: T) -> bytes:
        """The byte."""
        for code, meaning in self.values.items():
            if meaning == value:
                return bytes([code])
        raise EncodeError(f"no code here for {value!r}")


@dataclass(frozen=True, slots=True)
class Octets:
    """Bytes as they are, of one of the sizes."""

    sizes: tuple[int, ...] | range

    def decode(self, edt: bytes) -> bytes:
        """The bytes."""
        if len(edt) not in self.sizes:
            raise ProtocolError(f"{len(edt)} bytes are no size of this property")
        return edt

    def encode(self, value: bytes) -> bytes:
        """The bytes."""
        if len(value) not in self.sizes:
            raise EncodeError(f"{len(value)} bytes are no size of this property")
        return value


@dataclass(frozen=True, slots=True)
class Ascii:
    """ASCII text in a field of ``size`` bytes, filled up with NUL."""

    size: int

    def decode(self, edt: bytes) -> str:
        """The text without its filling."""
        _expect_size(edt, self.size)
        if not edt.isascii():
            raise ProtocolError(f"no ASCII text: {edt.hex()}")
        return edt.decode("ascii").rstrip("\0")

    def encode(self, value: str) -> bytes:
        """The field."""
        if not value.isascii() or len(value) > self.size:
            raise EncodeError(f"{value!r} is no ASCII text of at most {self.size} characters")
        return value.encode("ascii").ljust(self.size, b"\0")


class StandardVersion(NamedTuple):
    """Which release of the device object specification an object follows: a letter, and a revision."""

    release: str
    revision: int = 0


class StandardVersionCodec:
    """EPC 82 of a device object: ``00 00 | letter | revision``."""

    def decode(self, edt: bytes) -> StandardVersion:
        """The release."""
        _expect_size(edt, 4)
        letter = chr(edt[2])
        if edt[:2] != b"\0\0" or not "A" <= letter <= "Z":
            raise ProtocolError(f"no release: {edt.hex()}")
        return StandardVersion(letter, edt[3])

    def encode(self, value: StandardVersion) -> bytes:
        """The four bytes."""
        if len(value.release) != 1 or not "A" <= value.release <= "Z" or not 0 <= value.revision <= 0xFF:
            raise EncodeError(f"no release: {value}")
        return bytes([0, 0, ord(value.release), value.revision])


class DateCodec:
    """``YYYY u16 | MM | DD``."""

    def decode(self, edt: bytes) -> date:
        """The date."""
        _expect_size(edt, 4)
        try:
            return date(int.from_bytes(edt[:2], "big"), edt[2], edt[3])
        except ValueError:
            raise ProtocolError(f"no date: {edt.hex()}") from None

    def encode(self, value: date) -> bytes:
        """The four bytes."""
        return value.year.to_bytes(2, "big") + bytes([value.month, value.day])


class TimeCodec:
    """``hh | mm``."""

    def decode(self, edt: bytes) -> time:
        """The time of day."""
        _expect_size(edt, 2)
        try:
            return time(edt[0], edt[1])
        except ValueError:
            raise ProtocolError(f"no time of day: {edt.hex()}") from None

    def encode(self, value: time) -> bytes:
        """The two bytes; seconds are cut off."""
        return bytes([value.hour, value.minute])


@dataclass(frozen=True, slots=True)
class DateTimeCodec:
    """``YYYY u16 | MM | DD | hh | mm`` and, with ``seconds``, ``| ss``: the meter's wall clock, which names no zone."""

    seconds: bool

    @property
    def size(self) -> int:
        """Bytes of the field."""
        return 7 if self.seconds else 6

    def decode(self, edt: bytes) -> datetime:
        """The wall-clock time, without a zone."""
        _expect_size(edt, self.size)
        try:
            return datetime(int.from_bytes(edt[:2], "big"), *edt[2:])
        except ValueError:
            raise ProtocolError(f"no date and time: {edt.hex()}") from None

    def encode(self, value: datetime) -> bytes:
        """The field; what is finer than it is cut off."""
        parts = (value.month, value.day, value.hour, value.minute, value.second)
        return value.year.to_bytes(2, "big") + bytes(parts[: self.size - 2])


@dataclass(frozen=True, slots=True)
class Row:
    """``count`` numbers of one kind behind each other, as a tuple."""

    item: Integer
    count: int

    @property
    def size(self) -> int:
        """Bytes of the row."""
        return self.item.size * self.count

    def decode(self, edt: bytes) -> tuple[Number, ...]:
        """The numbers."""
        _expect_size(edt, self.size)
        step = self.item.size
        return tuple(self.item.decode(edt[at : at + step]) for at in range(0, len(edt), step))

    def encode(self, value: tuple[Number, ...]) -> bytes:
        """The row."""
        if len(value) != self.count:
            raise EncodeError(f"{len(value)} numbers instead of {self.count}")
        return b"".join(map(self.item.encode, value))


AnyCodec: TypeAlias = Codec[Any]


def _expect_size(edt: bytes, size: int) -> None:
    if len(edt) != size:
        raise ProtocolError(f"{len(edt)} bytes instead of {size}")
