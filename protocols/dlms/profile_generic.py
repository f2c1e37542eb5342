"""Profile generic (IC7) over any source of rows: whole, by range of the clock, by entries, any columns.

The rows themselves belong to a :class:`RowSource`: a twin recomputes them, a test holds a list. Cells travel encoded,
so that a source may build a long column at once. Selective access: ``meter-protocols`` §3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.axdr import Data, DataType, array, encode_length, octets, structure
from protocols.dlms.blocks import MAX_VALUE
from protocols.dlms.clock import JST_DEVIATION, TIME_BYTES, DateTime
from protocols.dlms.errors import RefusalError
from protocols.dlms.objects import Attr, Call, CosemObject
from protocols.dlms.roles import IDENTIFIED, MANAGERS, NOBODY
from protocols.dlms.values import (
    enum,
    int8,
    take_array,
    take_integer,
    take_octets,
    take_structure,
    uint16,
    uint32,
)
from protocols.errors import ProtocolError

BY_RANGE: Final = 1
BY_ENTRY: Final = 2
FIFO: Final = 1
_UNSPECIFIED_TIME: Final = DateTime().to_bytes()

Row: TypeAlias = Sequence[bytes]
"""One row: a cell for each column of the source, each the A-XDR encoding of its value."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column captures: an attribute of an object, ``index`` 0 for all of it."""

    class_id: int
    obis: bytes
    attribute: int
    index: int = 0

    def to_data(self) -> Data:
        """The capture object definition."""
        return structure(uint16(self.class_id), octets(self.obis), int8(self.attribute), uint16(self.index))

    @classmethod
    def from_data(cls, data: Data) -> Column:
        """Read a capture object definition; refuses any other structure."""
        class_id, obis, attribute, index = take_structure(data, 4)
        return cls(
            take_integer(class_id, DataType.UINT16),
            take_octets(obis),
            take_integer(attribute, DataType.INT8),
            take_integer(index, DataType.UINT16),
        )


CLOCK_COLUMN: Final = Column(8, bytes([0, 0, 1, 0, 0, 255]), 2)


class RowSource(Protocol):
    """Rows, oldest first, with the time of their clock in ascending order."""

    @property
    def columns(self) -> Sequence[Column]:
        """What the cells are; one of them is :data:`CLOCK_COLUMN` if a range can be read."""

    @property
    def period(self) -> int:
        """Seconds between rows, 0 when they come with events."""

    @property
    def capacity(self) -> int:
        """Rows kept at most."""

    def count(self) -> int:
        """Rows kept now."""

    def between(self, first: int | None, last: int | None) -> Iterable[Row]:
        """Rows stamped from ``first`` to ``last`` (Unix seconds, both included; None is open)."""

    def entries(self, first: int, last: int) -> Iterable[Row]:
        """Rows ``first`` to ``last``, both included, counted from 1; both exist."""


def profile_object(
    obis: bytes,
    source: RowSource,
    *,
    read: frozenset[int] = IDENTIFIED,
    reset: Callable[[], None] | None = None,
    capture: Callable[[], None] | None = None,
) -> CosemObject:
    """The object; ``reset`` and ``capture`` are offered to the management client where they are given."""
    columns = array(*(column.to_data() for column in source.columns))
    offered = {"reset": reset, "capture": capture}
    return CosemObject(
        7,
        obis,
        {
            "buffer": Attr(
                lambda: encode_rows(source, source.between(None, None), range(len(source.columns))),
                select=lambda selector, parameters: _select(source, selector, parameters),
                selectors=(BY_RANGE, BY_ENTRY),
                read=read,
            ),
            "capture_objects": Attr(columns, read=read),
            "capture_period": Attr(uint32(source.period), read=read),
            "sort_method": Attr(enum(FIFO), read=read),
            "sort_object": Attr(CLOCK_COLUMN.to_data(), read=read, write=NOBODY),
            "entries_in_use": Attr(lambda: uint32(source.count()), read=read),
            "profile_entries": Attr(uint32(source.capacity), read=read),
        },
        {name: Call(_without_parameters(run), MANAGERS) for name, run in offered.items() if run is not None},
    )


def encode_rows(source: RowSource, rows: Iterable[Row], chosen: Sequence[int]) -> bytes:
    """The buffer: an array of structures of the chosen columns (by position); refuses what no transfer could carry."""
    head = bytes([DataType.STRUCTURE]) + encode_length(len(chosen))
    whole = len(chosen) == len(source.columns)
    encoded, size = [], 0
    for row in rows:
        encoded.append(head + b"".join(row if whole else [row[at] for at in chosen]))
        size += len(encoded[-1])
        if size > MAX_VALUE:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"more than {MAX_VALUE} bytes of rows")
    return bytes([DataType.ARRAY]) + encode_length(len(encoded)) + b"".join(encoded)


def _select(source: RowSource, selector: int, parameters: Data) -> bytes:
    return (_by_range if selector == BY_RANGE else _by_entry)(source, parameters)


def _by_range(source: RowSource, parameters: Data) -> bytes:
    """Selector 1: ``{restricting object, from, to, columns}``; no columns is all of them, in the profile's order."""
    by, start, end, wanted = take_structure(parameters, 4)
    if Column.from_data(by) != CLOCK_COLUMN or CLOCK_COLUMN not in source.columns:
        raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "a range of something other than the clock")
    names = {Column.from_data(column) for column in take_array(wanted)}
    if names - set(source.columns):
        raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "a column that the profile has not")
    chosen = [at for at, column in enumerate(source.columns) if column in names or not names]
    return encode_rows(source, source.between(_instant(start), _instant(end)), chosen)


def _by_entry(source: RowSource, parameters: Data) -> bytes:
    """Selector 2: ``{from entry, to entry, from column, to column}``, counted from 1; *to* 0 is the last one."""
    first, last, left, right = take_structure(parameters, 4)
    from_entry, to_entry = (take_integer(number, DataType.UINT32) for number in (first, last))
    from_column, to_column = (take_integer(number, DataType.UINT16) for number in (left, right))
    width, count = len(source.columns), source.count()
    to_entry, to_column = min(to_entry or count, count), to_column or width
    if from_entry < 1 or not 1 <= from_column <= to_column <= width:
        raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "entries or columns that cannot be counted so")
    rows = source.entries(from_entry, to_entry) if from_entry <= to_entry else ()
    return encode_rows(source, rows, range(from_column - 1, to_column))


def _instant(data: Data) -> int | None:
    """Unix seconds of one end of a range; null or a date-time that specifies nothing leaves it open."""
    if data.type is DataType.NULL:
        return None
    raw = data.value if data.type is DataType.DATE_TIME and isinstance(data.value, bytes) else take_octets(data)
    if raw == _UNSPECIFIED_TIME:
        return None
    if len(raw) != TIME_BYTES:
        raise RefusalError(DataAccessResult.TYPE_UNMATCHED, f"a date-time of {len(raw)} bytes")
    try:
        return DateTime.from_bytes(raw).unix(JST_DEVIATION)
    except ProtocolError as error:
        raise RefusalError(DataAccessResult.TYPE_UNMATCHED, str(error)) from None


def _without_parameters(run: Callable[[], None]) -> Callable[[Data | None], None]:
    def call(parameters: Data | None) -> None:
        run()

    return call
