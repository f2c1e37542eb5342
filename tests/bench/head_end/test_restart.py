"""A head-end that is killed and started again over the same folder goes on where its columns end."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.slots import slot_end
from tests.bench.head_end.conftest import MakeStation
from tests.bench.head_end.rig import Message, Station, answer, readings
from tests.bench.head_end.test_core import asked
from tests.twins.plans import FIRST_SLOT, plan

PLAN = plan((2, 4), (1, 3))
NOW = slot_end(FIRST_SLOT) + 30.0


def test_it_asks_for_exactly_what_is_missing(station: MakeStation) -> None:
    first = station(PLAN)
    first.take(readings(PLAN, [0, 1, 2, 5], counter=1), NOW)
    first.head_end.tidy(final=True)
    first.take(readings(PLAN, [3, 4], counter=1))  # not on disk yet
    first.kill()
    second = station(PLAN)
    requests = second.ask(slot_end(FIRST_SLOT) + 600.0)
    missing = [3, 4, 6, 7, 8, 9, 10]
    assert len(requests) == len(missing)
    for request, meter in zip(requests, missing, strict=True):
        assert asked(request, meter)[1:] == (FIRST_SLOT, FIRST_SLOT)


def test_nothing_is_stored_twice(station: MakeStation) -> None:
    first = station(PLAN)
    first.take(readings(PLAN, range(6), counter=1), NOW)
    first.head_end.tidy(final=True)
    first.take(readings(PLAN, range(6, 9), counter=1))
    first.kill()
    second = station(PLAN)
    assert second.figure("stored") == 6
    second.take([answer(PLAN, meter, [FIRST_SLOT], counter=2) for meter in range(PLAN.meters)], NOW + 60)
    assert second.query("SELECT count(*), count(DISTINCT meter) FROM readings") == [(PLAN.meters, PLAN.meters)]
    assert second.query("SELECT count(*) FROM repeats") == [(6,)]
    assert (second.figure("stored"), second.figure("repeated")) == (PLAN.meters, 6)


def test_a_replay_of_anything_stored_is_still_a_replay(station: MakeStation) -> None:
    by_itself, again = readings(PLAN, [0], counter=7), [answer(PLAN, 1, [FIRST_SLOT], counter=8)]
    repeat = [answer(PLAN, 0, [FIRST_SLOT], counter=9)]  # a repeat leaves nothing but its counter
    first = station(PLAN)
    first.take([*by_itself, *again, *repeat], NOW)
    first.head_end.tidy(final=True)
    first.kill()
    second = station(PLAN)
    second.take([*by_itself, *again, *repeat], NOW + 60)
    assert second.query("SELECT meter, counter, reason FROM rejections ORDER BY counter") == [
        (0, 7, "replayed"),
        (1, 8, "replayed"),
        (0, 9, "replayed"),
    ]
    assert second.query("SELECT count(*) FROM readings") == [(2,)]


def test_what_was_refused_for_its_time_does_not_become_possible_by_a_replay(station: MakeStation) -> None:
    early = readings(PLAN, [0], FIRST_SLOT + 1, counter=3)
    first = station(PLAN)
    first.take(early, NOW)
    first.head_end.tidy(final=True)
    first.kill()
    second = station(PLAN)
    second.take(early, slot_end(FIRST_SLOT + 1) + 30.0)
    assert second.query("SELECT reason FROM rejections ORDER BY arrival") == [("impossible time",), ("replayed",)]
    assert second.figure("stored") == 0


def test_a_forged_counter_in_the_rejections_shuts_nobody_out(station: MakeStation) -> None:
    (good,) = readings(PLAN, [0], counter=3)
    forged = Message(good.topic, good.payload[:12] + b"\xff\xff\xff\xff" + good.payload[16:])
    first = station(PLAN)
    first.take([forged], NOW)
    first.head_end.tidy(final=True)
    first.kill()
    second = station(PLAN)
    second.take([good], NOW)
    assert (second.figure("stored"), second.figure("rejected")) == (1, 0)


def test_its_counters_go_on_above_all_that_it_may_have_used(station: MakeStation) -> None:
    seen: list[int] = []
    for _ in range(3):
        one = station(PLAN)
        for turn in range(2):
            requests = one.ask(slot_end(FIRST_SLOT) + 600.0 + 300.0 * turn)
            seen += [asked(request, meter)[0] for meter, request in enumerate(requests)]
        one.kill()
    assert len(seen) == 3 * 2 * PLAN.meters
    assert seen == sorted(set(seen))


def test_it_begins_its_tries_anew_at_the_stated_pace(station: MakeStation) -> None:
    first = station(PLAN, slots=1, tries=3)
    late = slot_end(FIRST_SLOT) + 600.0 + 2 * 300.0
    for turn in range(3):
        first.ask(slot_end(FIRST_SLOT) + 600.0 + turn * 300.0)
    first.kill()
    second = station(PLAN, slots=1, tries=3)
    moments = [moment for moment in range(0, 1200, 50) if second.ask(late + moment)]
    assert moments == [0, 300, 600]
    assert second.head_end.due() is None


def test_it_knows_how_many_values_were_on_time(station: MakeStation) -> None:
    first = station(PLAN)
    first.take(readings(PLAN, range(4)), NOW)
    first.take(readings(PLAN, range(4, 6)), slot_end(FIRST_SLOT) + 3601.0)
    first.head_end.tidy(final=True)
    first.kill()
    second = station(PLAN)
    assert (second.figure("stored"), second.figure("on_time")) == (6, 4)


def test_a_complete_slot_is_neither_asked_for_nor_audited_again(station: MakeStation) -> None:
    first = station(PLAN, audit=1.0)
    first.take(readings(PLAN, range(PLAN.meters)), NOW)
    first.head_end.tidy(final=True)
    first.kill()
    second = station(PLAN, audit=1.0)
    assert second.ask(slot_end(FIRST_SLOT) + 600.0) == []
    assert len(second.ask(slot_end(FIRST_SLOT + 1) + 600.0)) == PLAN.meters


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.sampled_from(["", "flush", "kill"])), max_size=12))
def test_wherever_it_is_killed_every_value_is_stored_once_in_the_end(steps: list[tuple[int, int, str]]) -> None:
    small = plan((1, 6))
    end = slot_end(FIRST_SLOT + 2) + 60.0
    with tempfile.TemporaryDirectory() as folder:
        station = Station(small, Path(folder))
        for counter, (meter, slot, then) in enumerate(steps, start=1):
            station.take([answer(small, meter, [FIRST_SLOT + slot], counter)], end)
            if then == "flush":
                station.head_end.tidy(final=True)
            elif then == "kill":
                station.kill()
                station = Station(small, Path(folder))
        for meter in range(small.meters):
            station.take([answer(small, meter, range(FIRST_SLOT, FIRST_SLOT + 3), counter=100)], end)
        assert station.query("SELECT count(*), count(DISTINCT (meter, slot)) FROM readings") == [(18, 18)]
        assert station.query("SELECT count(*) FROM rejections") == [(0,)]
        station.kill()
