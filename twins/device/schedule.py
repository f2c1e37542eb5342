"""When a booking is due: COSEM times and dates of a single-action schedule (IC22), with open fields.

A time is ``hour minute second hundredths``, a date ``year u16, month, day, day of week``; ``FF`` (``FFFF``) leaves a
field of the date open, so that a booking recurs. The time of day must be given; its second may be open and is then 0.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.errors import RefusalError
from protocols.slots import JST, jst

MOST_DAYS = 62
"""Days looked back at most for what was missed while the meter was off; older bookings are not made up for."""

_OPEN = 0xFF
_LAST_DAY, _SECOND_LAST_DAY = 0xFE, 0xFD

Entry = tuple[bytes, bytes]
"""A time (4 bytes) and a date (5 bytes)."""


def check(entry: Entry) -> None:
    """Raise :class:`RefusalError` for an entry that is never due, or for one whose time of day is open."""
    at, day = entry
    if len(at) != 4 or len(day) != 5:
        raise RefusalError(DataAccessResult.TYPE_UNMATCHED, f"a time of {len(at)} and a date of {len(day)} bytes")
    hour, minute, second = at[:3]
    year, month, number, weekday = int.from_bytes(day[:2], "big"), *day[2:]
    if hour > 23 or minute > 59 or (second > 59 and second != _OPEN):
        raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"a booking at {at.hex()}")
    known = (month == _OPEN or 1 <= month <= 12) and (number in (_OPEN, _LAST_DAY, _SECOND_LAST_DAY) or number <= 31)
    if not known or number == 0 or not (weekday == _OPEN or 1 <= weekday <= 7):
        raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"a booking on {day.hex()}")
    if _OPEN not in (month, number) and number <= 31 and year != 0xFFFF:
        try:
            date(year, month, number)
        except ValueError:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{day.hex()} is no date") from None


def due(entries: tuple[Entry, ...], after: int, until: int) -> list[int]:
    """Instants (Unix s) of entries after ``after`` and not after ``until``, in order; times are Japanese."""
    if not entries or until <= after:
        return []
    last = jst(until).date()
    first = max(jst(after).date(), last - timedelta(days=MOST_DAYS))
    found = set()
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for at, wanted in entries:
            if _falls_on(wanted, day):
                second = 0 if at[2] == _OPEN else at[2]
                found.add(int(datetime.combine(day, time(at[0], at[1], second), JST).timestamp()))
    return sorted(instant for instant in found if after < instant <= until)


def _falls_on(wanted: bytes, day: date) -> bool:
    year, (month, number, weekday) = int.from_bytes(wanted[:2], "big"), wanted[2:]
    tomorrow = day + timedelta(days=1)
    if number == _LAST_DAY:
        right_day = tomorrow.month != day.month
    elif number == _SECOND_LAST_DAY:
        right_day = tomorrow.month == day.month and (tomorrow + timedelta(days=1)).month != day.month
    else:
        right_day = number in (_OPEN, day.day)
    right_month = year in (0xFFFF, day.year) and month in (_OPEN, day.month)
    return right_day and right_month and weekday in (_OPEN, day.isoweekday())
