"""Chosen concentrators frame by frame, all else by its statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from protocols.slots import slot_end
from twins.field.areas import AreaField, FieldOfAreas, Live
from twins.field.causes import CAUSES, OUT_OF_REACH
from twins.field.checks import FieldError
from twins.field.media.frames import Frames, _asked
from twins.field.mesh.codes import ANSWER, READING, REQUEST
from twins.field.mesh.simulation import readings
from twins.field.settings import MeshSetting
from twins.field.variations import Variation
from twins.plan import AreaPlan, FleetPlan

METERS, FIRST = 60, 1000
PLAN = FleetPlan(
    seed=5,
    first_slot=FIRST,
    areas=(
        AreaPlan(
            name="lab",
            utility="tepco",
            medium="multihop",
            concentrators=2,
            meters_per_concentrator=METERS,
            generation_mix={"current": 1.0, "next": 0.0},
            load_mix={"household": 1.0},
            pv_share=0.0,
        ),
    ),
)
OWN, OTHERS = np.arange(METERS), np.arange(METERS, 2 * METERS)
SHUT = Variation(name="shut", kind="door", concentrator=0, node=0, begin=3600.0, end=4200.0, db=150.0)


def field(start: int = 0, stop: int | None = None, **given: Any) -> FieldOfAreas:
    usual: dict[str, Any] = {"live": (Live(concentrator=0),)}
    return FieldOfAreas(PLAN, [AreaField(**(usual | given))], start, stop)


@pytest.fixture(scope="module")
def live() -> FieldOfAreas:
    return field()


@pytest.mark.requirement("U9")
def test_only_the_chosen_concentrator_leaves_the_statistics(live: FieldOfAreas) -> None:
    statistics = FieldOfAreas(PLAN, [AreaField()])
    for kind in ("reading", "exchange"):
        more = () if kind == "reading" else (slot_end(FIRST) + 700.0,)
        for meters, same in ((OTHERS, True), (OWN, False)):
            one, other = (getattr(each, kind)(meters, FIRST, *more) for each in (live, statistics))
            assert np.array_equal(one.delay, other.delay) == same
            assert np.array_equal(one.hops, other.hops)  # it stands on the same site


def test_shards_that_share_the_concentrator_find_the_same_in_any_order(live: FieldOfAreas) -> None:
    shards = [field(0, 25), field(25, 2 * METERS)]
    for slot in (FIRST + 3, FIRST, FIRST + 3):
        whole = live.reading(OWN, slot)
        parts = [each.reading(meters, slot) for each, meters in zip(shards, (OWN[:25], OWN[25:]), strict=True)]
        for name in ("cause", "delay", "hops"):
            assert np.array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in parts]))
    now = slot_end(FIRST) + 100.0  # readings are still on the air
    together = live.exchange(OWN[:30], 7, now)
    alone = [live.exchange(OWN[at : at + 1], 7, now) for at in reversed(range(30))]
    assert [float(each.delay[0]) for each in reversed(alone)] == together.delay.tolist()


def test_readings_come_within_window_and_tail_and_requests_within_seconds(live: FieldOfAreas) -> None:
    reading, asked = live.reading(OWN, FIRST), live.exchange(OWN, 3, slot_end(FIRST) + 900.0)
    assert reading.arrives.mean() > 0.9 and asked.arrives.all()  # nobody else is on the air
    assert reading.delay.min() >= 0 and reading.delay.max() < 360
    assert asked.delay.min() > 0 and asked.delay.max() < 5


def test_requests_and_their_answers_go_before_readings_as_in_the_engine() -> None:
    around = readings(METERS + 1, 3, 300.0)
    traffic, answer = _asked(around, 7, 150.0)
    group, reply = np.asarray(traffic.group), np.asarray(traffic.reply)
    (asked,) = np.flatnonzero(group == REQUEST)
    assert reply[asked] == answer and traffic.at[asked] == 150.0
    assert group[answer] == ANSWER and (group == READING).sum() == METERS


@pytest.mark.requirement("U9")
def test_a_shut_cabinet_loses_what_is_sent_meanwhile_and_says_so(live: FieldOfAreas) -> None:
    shut = field(variations=(SHUT,))
    while_shut, before = (shut.reading(OWN, slot) for slot in (FIRST + 1, FIRST))
    assert np.array_equal(before.cause, live.reading(OWN, FIRST).cause)
    assert set(while_shut.cause.tolist()) == {CAUSES.index("link shaded")}
    assert not shut.exchange(OWN[:5], 1, slot_end(FIRST + 1) + 400.0).arrives.any()
    assert shut.exchange(OWN[:5], 2, slot_end(FIRST + 1) + 700.0).arrives.all()


@pytest.mark.requirement("U9")
def test_a_measured_level_takes_the_place_of_the_reckoned_one(live: FieldOfAreas) -> None:
    deep = int(np.flatnonzero(live.reading(OWN, FIRST).hops > 1)[0])
    near = field(live=(Live(concentrator=0, levels=((deep + 1, 0, -40.0),)),))
    assert near.reading(OWN, FIRST).hops[deep] == 1
    gone = tuple((1, node, -150.0) for node in range(METERS + 1) if node != 1)
    lost = field(live=(Live(concentrator=0, levels=gone),), fallback=False)
    assert lost.reading(OWN, FIRST).cause[0] == OUT_OF_REACH
    assert lost.exchange(OWN[:1], 1, slot_end(FIRST) + 700.0).cause[0] == OUT_OF_REACH
    assert field(live=(Live(concentrator=0, levels=gone),)).reading(OWN, FIRST).hops[0] == 1  # the fallback carries it


@pytest.mark.parametrize("level", [(0, 0, -50.0), (1, 99, -50.0), (1, 0, float("nan"))])
def test_a_level_that_cannot_be_is_refused(level: tuple[int, int, float]) -> None:
    with pytest.raises(FieldError, match="a measured level"):
        Frames(1, MeshSetting(), 10, 0, levels=(level,))
