"""The book of what is there: every pair is new once, and what is missing is known, at little memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.head_end.completeness import Completeness

METERS = 150  # enough for the book to pass from what it has to what it lacks
Batch = list[tuple[int, int]]


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


@st.composite
def batches(draw: st.DrawFn) -> list[Batch]:
    """Many pairs, mostly of whole slots, some of them more than once."""
    whole = [(row, slot) for slot in range(10, 13) for row in range(METERS)]
    left_out = draw(st.sets(st.sampled_from(whole), max_size=20))
    again = draw(st.lists(st.sampled_from(whole), max_size=20))
    pairs = [pair for pair in whole if pair not in left_out] + again
    pairs = draw(st.randoms(use_true_random=False)).sample(pairs, len(pairs))
    cuts = sorted(draw(st.lists(st.integers(0, len(pairs)), max_size=6)))
    return [pairs[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(pairs)], strict=True)]


@settings(max_examples=40)
@given(batches())
def test_each_pair_is_new_exactly_once(found: list[Batch]) -> None:
    book, seen = Completeness(METERS, 10, 12), set()
    for batch in found:
        new = book.add(rows(*(r for r, _ in batch)), rows(*(s for _, s in batch)))
        for pair, is_new in zip(batch, new.tolist(), strict=True):
            assert is_new == (pair not in seen)
            seen.add(pair)
        assert book.stored == len(seen)
        for slot in range(10, 13):
            missing = [row for row in range(METERS) if (row, slot) not in seen]
            assert book.missing(slot).tolist() == missing
            assert book.complete(slot) == (not missing)
            assert book.count(slot) == METERS - len(missing)


def test_only_the_slots_of_the_run_are_covered() -> None:
    book = Completeness(2, 10, 12)
    assert book.covers(rows(9, 10, 12, 13, -1)).tolist() == [False, True, True, False, False]


def test_a_meter_that_stays_silent_costs_next_to_nothing() -> None:
    meters, slots = 20_000, 200
    book, others = Completeness(meters, 0, slots), np.arange(1, meters)
    tracemalloc.start()
    try:
        for slot in range(slots):
            book.add(others, np.full(len(others), slot))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert book.missing(slots - 1).tolist() == [0]
    assert held < 20 * meters  # a byte a meter and slot would be ten times that
