"""The meter contract over ECHONET Lite, whatever carries the frames: UDP or a Wi-SUN stick.

Histories are selected and then read, and every controller of a meter shares the selection: an answer that shows another
one than ours is asked for again (``meter-protocols`` §8 trap 11). A day history names no date, so the meter's date is
looked at before and after (trap 10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from hil_drivers.errors import AnswerError, UnsupportedError
from hil_drivers.meter import Can, ClockReading, Identity, Instant, Meter, ProfileRow, Registers
from hil_drivers.meters import echonet_layout as layouts
from hil_drivers.meters.echonet_node import Carrier, EchonetNode
from hil_drivers.times import midnight, unix_of, wall_of
from protocols.echonet.frame import LV_METER, Eoj
from protocols.echonet.history import Selector, Stamped, series_times
from protocols.echonet.quantities import Quantity
from protocols.echonet.values import Special, StandardVersion
from protocols.slots import SLOT_SECONDS

_THOUSANDTHS: Final = {"kWh": 1000, "A": 1000, "m³": 1000, "W": 1}
"""What turns a quantity's unit into the contract's."""

_MINUTE: Final = 60
_ROWS_AT_ONCE: Final = 10  # of the one-minute history
_OLDEST_DAY: Final = 99
_ATTEMPTS: Final = 3


class EchonetMeter(Meter):
    """Reads the object ``eoj`` behind a carrier."""

    def __init__(self, carrier: Carrier, eoj: Eoj = LV_METER) -> None:
        self._layout = layouts.layout_of(eoj.class_code)
        self._node = EchonetNode(carrier, eoj)

    def close(self) -> None:
        """Let go of the carrier."""
        self._node.close()

    def identity(self) -> Identity:
        """Super class 8A, 8C, 8D, release 82, route-B number C0."""
        named = {
            layouts.MAKER: "maker",
            layouts.PRODUCT: "product",
            layouts.SERIAL: "serial",
            layouts.ROUTE_B_ID: "route_b_id",
            layouts.STANDARD: "standard",
        }
        found = self._node.read(named)
        return Identity(**{named[epc]: _text(quantity.value) for epc, quantity in found.items()})

    def clock(self) -> ClockReading:
        """Properties 98 and 97, to the minute."""
        time = _time_in(self._node.read((layouts.DATE, layouts.TIME_OF_DAY)))
        if time is None:
            raise UnsupportedError(f"{self._node.place}: this meter does not show its clock over {self.protocol}")
        return ClockReading(time, _MINUTE)

    def registers(self) -> Registers:
        """Cumulative registers, with what one count stands for."""
        digits = self._layout.digits
        wanted = (*self._layout.registers, layouts.DATE, layouts.TIME_OF_DAY, *(() if digits is None else (digits,)))
        found = self._node.read(wanted)
        fields = _fields(found, self._layout.registers)
        resolution = wraps = None
        if "import_wh" in fields:
            count = self._node.count(next(iter(self._layout.registers))) * _THOUSANDTHS["kWh"]
            resolution = max(1, int(count))
            wraps = int(count * 10 ** found[digits].value) if digits in found else None
        return Registers(time=_time_in(found), resolution_wh=resolution, wraps_at_wh=wraps, **fields)

    def instant(self) -> Instant:
        """Power, and the magnitudes of the currents; no class carries voltages."""
        if not self._layout.instant:
            raise UnsupportedError(f"class {self._node.object_class.class_code:04X} has no {Can.INSTANT.value}")
        found = self._node.read((*self._layout.instant, layouts.DATE, layouts.TIME_OF_DAY))
        fields = _fields(found, self._layout.instant)
        values = {name: value if name == "power_w" else abs(value) for name, value in fields.items()}
        return Instant(time=_time_in(found), **values)

    def profile(self, period_s: int, first: int, last: int) -> list[ProfileRow]:
        """Rows of 30 minutes out of day histories, of 1 minute out of the history behind its selector."""
        readable = self._node.readable()
        if period_s == SLOT_SECONDS and readable & set(self._layout.days.values()):
            return self._half_hours(first, last)
        if period_s == _MINUTE and self._layout.minutes and self._layout.minutes[1] in readable:
            return sorted(self._minutes(self._layout.minutes, first, last), key=lambda row: row.end)
        raise UnsupportedError(
            f"{self._node.place}: this meter has no rows of {period_s / 60:g} min by {self.protocol}"
        )

    def _half_hours(self, first: int, last: int) -> list[ProfileRow]:
        for _ in range(_ATTEMPTS):
            today = self._today()
            rows = [row for back in self._days_back(today, first, last) for row in self._day(today, back)]
            if self._today() == today:
                return [row for row in rows if first <= row.end <= last]
        raise AnswerError(f"{self._node.place}: the meter's date does not stand still")

    def _days_back(self, today: date, first: int, last: int) -> list[int]:
        oldest = min((today - wall_of(first).date()).days, _OLDEST_DAY)
        newest = max((today - wall_of(last).date()).days, 0)
        return list(range(oldest, newest - 1, -1))

    def _day(self, today: date, back: int) -> list[ProfileRow]:
        """The rows of one day that the meter has, selected by its distance from today."""
        start = midnight(today - timedelta(days=back))
        histories = self._selected(self._layout.day_selector, back, self._layout.days.values(), lambda got: got.day)
        columns = {field: histories[epc].values for field, epc in self._layout.days.items() if epc in histories}
        rows = (
            ProfileRow(start + k * SLOT_SECONDS, **_wh(dict(zip(columns, values, strict=True))))
            for k, values in enumerate(zip(*columns.values(), strict=True))
        )
        return [row for row in rows if _has_values(row)]

    def _minutes(self, where: tuple[int, int], first: int, last: int) -> Iterator[ProfileRow]:
        """Rows backwards from ``last`` or the meter's present, until there are none any more."""
        selector, history = where
        at = min(last, self._now()) // _MINUTE * _MINUTE
        while at >= first:
            count = min(_ROWS_AT_ONCE, (at - first) // _MINUTE + 1)
            asked = Selector(wall_of(at), count)
            series = self._selected(selector, asked, (history,), lambda got: got.selector)[history]
            rows = [
                ProfileRow(unix_of(time), **_wh(dict(zip(("import_wh", "export_wh"), values, strict=True))))
                for time, values in zip(series_times(series.selector, timedelta(minutes=1)), series.rows, strict=True)
            ]
            kept = [row for row in rows if _has_values(row)]
            if not kept:
                return
            yield from kept
            at -= count * _MINUTE

    def _selected(
        self, selector: int | None, asked: Any, histories: Iterable[int], shown: Callable[[Any], Any]
    ) -> dict[int, Any]:
        """Histories under a selection of ours."""
        if selector is None:
            raise UnsupportedError(f"class {self._node.object_class.class_code:04X} has no selection of histories")
        for _ in range(_ATTEMPTS):
            self._node.select(selector, asked)
            found = {epc: quantity.value for epc, quantity in self._node.read(histories).items()}
            if found and all(shown(value) == asked for value in found.values()):
                return found
        raise AnswerError(f"{self._node.place}: another selection than ours: does another controller read histories?")

    def _now(self) -> int:
        """The meter's present time: its clock, or the stamp of its registers."""
        time = _time_in(self._node.read((layouts.DATE, layouts.TIME_OF_DAY)))
        if time is None:
            time = _time_in(self._node.read(self._layout.registers))
        if time is None:
            raise UnsupportedError(f"{self._node.place}: this meter shows no time, so its histories have none")
        return time

    def _today(self) -> date:
        return wall_of(self._now()).date()


def _time_in(found: Mapping[int, Quantity]) -> int | None:
    """The meter's time among some properties: a stamp to the second, or its clock to the minute."""
    for quantity in found.values():
        if isinstance(quantity.value, Stamped):
            return unix_of(quantity.value.time)
    if {layouts.DATE, layouts.TIME_OF_DAY} <= found.keys():
        return unix_of(datetime.combine(found[layouts.DATE].value, found[layouts.TIME_OF_DAY].value))
    return None


def _fields(found: Mapping[int, Quantity], wanted: Mapping[int, tuple[str, ...]]) -> dict[str, int]:
    """Numbers in the contract's units by field; those that do not exist are left out."""
    fields = {}
    for epc, names in wanted.items():
        if epc in found:
            value, unit = found[epc].value, found[epc].unit
            value = value.values if isinstance(value, Stamped) else value
            numbers = value if isinstance(value, tuple) else (value,)
            for name, number in zip(names, numbers, strict=True):
                if not isinstance(number, Special):
                    fields[name] = int(number * _THOUSANDTHS[unit])
    return fields


def _wh(values: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(value * _THOUSANDTHS["kWh"]) for name, value in values.items() if not isinstance(value, Special)}


def _has_values(row: ProfileRow) -> bool:
    return row.import_wh is not None or row.export_wh is not None


def _text(value: Any) -> str:
    if isinstance(value, StandardVersion):
        return f"ECHONET Lite release {value.release} rev. {value.revision}"
    return value.hex().upper() if isinstance(value, bytes) else str(value)
