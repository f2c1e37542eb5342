"""What leaves a shard: every reading once, at its time, with the register's value, however the work is cut."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.slots import SLOT_SECONDS, slot_end
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import Answer, Reading, Shard, SteadyField, down_topic, request
from twins.fleet import Fleet
from twins.shard.spec import DefectPlan

PLAN = plan((2, 8), (1, 6), (2, 4))  # 30 meters, three media
SLOTS = range(FIRST_SLOT, FIRST_SLOT + 3)
END = slot_end(SLOTS[-1]) + 86_400


def registers() -> dict[tuple[int, int], tuple[int, int]]:
    """(import, export) by (meter, slot), out of a fleet of its own."""
    fleet = Fleet(PLAN, 0, PLAN.meters)
    values = {}
    for slot in SLOTS:
        fleet.advance()
        columns = zip(fleet.import_wh.tolist(), fleet.export_wh.tolist(), strict=True)
        values |= {(meter, slot): (a % 10**8, b % 10**8) for meter, (a, b) in enumerate(columns)}
    return values


def values(messages: list[Reading | Answer]) -> dict[tuple[int, int], tuple[int, int]]:
    return {(m.meter, m.slot): (m.import_wh, m.export_wh) for m in messages if isinstance(m, Reading)}


def test_every_reading_of_every_slot_arrives_once_when_the_field_says_so(tmp_path: Path) -> None:
    shard = Shard(PLAN, tmp_path / "j")
    moments = [(message.slot, message.meter, due) for due, sent in shard.until_done() for message in sent]
    index = np.arange(PLAN.meters)
    expected = [
        (slot, meter, slot_end(slot) + delay)
        for slot in SLOTS
        for meter, delay in enumerate(shard.field.reading(index, slot).delay.tolist())
    ]
    assert sorted(moments) == expected
    assert shard.core.sent == len(expected) == 90


def test_readings_of_a_slot_leave_in_order_of_arrival(tmp_path: Path) -> None:
    one_area = plan((3, 20))
    shard = Shard(one_area, tmp_path / "j", slots=1)
    sent = [message.meter for message in shard.step(END)]
    delay = shard.field.reading(np.arange(60), FIRST_SLOT).delay
    assert sent == np.argsort(delay).tolist()


def test_a_message_that_leaves_after_later_slots_were_metered_bears_its_own_slots_register(tmp_path: Path) -> None:
    slow = SteadyField(lambda index: index * 200.0)  # meter 29 is three slots late
    sent = Shard(PLAN, tmp_path / "j", field=slow).all()
    assert [message.genuine for message in sent] == [True] * 90
    assert values(sent) == registers()


@settings(max_examples=10)
@given(steps=st.lists(st.integers(1, 7200), max_size=12))
def test_the_steps_that_time_is_cut_into_do_not_show(
    steps: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    shard = Shard(PLAN, tmp_path_factory.mktemp("j") / "j", loss=0.2)
    other = Shard(PLAN, tmp_path_factory.mktemp("j") / "j", loss=0.2)
    sent, now = [], float(slot_end(FIRST_SLOT - 1))
    for step in steps:
        now += step
        sent += shard.step(now)
        assert shard.step(now) == []  # a tick that is given twice does nothing twice
    sent += shard.step(END)
    assert sorted(sent) == sorted(other.step(END))


@settings(max_examples=5)
@given(cuts=st.sets(st.integers(0, PLAN.meters), min_size=2, max_size=2))
def test_one_shard_and_three_send_the_same_messages(cuts: set[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("j")
    bounds = [0, *sorted(cuts), PLAN.meters]
    whole = Shard(PLAN, folder / "whole", loss=0.2).step(END)
    parts = [Shard(PLAN, folder / str(i), a, b, loss=0.2).step(END) for i, (a, b) in enumerate(pairwise(bounds))]
    assert 45 < len(whole) < 90
    assert sorted(whole) == sorted(message for part in parts for message in part)


def test_what_the_field_loses_is_not_sent_and_nothing_else_is_touched(tmp_path: Path) -> None:
    sent = Shard(PLAN, tmp_path / "j", loss=0.3).all()
    everything = Shard(PLAN, tmp_path / "k").all()
    field = Shard(PLAN, tmp_path / "l", loss=0.3).field
    arrives = {(meter, slot) for slot in SLOTS for meter in np.flatnonzero(field.reading(np.arange(30), slot).arrives)}
    assert set(sent) == {message for message in everything if (message.meter, message.slot) in arrives}


def test_a_shard_started_again_catches_up_without_sending_and_goes_on(tmp_path: Path) -> None:
    first = Shard(PLAN, tmp_path / "j")
    before = first.step(slot_end(FIRST_SLOT))
    first.journal.close()
    again = Shard(PLAN, tmp_path / "j")
    now = slot_end(FIRST_SLOT + 1) + 5.0
    again.core.resume(now)
    assert again.step(now) == []
    assert again.core.due() == slot_end(FIRST_SLOT + 2)
    after = again.all()
    assert values(after) == {key: value for key, value in registers().items() if key[1] == FIRST_SLOT + 2}
    highest = {message.meter: message.counter for message in before}
    assert all(message.counter > highest.get(message.meter, 0) for message in after)


def test_a_shard_started_again_before_the_first_slot_has_missed_nothing(tmp_path: Path) -> None:
    shard = Shard(PLAN, tmp_path / "j")
    shard.core.resume(slot_end(FIRST_SLOT - 1) - 10 * SLOT_SECONDS)
    assert values(shard.all()) == registers()


def test_a_shard_started_again_after_the_last_slot_answers_but_sends_nothing(tmp_path: Path) -> None:
    shard = Shard(PLAN, tmp_path / "j")
    shard.core.resume(END)
    assert shard.core.due() is None
    shard.core.ask(down_topic(PLAN, 3), request(3, *SLOTS[:2], counter=1), END)
    assert isinstance(shard.all()[0], Answer)


def test_due_is_the_next_slots_end_then_each_arrival_then_never(tmp_path: Path) -> None:
    field = SteadyField(lambda index: 10.0 + index % 2 * 20)
    shard = Shard(PLAN, tmp_path / "j", slots=1, field=field)
    end = slot_end(FIRST_SLOT)
    counts = [(due, len(sent)) for due, sent in shard.until_done()]
    assert counts == [(end, 0), (end + 10, 15), (end + 30, 15)]
    assert shard.core.due() is None


def test_an_answer_leaves_when_the_field_has_carried_it(tmp_path: Path) -> None:
    shard = Shard(PLAN, tmp_path / "j", slots=1, field=SteadyField(lambda index: np.zeros(len(index))))
    now = slot_end(FIRST_SLOT) + 100.0
    shard.step(now)
    for meter in (4, 2):
        shard.core.ask(down_topic(PLAN, meter), request(meter, FIRST_SLOT, FIRST_SLOT, counter=meter), now)
    assert shard.step(now) == []
    assert shard.core.due() == now + 1
    assert [message.topic for message in shard.step(now + 1)] == [
        down_topic(PLAN, meter).decode().replace("/down", "/up") for meter in (4, 2)
    ]


def test_an_exchange_that_the_field_loses_gets_no_answer_and_the_next_may(tmp_path: Path) -> None:
    shard = Shard(PLAN, tmp_path / "j", slots=1, loss=0.5)
    shard.step(END)
    answered = []
    for counter in range(1, 41):
        shard.core.ask(down_topic(PLAN, 0), request(0, FIRST_SLOT, FIRST_SLOT, counter=counter), END)
        answered.append(bool(shard.step(END + 86_400)))
    passages = [shard.field.exchange(np.array([0]), counter, 0.0).arrives[0] for counter in range(1, 41)]
    assert answered == passages
    assert 0 < sum(answered) < 40


def test_a_step_that_the_lost_bus_broke_off_goes_on_with_the_next_and_repeats_nothing(tmp_path: Path) -> None:
    shard = Shard(PLAN, tmp_path / "j")
    broken_off = shard.core.step(END)
    next(broken_off)
    broken_off.close()
    rest = shard.step(END)
    expected = [message for message in Shard(PLAN, tmp_path / "k").all() if message.slot > FIRST_SLOT]
    assert sorted(rest) == sorted(expected)
    assert shard.core.due() is None


def test_late_readings_leave_after_the_end_of_the_run_and_bear_their_slot(tmp_path: Path) -> None:
    late = DefectPlan(kind="late", meters=(3, 29), minutes=240)
    shard, healthy = Shard(PLAN, tmp_path / "j", defects=[late]), Shard(PLAN, tmp_path / "k")
    moments = {message: due for due, sent in shard.until_done() for message in sent}
    on_time = {message: due for due, sent in healthy.until_done() for message in sent}
    assert moments == {m: due + (240 * 60 if m.meter in late.meters else 0) for m, due in on_time.items()}
    assert max(moments.values()) > slot_end(SLOTS[-1]) + 240 * 60
