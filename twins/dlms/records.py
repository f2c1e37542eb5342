"""The load profiles and the event log of a twin as rows of profile generic (IC7).

Rows are stamped with the end of their period in true time, as readings are (``docs/meter-model.md``). The status of a
row says whether the line failed in its period.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from protocols.dlms.axdr import encode, octets
from protocols.dlms.clock import DateTime
from protocols.dlms.objects import CosemObject
from protocols.dlms.profile import REGISTER_SPAN
from protocols.dlms.profile_generic import CLOCK_COLUMN, Column, Row, profile_object
from protocols.dlms.values import uint8, uint16, uint32
from protocols.slots import SLOT_SECONDS
from twins.device.device import Device
from twins.dlms import names
from twins.memory.parts import MOST_EVENTS
from twins.meter.profiles import rule
from twins.meter.view import Active
from twins.meter.view import Row as MeterRow

POWER_DOWN: Final = 0x80
"""Status bit of a row in whose period the line failed."""

_OLD, _KWH = 3600, 1000  # s and Wh of the planted defect `rewrites-history`
_SHORT: Final = 40 * 86_400  # s, of `short-history`
_GAP: Final = 3600  # s, of `profile-gaps`: each row that ends on the hour is missing

STATUS_COLUMN: Final = Column(1, names.STATUS, 2)

_CELLS: Final[dict[str, tuple[bytes, Callable[[MeterRow], int]]]] = {
    "import": (names.IMPORT_WH, lambda row: row.active.import_wh % REGISTER_SPAN),
    "export": (names.EXPORT_WH, lambda row: row.active.export_wh % REGISTER_SPAN),
    "plus": (names.PLUS_VARH, lambda row: 0 if row.reactive is None else row.reactive.plus_varh % REGISTER_SPAN),
    "minus": (names.MINUS_VARH, lambda row: 0 if row.reactive is None else row.reactive.minus_varh % REGISTER_SPAN),
    "voltage_r": (names.VOLTAGE_R, lambda row: row.voltage_r_mv or 0),
    "voltage_t": (names.VOLTAGE_T, lambda row: row.voltage_t_mv or 0),
}


class LoadProfile:
    """The rows of one period (s) that a device has: a :class:`protocols.dlms.profile_generic.RowSource`.

    ``defects`` are planted faults by name.
    """

    def __init__(
        self, device: Device, period: int, keep: int, cells: Sequence[str], defects: Collection[str] = ()
    ) -> None:
        self._device, self._defects = device, frozenset(defects)
        self.period, self.capacity = period, keep // period
        self._cells = [_CELLS[name][1] for name in cells]
        self.columns = (CLOCK_COLUMN, STATUS_COLUMN, *(Column(3, _CELLS[name][0], 2) for name in cells))

    def count(self) -> int:
        """Rows that are there."""
        return len(self._ends())

    def between(self, first: int | None, last: int | None) -> Iterable[Row]:
        """Rows by their time."""
        begin, end = 0 if first is None else first, math.inf if last is None else last
        if "short-history" in self._defects:
            begin = max(begin, int(self._device.now) - _SHORT)
        rows = self._device.view.record(self.period, begin, end, self._device.now)
        gaps = "profile-gaps" in self._defects
        return (self._row(row) for row in rows if not gaps or row.end % _GAP)

    def entries(self, first: int, last: int) -> Iterable[Row]:
        """Rows by their number."""
        ends = self._ends()[first - 1 : last]
        return self.between(ends[0], ends[-1])

    def _ends(self) -> Sequence[int]:
        return self._device.view.ends(self.period, self._device.now)

    def _row(self, row: MeterRow) -> Row:
        if "rewrites-history" in self._defects and row.end <= self._device.now - _OLD:
            imported, exported = row.active
            row = row._replace(active=Active(imported + _KWH, exported))
        failed = any(
            opening.outage and opening.begin < row.end and (opening.end is None or opening.end > row.end - self.period)
            for opening in self._device.memory.openings
        )
        values = [encode(uint32(cell(row))) for cell in self._cells]
        return (_stamp(row.end), encode(uint8(POWER_DOWN if failed else 0)), *values)


class EventLog:
    """The event log of a device: time of the meter's own clock, and a code."""

    columns = (CLOCK_COLUMN, Column(1, names.EVENT_CODE, 2))
    period = 0
    capacity = MOST_EVENTS

    def __init__(self, device: Device) -> None:
        self._device = device

    def count(self) -> int:
        """Events that are there."""
        return len(self._device.memory.events)

    def between(self, first: int | None, last: int | None) -> Iterable[Row]:
        """Events by their time."""
        return [
            (_stamp(event.time), encode(uint16(event.code)))
            for event in self._device.memory.events
            if (first is None or event.time >= first) and (last is None or event.time <= last)
        ]

    def entries(self, first: int, last: int) -> Iterable[Row]:
        """Events by their number."""
        return [(_stamp(e.time), encode(uint16(e.code))) for e in list(self._device.memory.events)[first - 1 : last]]


def records(device: Device, defects: Collection[str] = ()) -> list[CosemObject]:
    """The profiles that a meter of this class and generation has, and its event log.

    ``defects`` are planted in the 30-minute profile.
    """
    found = []
    for period, name in names.PROFILES.items():
        own = rule(device.view.meter_class, device.view.generation, period)
        if own is not None and own.collected:
            cells = [cell for column in own.columns for cell in _cells_of(column, device.view.three_wire)]
            planted = defects if period == SLOT_SECONDS else ()
            found.append(profile_object(name, LoadProfile(device, period, own.keep, cells, planted)))

    def clear() -> None:
        device.memory.note("events", None)
        device.log("log_cleared")

    return [*found, profile_object(names.EVENT_LOG, EventLog(device), reset=clear)]


def _cells_of(column: str, three_wire: bool) -> list[str]:
    if column != "voltage":
        return [column]
    return ["voltage_r", "voltage_t"] if three_wire else ["voltage_r"]


def _stamp(at: int) -> bytes:
    return encode(octets(DateTime.from_unix(at).to_bytes()))
