"""When bookings are due."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.errors import RefusalError
from protocols.slots import JST
from twins.device.schedule import MOST_DAYS, check, due

OPEN_DAY = b"\xff\xff\xff\xff\xff"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=JST).timestamp())


def clock(hour: int, minute: int, second: int = 0) -> bytes:
    return bytes([hour, minute, second, 0])


def day(year: int = 0xFFFF, month: int = 0xFF, number: int = 0xFF, weekday: int = 0xFF) -> bytes:
    return year.to_bytes(2, "big") + bytes([month, number, weekday])


@pytest.mark.parametrize(
    ("entry", "instants"),
    [
        ((clock(12, 30), day(2026, 3, 1)), ["2026-03-01T12:30:00"]),
        ((bytes([12, 30, 0xFF, 0xFF]), day(2026, 3, 1)), ["2026-03-01T12:30:00"]),
        ((clock(0, 0), day(number=1)), ["2026-02-01T00:00", "2026-03-01T00:00"]),
        (
            (clock(6, 0), day(weekday=1)),
            [f"2026-{date}T06:00" for date in ("02-02", "02-09", "02-16", "02-23", "03-02")],
        ),
        ((clock(9, 0), day(number=0xFE)), ["2026-01-31T09:00", "2026-02-28T09:00"]),
        ((clock(9, 0), day(number=0xFD)), ["2026-02-27T09:00"]),
        ((clock(12, 0), day(2025, 3, 1)), []),
        ((clock(12, 0), day(month=2, number=28, weekday=6)), ["2026-02-28T12:00"]),
    ],
)
def test_an_entry_is_due_when_its_fields_say(entry: tuple[bytes, bytes], instants: list[str]) -> None:
    check(entry)
    assert due((entry,), at("2026-01-31T00:00"), at("2026-03-05T00:00")) == [at(text) for text in instants]


def test_what_was_due_is_found_once_however_often_one_looks() -> None:
    entries = ((clock(12, 0), OPEN_DAY), (clock(12, 0, 30), OPEN_DAY))
    looks = range(at("2026-01-31T11:59:50"), at("2026-01-31T12:00:40"), 7)
    found = [instant for last in looks for instant in due(entries, last, last + 7)]
    assert found == [at("2026-01-31T12:00:00"), at("2026-01-31T12:00:30")]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_daily_entry_is_due_once_a_day(begin: int, length: int) -> None:
    start = at("2026-01-01T00:00") + begin
    found = due(((clock(7, 15), OPEN_DAY),), start, start + length)
    first = datetime.fromtimestamp(start, JST).replace(hour=7, minute=15, second=0)
    every_day = [int((first + timedelta(days=number)).timestamp()) for number in range(15)]
    assert found == [instant for instant in every_day if start < instant <= start + length]


def test_after_a_long_silence_only_the_last_weeks_are_made_up_for() -> None:
    end = at("2026-06-01T00:00")
    assert len(due(((clock(7, 15), OPEN_DAY),), end - 400 * 86_400, end)) == MOST_DAYS


@pytest.mark.parametrize(
    "entry",
    [
        (clock(24, 0), OPEN_DAY),
        (clock(0, 60), OPEN_DAY),
        (bytes([0xFF, 0, 0, 0]), OPEN_DAY),
        (b"\0\0\0", OPEN_DAY),
        (clock(0, 0), b"\xff\xff"),
        (clock(0, 0), day(month=13)),
        (clock(0, 0), day(number=0)),
        (clock(0, 0), day(number=32)),
        (clock(0, 0), day(weekday=8)),
        (clock(0, 0), day(2026, 2, 29)),
    ],
)
def test_an_entry_that_is_never_due_is_refused(entry: tuple[bytes, bytes]) -> None:
    with pytest.raises(RefusalError):
        check(entry)
