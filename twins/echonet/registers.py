"""A meter's registers as ECHONET Lite tells them: counts, with their times, now, at half-hours, and in histories.

Rules of this file: values are computed when they are asked for and belong to the instant ``now`` that the asker names;
times on the wire are Japan Standard Time (``meter-protocols`` §1.4). What does not exist is *no data*: rows outside the
retention or in the future, histories that were never selected, the reverse half of a pair when the meter does not
measure export.

Of the planted defects three show here: ``stale-time``, ``history-shifted``, ``wraps-at-2-32``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from protocols.echonet.epc import CODECS, UNWRAPPED
from protocols.echonet.history import MINUTE, SLOT, SLOTS_PER_DAY, Selector, series_times, slot_times
from protocols.echonet.values import AnyCodec, Raw, Special
from protocols.slots import JST, jst
from twins.meter.profiles import newest_end
from twins.meter.view import Active, MeterView, Row

NO_DATA = Special.NO_DATA
Pair = tuple[Raw, Raw]
"""Normal and reverse direction: import and export."""

_NOTHING: Pair = (NO_DATA, NO_DATA)
_2_32 = 1 << 32


class At(NamedTuple):
    """Registers at an instant: the time that is told of them, and what they were."""

    time: datetime
    active: Active


class Registers:
    """The registers of one meter. ``codecs`` are the data types that carry them."""

    def __init__(self, view: MeterView, defects: Collection[str] = ()) -> None:
        self._view = view
        self._wraps = "wraps-at-2-32" not in defects
        self._stale = SLOT if "stale-time" in defects else timedelta(0)
        self._shift = SLOT if "history-shifted" in defects else timedelta(0)
        self.codecs: Mapping[str, AnyCodec] = CODECS if self._wraps else {**CODECS, **UNWRAPPED}

    def count(self, amount: int) -> int:
        """A register of exact Wh, varh or litres as it is shown."""
        return self._view.counts(amount) if self._wraps else amount // self._view.model.unit_wh % _2_32

    def pair(self, active: Active | None) -> Pair:
        """Import and export as shown; a meter that does not measure export has no data there."""
        if active is None:
            return _NOTHING
        return self.count(active.import_wh), self.count(active.export_wh) if self._view.has_generator else NO_DATA

    def half_hour(self, now: float) -> At:
        """At the newest :00 or :30."""
        end, active = self._view.half_hour(now)
        return At(wall(end) - self._stale, active)

    def minute(self, now: float) -> At:
        """At the newest full minute."""
        end = newest_end(int(MINUTE.total_seconds()), self._view.record_time(now))
        return At(wall(end), self._view.ended(end))

    def day(self, day: Raw, now: float) -> list[Active | None]:
        """At the 48 instants of the day that lies ``day`` days back; all None while no day was selected."""
        if isinstance(day, Special):
            return [None] * SLOTS_PER_DAY
        return self._rows(self.day_times(day, now), SLOT, now)

    def day_times(self, day: int, now: float) -> list[datetime]:
        """The instants whose values a day history tells."""
        return [time - self._shift for time in slot_times(wall(now).date() - timedelta(days=day))]

    def series(self, choice: Selector, step: timedelta, now: float) -> list[Active | None]:
        """At the instants of a selection; all None while none was made."""
        if choice.time is None:
            return [None] * choice.count
        return self._rows(series_times(choice, step), step, now)

    def last_day(self, now: float) -> list[Active | None]:
        """At the newest 48 half-hours, the oldest first."""
        newest = wall(newest_end(int(SLOT.total_seconds()), now)) - self._shift
        return self._rows([newest - k * SLOT for k in reversed(range(SLOTS_PER_DAY))], SLOT, now)

    def _rows(self, times: Sequence[datetime], step: timedelta, now: float) -> list[Active | None]:
        """The rows of a record at Japanese wall-clock times."""
        rows = self._view.rows_at(int(step.total_seconds()), [unix(time) for time in times], now)
        return [_active(row) for row in rows]


def wall(at: float) -> datetime:
    """Japanese wall-clock time of an instant (Unix s), without a zone."""
    return jst(at).replace(tzinfo=None)


def unix(time: datetime) -> int:
    """Unix seconds of a Japanese wall-clock time."""
    return int(time.replace(tzinfo=JST).timestamp())


def _active(row: Row | None) -> Active | None:
    return None if row is None else row.active
