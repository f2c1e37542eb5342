"""Half-hour slots against the calendar of Japan."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from protocols.slots import JST, day_of, first_slot_of, jst, slot_end, slot_of, slot_of_day

MIDNIGHT = datetime(2026, 1, 15, tzinfo=JST).timestamp()


def test_a_japanese_day_begins_with_slot_of_day_0() -> None:
    slot = slot_of(MIDNIGHT)
    assert slot_of_day(slot) == 0
    assert first_slot_of(day_of(slot)) == slot
    assert jst(slot_end(slot)).strftime("%H:%M") == "00:30"


@given(st.integers(0, 4_000_000))
def test_slots_days_and_times_agree_with_the_calendar(slot: int) -> None:
    begin = jst(slot_end(slot - 1))
    assert slot_of(slot_end(slot) - 1) == slot
    assert slot_of(slot_end(slot)) == slot + 1
    assert slot_of_day(slot) == begin.hour * 2 + begin.minute // 30
    assert day_of(slot) == begin.date().toordinal() - datetime(1970, 1, 1).date().toordinal()
