"""Rounds of asking: who is asked, when, for what, and when it ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.head_end.completeness import Completeness
from bench.head_end.recollection import Recollection, ranges
from bench.head_end.spec import RecollectionPolicy
from protocols.slots import slot_end

POLICY = RecollectionPolicy(first_after=600, interval=300, tries=3, audit=0)


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 9))), st.integers(1, 4))
def test_ranges_cover_exactly_what_is_missing(pairs: set[tuple[int, int]], longest: int) -> None:
    by_slot = [(rows(*sorted(r for r, s in pairs if s == slot)), slot) for slot in range(10)]
    wanted = ranges(by_slot, longest)
    covered = [
        (int(row), slot) for row, first, last in zip(*wanted, strict=True) for slot in range(int(first), int(last) + 1)
    ]
    assert sorted(covered) == sorted(pairs)
    assert all(last - first < longest for first, last in zip(wanted.first, wanted.last, strict=True))


def test_a_gap_is_asked_for_in_as_few_ranges_as_answers_allow() -> None:
    wanted = ranges([(rows(7), slot) for slot in range(100, 200)])
    assert [column.tolist() for column in wanted] == [[7, 7, 7], [100, 148, 196], [147, 195, 199]]


def test_nothing_missing_is_no_range() -> None:
    assert [len(column) for column in ranges([])] == [0, 0, 0]
    assert [len(column) for column in ranges([(rows(), 3)])] == [0, 0, 0]


def test_a_slot_is_asked_for_in_rounds_until_the_tries_are_used_up() -> None:
    book = Completeness(2, 10, 10)
    recollection = Recollection(POLICY, book, 10, 10)
    asked = []
    while (due := recollection.due()) is not None:
        assert recollection.round(due - 1) == []
        if recollection.round(due):
            asked.append(due - slot_end(10))
    assert asked == [600, 900, 1200]


def test_a_complete_slot_is_closed_after_its_first_round() -> None:
    book = Completeness(2, 10, 10)
    recollection = Recollection(POLICY, book, 10, 10)
    assert recollection.round(slot_end(10) + 600) == [10]
    assert recollection.first_round(10)
    book.add(rows(0, 1), rows(10, 10))
    assert recollection.round(slot_end(10) + 900) == []
    assert recollection.due() is None
    assert not recollection.first_round(10)


def test_only_the_first_round_is_the_first() -> None:
    recollection = Recollection(POLICY, Completeness(2, 10, 10), 10, 10)
    assert not recollection.first_round(10)
    recollection.round(slot_end(10) + 600)
    assert recollection.first_round(10)
    recollection.round(slot_end(10) + 900)
    assert not recollection.first_round(10)


def test_several_slots_can_be_due_at_once_after_time_was_lost() -> None:
    recollection = Recollection(POLICY, Completeness(2, 10, 13), 10, 13)
    assert recollection.round(slot_end(12) + 600) == [10, 11, 12]
    assert recollection.due() == slot_end(12) + 900


def test_rounds_never_follow_each_other_faster_than_the_interval() -> None:
    recollection = Recollection(POLICY, Completeness(2, 10, 10), 10, 10)
    late = slot_end(10) + 1e6  # as a restarted head-end finds it
    rounds = [moment for moment in np.arange(0, 2000, 50) if recollection.round(late + moment)]
    assert rounds == [0, 300, 600]
    assert recollection.due() is None


def test_what_was_complete_before_is_not_asked_for_again() -> None:
    book = Completeness(2, 10, 12)
    book.add(rows(0, 1, 0), rows(10, 10, 11))
    recollection = Recollection(POLICY, book, 10, 12)
    assert recollection.round(slot_end(12) + 600) == [11, 12]


@given(st.lists(st.integers(0, 4000), min_size=1, max_size=60))
def test_no_slot_gets_more_or_fewer_rounds_than_its_tries(steps: list[int]) -> None:
    recollection, now, asked = Recollection(POLICY, Completeness(1, 10, 14), 10, 14), float(slot_end(9)), []
    for step in [*steps, *[2000] * 10]:
        now += step
        asked += recollection.round(now)
    assert sorted(asked) == sorted([10, 11, 12, 13, 14] * 3)
    assert recollection.due() is None


def test_no_tries_means_that_nothing_is_ever_asked_for() -> None:
    policy = RecollectionPolicy(first_after=600, interval=300, tries=0, audit=0)
    recollection = Recollection(policy, Completeness(2, 10, 10), 10, 10)
    assert recollection.round(slot_end(10) + 600) == []
    assert recollection.due() is None


@pytest.mark.parametrize(("tries", "asked"), [(2, [600, 900, 2700, 4500]), (0, [600, 2400])])
def test_what_is_no_longer_in_time_is_asked_for_less_often(tries: int, asked: list[int]) -> None:
    policy = RecollectionPolicy(first_after=600, interval=300, tries=tries, audit=0, late_interval=1800, late_tries=2)
    recollection = Recollection(policy, Completeness(2, 10, 10), 10, 10)
    assert [moment for moment in range(0, 10_000, 50) if recollection.round(slot_end(10) + moment)] == asked
    assert recollection.due() is None
