"""Demand of a high-voltage meter: the mean power of each half-hour, and the largest of a month.

A month begins at 00:00 of the meter's closing day. Half-hours of whole days are looked at once; only the running day is
looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from protocols.echonet.history import SLOT
from twins.echonet.registers import unix, wall
from twins.meter.profiles import newest_end
from twins.meter.view import Active, MeterView

_PERIOD = int(SLOT.total_seconds())
_PER_HOUR = 3600 // _PERIOD
_DAY = timedelta(days=1)

Watts = tuple[int, int]
"""Import and export in W, as the meter sees them."""


class Demand:
    """The demand of one meter, whose months begin with ``closing_day``."""

    def __init__(self, view: MeterView, closing_day: int) -> None:
        self._view, self._closing_day = view, closing_day
        self._began: date | None = None
        self._largest: dict[date, Watts] = {}  # of the whole days of the month that began then

    def newest(self, now: float) -> Watts:
        """Of the newest half-hour that has ended."""
        end = newest_end(_PERIOD, self._view.record_time(now))
        return _mean(self._view.ended(end - _PERIOD), self._view.ended(end))

    def at(self, times: Sequence[datetime], now: float) -> list[Watts | None]:
        """Of the half-hours that ended at wall-clock times, which follow each other; None where there is no row."""
        rows = self._view.rows_at(_PERIOD, [unix(each) for each in (times[0] - SLOT, *times)], now)
        return [
            None if before is None or after is None else _mean(before.active, after.active)
            for before, after in pairwise(rows)
        ]

    def largest_of_month(self, now: float) -> Watts:
        """The largest half-hour of each direction since the month began; 0 before its first half-hour has ended."""
        today, began = wall(now).date(), self.month_began(now)
        newest = max(self._largest, default=began - _DAY)
        if began != self._began or newest >= today:  # another month, or an instant before those asked for until now
            self._began, self._largest, newest = began, {}, began - _DAY
        found = self._by_day(newest + _DAY, now)
        self._largest |= {day: watts for day, watts in found.items() if day < today}
        return _largest([(0, 0), *self._largest.values(), *found.values()])

    def month_began(self, now: float) -> date:
        """The newest closing day that has begun."""
        today = wall(now).date()
        here = today.replace(day=self._closing_day)
        return here if here <= today else (here.replace(day=1) - _DAY).replace(day=self._closing_day)

    def _by_day(self, first: date, now: float) -> dict[date, Watts]:
        """The largest half-hour of each day from ``first`` on, as far as half-hours have ended."""
        rows = self._view.record(_PERIOD, unix(datetime.combine(first, time())), now, now)
        by_day: dict[date, list[Watts]] = {}
        for before, after in pairwise(rows):
            by_day.setdefault(wall(before.end).date(), []).append(_mean(before.active, after.active))
        return {day: _largest(all_watts) for day, all_watts in by_day.items()}


def _mean(before: Active, after: Active) -> Watts:
    return _PER_HOUR * (after.import_wh - before.import_wh), _PER_HOUR * (after.export_wh - before.export_wh)


def _largest(each: Iterable[Watts]) -> Watts:
    imported, exported = zip(*each, strict=True)
    return max(imported), max(exported)
