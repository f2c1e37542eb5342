"""COSEM data as numbers of the contract: registers with their scaler, date-times, rows of a profile, schedules.

``take`` functions raise :class:`~hil_drivers.errors.AnswerError` for data of another kind: the meter's fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hil_drivers.errors import AnswerError
from protocols.dlms.axdr import Data, DataType, octets, structure
from protocols.dlms.clock import JST_DEVIATION, DateTime
from protocols.dlms.profile_generic import Column
from protocols.errors import ProtocolError

_SHIFTS: Final[Mapping[int, int]] = {27: 0, 30: 0, 32: 0, 33: 3, 35: 3, 13: 3}
"""Unit code (W, Wh, varh, A, V, m³; ``meter-protocols`` §3.3) to the power of ten from it to the contract's unit."""

_DATE, _TIME = slice(0, 5), slice(5, 9)  # of a date-time; behind them deviation and status
_LOCAL: Final = bytes.fromhex("800000")  # deviation not specified, status 0


@dataclass(frozen=True, slots=True)
class Scale:
    """10 to the ``exponent`` turns a register's raw number into the contract's unit."""

    exponent: int

    def apply(self, raw: int) -> int:
        """The number in the contract's unit; what is finer is cut off towards zero."""
        return int(Decimal(raw).scaleb(self.exponent))


def take_int(data: Data) -> int:
    """A number, or a boolean as 0 or 1."""
    if isinstance(data.value, int):
        return int(data.value)
    raise AnswerError(f"the meter's answer: {data.type.name} instead of a number")


def take_octets(data: Data) -> bytes:
    """Bytes; a visible-string counts as its ASCII."""
    if isinstance(data.value, bytes):
        return data.value
    if data.type is DataType.VISIBLE_STRING and isinstance(data.value, str):
        return data.value.encode("ascii")
    raise AnswerError(f"the meter's answer: {data.type.name} instead of octets")


def take_bits(data: Data) -> str:
    """A bit-string, first bit first."""
    if data.type is DataType.BIT_STRING and isinstance(data.value, str):
        return data.value
    raise AnswerError(f"the meter's answer: {data.type.name} instead of bits")


def take_members(data: Data, size: int | None = None) -> tuple[Data, ...]:
    """Members of a structure or an array, ``size`` of them."""
    if isinstance(data.value, tuple) and size in (None, len(data.value)):
        return data.value
    raise AnswerError(f"the meter's answer: {data.type.name} instead of {size or 'some'} members")


def take_time(data: Data) -> int:
    """Unix seconds of a date-time; one without deviation is Japan's."""
    return _unix(take_octets(data))


def take_scale(data: Data) -> Scale:
    """The scaler of a register; a unit that the contract does not know is refused."""
    scaler, unit = map(take_int, take_members(data, 2))
    if unit not in _SHIFTS or not -18 <= scaler <= 18:
        raise AnswerError(f"the meter's answer: a register with scaler {scaler} and unit {unit}")
    return Scale(scaler + _SHIFTS[unit])


def take_columns(data: Data) -> list[Column]:
    """The capture objects of a profile."""
    columns = []
    for entry in take_members(data):
        class_id, name, attribute, index = take_members(entry, 4)
        columns.append(Column(take_int(class_id), take_octets(name), take_int(attribute), take_int(index)))
    return columns


def cells(rows: Sequence[Sequence[Data]], columns: Sequence[Column], *needed: bytes) -> list[dict[bytes, Data]]:
    """Cells of each row by the logical name of their column; the columns ``needed`` must be among them."""
    for name in set(needed) - {column.obis for column in columns}:
        raise AnswerError(f"the meter's answer: a profile without the column {name.hex()}")
    if any(len(row) != len(columns) for row in rows):
        raise AnswerError(f"the meter's answer: a row that has not the {len(columns)} cells of its profile")
    return [{column.obis: cell for column, cell in zip(columns, row, strict=True)} for row in rows]


def schedule_entry(at: int) -> Data:
    """An execution time of IC22: time and date in Japan, as octets."""
    raw = DateTime.from_unix(at).to_bytes()
    return structure(octets(raw[_TIME]), octets(raw[_DATE]))


def take_schedule_entry(data: Data) -> int:
    """Unix seconds of an execution time."""
    time, date = map(take_octets, take_members(data, 2))
    return _unix(date + time + _LOCAL)


def text_of(data: Data) -> str:
    """A name as text: ASCII where that can be shown, else hex."""
    raw = take_octets(data).rstrip(b"\0")
    text = raw.decode("ascii", "replace")
    return text if text.isascii() and text.isprintable() else raw.hex().upper()


def _unix(raw: bytes) -> int:
    try:
        return DateTime.from_bytes(raw).unix(JST_DEVIATION)
    except ProtocolError as error:
        raise AnswerError(f"the meter's answer: {error}") from error
