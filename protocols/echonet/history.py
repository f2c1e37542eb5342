"""Values with their times: fixed-time registers, day histories, and histories behind a selector.

Layouts: ``meter-protocols`` §1.4. None of these fields names a time zone: times are the meter's wall clock.

* A *stamped* value (0x0288 EA, EB, D0) is a time and its registers. EA and EB bear the end of their half-hour.
* A *day history* (E2, E4) says how many days ago, not which date: read across midnight it is ambiguous (trap 10). Its
  slot k is the register at k × 30 min after 00:00, the same instant that EA names (trap 15).
* A *series* (EC, EE) follows a selector (ED, EF): a time and a number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from protocols.echonet.errors import EncodeError
from protocols.echonet.values import DateTimeCodec, Integer, Number, Row, Special
from protocols.errors import ProtocolError

SLOTS_PER_DAY = 48
SLOT = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)

_UNSET_TIME = b"\xff" * 6
_TIME_6 = DateTimeCodec(seconds=False)
_TIME_7 = DateTimeCodec(seconds=True)
_DAY_OF_HISTORY = Integer(2, 0, 99, {0x00FF: Special.UNSET})


@dataclass(frozen=True, slots=True)
class Stamped:
    """Registers at one instant."""

    time: datetime
    values: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class DayHistory:
    """The 48 half-hour registers of the day that lies ``day`` days back (0 is today)."""

    day: Number
    values: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class Selector:
    """From which time backwards, and how many rows; the time is None until a controller sets it."""

    time: datetime | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Series:
    """Rows of registers (import, export), the first at the selector's time."""

    selector: Selector
    rows: tuple[tuple[Number, ...], ...]


def series_times(selector: Selector, step: timedelta) -> list[datetime]:
    """The instants of a series' rows: it runs *backwards* from the selected time.

    The specification at hand does not say so; an independent client reads it this way (``meter-protocols`` §1.4,
    §9). This is the only place that knows the direction. Raises :class:`ProtocolError` where time ends.
    """
    if selector.time is None:
        return []
    try:
        return [selector.time - k * step for k in range(selector.count)]
    except OverflowError:
        raise ProtocolError(f"{selector.count} rows before {selector.time} begin before all dates") from None


def slot_times(day: date) -> list[datetime]:
    """The 48 instants of a day history of this date, 00:00 to 23:30."""
    midnight = datetime.combine(day, time())
    return [midnight + k * SLOT for k in range(SLOTS_PER_DAY)]


@dataclass(frozen=True, slots=True)
class StampedCodec:
    """``dt7`` and a row of registers."""

    row: Row

    def decode(self, edt: bytes) -> Stamped:
        """The registers and their time."""
        return Stamped(_TIME_7.decode(edt[:7]), self.row.decode(edt[7:]))

    def encode(self, value: Stamped) -> bytes:
        """The field."""
        return _TIME_7.encode(value.time) + self.row.encode(value.values)


@dataclass(frozen=True, slots=True)
class DayHistoryCodec:
    """``day u16`` and 48 registers."""

    row: Row

    def decode(self, edt: bytes) -> DayHistory:
        """The day and its registers."""
        return DayHistory(_DAY_OF_HISTORY.decode(edt[:2]), self.row.decode(edt[2:]))

    def encode(self, value: DayHistory) -> bytes:
        """The field."""
        return _DAY_OF_HISTORY.encode(value.day) + self.row.encode(value.values)


@dataclass(frozen=True, slots=True)
class SelectorCodec:
    """``dt6 | n``: at most ``most`` rows; the minute is a multiple of ``step``."""

    most: int
    step: timedelta

    def decode(self, edt: bytes) -> Selector:
        """The selection."""
        if len(edt) != 7:
            raise ProtocolError(f"a selection of {len(edt)} bytes instead of 7")
        moment = None if edt[:6] == _UNSET_TIME else _TIME_6.decode(edt[:6])
        selector = Selector(moment, edt[6])
        complaint = self._complaint(selector)
        if complaint:
            raise ProtocolError(complaint)
        return selector

    def encode(self, value: Selector) -> bytes:
        """The field."""
        complaint = self._complaint(value)
        if complaint:
            raise EncodeError(complaint)
        return (_UNSET_TIME if value.time is None else _TIME_6.encode(value.time)) + bytes([value.count])

    def _complaint(self, selector: Selector) -> str:
        if not 1 <= selector.count <= self.most:
            return f"a selection of {selector.count} rows, 1…{self.most} are allowed"
        if selector.time is not None and selector.time.minute % (self.step // MINUTE):
            return f"{selector.time} is not on the grid of {self.step}"
        return ""


@dataclass(frozen=True, slots=True)
class SeriesCodec:
    """A selector and as many rows as it says."""

    selector: SelectorCodec
    row: Row

    def decode(self, edt: bytes) -> Series:
        """The rows and what was selected."""
        selector = self.selector.decode(edt[:7])
        size = self.row.size
        if len(edt) != 7 + selector.count * size:
            raise ProtocolError(f"{len(edt)} bytes for {selector.count} rows")
        return Series(selector, tuple(self.row.decode(edt[at : at + size]) for at in range(7, len(edt), size)))

    def encode(self, value: Series) -> bytes:
        """The field."""
        if len(value.rows) != value.selector.count:
            raise EncodeError(f"{len(value.rows)} rows for a selection of {value.selector.count}")
        return self.selector.encode(value.selector) + b"".join(map(self.row.encode, value.rows))
