"""Completeness and rounds of asking: who is asked, when, for what, and when it ends."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.head_end.completeness import Completeness
from bench.head_end.recollection import Recollection, ranges
from bench.head_end.spec import RecollectionPolicy
from protocols.slots import slot_end

POLICY = RecollectionPolicy(first_after=600, interval=300, tries=3, audit=0)


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(10, 13)), max_size=8), max_size=8))
def test_each_pair_is_new_exactly_once(batches: list[list[tuple[int, int]]]) -> None:
    book, seen = Completeness(5, 10, 13), set()
    for batch in batches:
        new = book.add(rows(*(r for r, _ in batch)), rows(*(s for _, s in batch)))
        for pair, is_new in zip(batch, new, strict=True):
            assert is_new == (pair not in seen)
            seen.add(pair)
    assert book.stored == len(seen)
    for slot in range(10, 14):
        assert book.missing(slot).tolist() == [r for r in range(5) if (r, slot) not in seen]
        assert book.complete(slot) == all((r, slot) in seen for r in range(5))


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 9))), st.integers(1, 4))
def test_ranges_cover_exactly_what_is_missing(pairs: set[tuple[int, int]], longest: int) -> None:
    by_slot = [(rows(*sorted(r for r, s in pairs if s == slot)), slot) for slot in range(10)]
    wanted = ranges(by_slot, longest)
    covered = [
        (int(row), slot) for row, first, last in zip(*wanted, strict=True) for slot in range(int(first), int(last) + 1)
    ]
    assert sorted(covered) == sorted(pairs)
    assert all(last - first < longest for first, last in zip(wanted.first, wanted.last, strict=True))


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


def test_several_slots_can_be_due_at_once_after_time_was_lost() -> None:
    recollection = Recollection(POLICY, Completeness(2, 10, 13), 10, 13)
    assert recollection.round(slot_end(12) + 600) == [10, 11, 12]
    assert recollection.due() == slot_end(10) + 900
