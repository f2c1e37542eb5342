"""Half-hour slots: the time grid that readings live on.

A *slot* is the half-hour interval ``[slot * 1800, (slot + 1) * 1800)`` in Unix seconds. Its reading exists, is due and
is stamped at the *end* of the interval, as the meter's own row is (``meter-protocols`` §8, trap 15). Japan Standard
Time is a whole number of slots away from UTC, so a day of Japan is 48 whole slots.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # numbers are most of what is asked here, and numpy takes a tenth of a second to import
    from typing import Any

    from numpy.typing import NDArray

SLOT_SECONDS = 1800
SLOTS_PER_DAY = 48
JST = timezone(timedelta(hours=9), "JST")
_JST_SLOTS = 9 * 3600 // SLOT_SECONDS

Slots = TypeVar("Slots", int, "NDArray[Any]")
"""One slot number, or an array of them."""


def slot_of(unix_seconds: float) -> int:
    """The slot that contains this instant."""
    return int(unix_seconds // SLOT_SECONDS)


def slot_end(slot: int) -> int:
    """Unix seconds of the end of the slot: when its reading is due."""
    return (slot + 1) * SLOT_SECONDS


def day_of(slot: Slots) -> Slots:
    """Running number of the Japanese calendar day that the slot lies in."""
    return (slot + _JST_SLOTS) // SLOTS_PER_DAY


def slot_of_day(slot: Slots) -> Slots:
    """0 for 00:00–00:30 JST … 47 for 23:30–24:00 JST."""
    return (slot + _JST_SLOTS) % SLOTS_PER_DAY


def first_slot_of(day: int) -> int:
    """The slot 00:00–00:30 JST of a day number."""
    return day * SLOTS_PER_DAY - _JST_SLOTS


def jst(unix_seconds: float) -> datetime:
    """The instant as a Japanese wall-clock time."""
    return datetime.fromtimestamp(unix_seconds, JST)
