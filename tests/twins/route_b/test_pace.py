"""Requests are slowed in their order, then refused; over any stretch no more are served than the pace allows."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from protocols.echonet.frame import HEMS, LV_METER, Esv, Frame, Property
from twins.route_b.limits import Pace, shipped_limits
from twins.route_b.pace import RequestQueue, is_confirmation

FIVE = Pace(per_second=5.0, burst=3, waiting=4, source="tests", verified=False)


def test_the_burst_is_served_at_once_and_what_follows_waits_its_turn() -> None:
    queue: RequestQueue[int] = RequestQueue(FIVE)
    assert [queue.offer(number, 0.0) for number in range(9)] == [True] * 3 + [False] * 6
    assert queue.refused == 2
    assert (queue.next_due, queue.due(0.19)) == (0.2, [])
    assert queue.due(0.2) == [3]
    assert queue.due(0.75) == [4, 5]
    assert queue.due(9.0) == [6]
    assert queue.next_due == float("inf")


def test_a_request_behind_waiting_ones_waits_too() -> None:
    queue: RequestQueue[int] = RequestQueue(FIVE)
    for number in range(4):
        queue.offer(number, 0.0)
    assert not queue.offer(4, 5.0)
    assert queue.due(5.0) == [3, 4]


def test_after_a_rest_the_burst_is_there_again() -> None:
    queue: RequestQueue[int] = RequestQueue(FIVE)
    for start in (0.0, 10.0):
        assert [queue.offer(number, start) for number in range(4)] == [True, True, True, False]
        queue.clear()


@given(st.lists(st.floats(0, 2, allow_nan=False), max_size=80))
def test_no_stretch_of_time_sees_more_than_the_pace_allows(gaps: list[float]) -> None:
    queue: RequestQueue[int] = RequestQueue(FIVE)
    now, served, order = 0.0, deque[float](), []
    for number, gap in enumerate(gaps):
        now += gap
        for late in queue.due(now):
            order.append(late)
            served.append(now)
        if queue.offer(number, now):
            order.append(number)
            served.append(now)
    order += queue.due(now + 60)
    assert order == sorted(order)
    assert len(order) + queue.refused == len(gaps)
    times = list(served)
    for first in range(len(times)):
        for last in range(first, len(times)):
            # a turn that came due earlier may be served late: the times of the turns are what is bounded
            allowed = FIVE.burst + FIVE.waiting + (times[last] - times[first]) * FIVE.per_second
            assert last - first + 1 <= allowed + 1e-6


def test_the_wire_allows_fifty_a_second_and_two_hundred_at_once_and_the_radio_far_less() -> None:
    requests = shipped_limits().requests
    wire: RequestQueue[int] = RequestQueue(requests.wire)
    assert all(wire.offer(number, 0.0) for number in range(200))
    assert all(wire.offer(number, 1 + number / 50) for number in range(1000))
    assert requests.radio.per_second < requests.wire.per_second / 5
    assert requests.radio.waiting / requests.radio.per_second < 12


def test_only_a_confirmation_is_a_confirmation() -> None:
    def frame(esv: Esv) -> bytes:
        return Frame(1, HEMS, LV_METER, esv, (Property(0xEA),)).to_bytes()

    assert is_confirmation(frame(Esv.INFC_RES))
    assert not is_confirmation(frame(Esv.GET))
    assert not is_confirmation(b"")
