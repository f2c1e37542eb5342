import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.errors import EncodeError
from protocols.dlms.replay import WINDOW, ReplayWindow

COUNTERS = st.one_of(st.integers(0, 200), st.integers(2**32 - 100, 2**32 - 1))
MESSAGES = st.lists(st.tuples(st.integers(0, 3), COUNTERS), max_size=60)


def accept(window: ReplayWindow, messages: list[tuple[int, int]]) -> list[bool]:
    rows = np.array([row for row, _ in messages], dtype=np.int64)
    counters = np.array([counter for _, counter in messages], dtype=np.uint32)
    return window.accept(rows, counters).tolist()


def by_the_book(messages: list[tuple[int, int]]) -> list[bool]:
    """The rule said plainly: never twice, never 64 or more below the highest."""
    accepted: dict[int, set[int]] = {}
    verdicts = []
    for row, counter in messages:
        seen = accepted.setdefault(row, set())
        fresh = counter not in seen and (not seen or counter > max(seen) - WINDOW)
        verdicts.append(fresh)
        if fresh:
            seen.add(counter)
    return verdicts


@given(MESSAGES)
def test_a_batch_follows_the_rule(messages: list[tuple[int, int]]) -> None:
    assert accept(ReplayWindow(4), messages) == by_the_book(messages)


@given(MESSAGES, st.integers(0, 60))
def test_the_cut_into_batches_does_not_matter_nor_does_storing_between(
    messages: list[tuple[int, int]], at: int
) -> None:
    window = ReplayWindow(4)
    first = accept(window, messages[:at])
    second = accept(ReplayWindow.restored(window.state()), messages[at:])
    assert first + second == by_the_book(messages)


def test_the_first_counter_may_be_any_and_zero_counts_once() -> None:
    assert accept(ReplayWindow(2), [(0, 0), (1, 4_000_000_000), (0, 0), (0, 1)]) == [True, True, False, True]


def test_late_messages_pass_within_the_window_and_not_beyond() -> None:
    window = ReplayWindow(1)
    assert accept(window, [(0, 1000), (0, 937), (0, 936), (0, 937), (0, 999)]) == [True, True, False, False, True]


def test_a_thousand_copies_in_one_batch_count_once() -> None:
    verdicts = accept(ReplayWindow(1), [(0, 7)] * 1000)
    assert verdicts == [True] + [False] * 999


def test_a_refused_message_leaves_no_trace() -> None:
    window = ReplayWindow(1)
    accept(window, [(0, 100)])
    before = window.state()
    assert accept(window, [(0, 100), (0, 36)]) == [False, False]
    assert (window.state() == before).all()


def test_other_meters_do_not_move() -> None:
    window = ReplayWindow(3)
    accept(window, [(0, 5), (1, 6), (2, 7)])
    before = window.state()
    accept(window, [(1, 9)])
    assert (window.state() == before).tolist() == [True, False, True]


def test_an_empty_batch_is_no_trouble() -> None:
    assert accept(ReplayWindow(1), []) == []


def test_a_stored_state_is_a_copy() -> None:
    window = ReplayWindow(1)
    window.state()["seen"] = 1
    assert accept(window, [(0, 0)]) == [True]


def test_foreign_state_is_refused() -> None:
    with pytest.raises(EncodeError):
        ReplayWindow.restored(np.zeros(3, dtype=np.uint64))
