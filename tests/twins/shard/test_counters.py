"""No meter uses an invocation counter twice: not for readings, not for answers, not over restarts."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.slots import slot_end
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import KEYS, Answer, Shard, SteadyField, decoded, down_topic, request
from twins.defects import Defects
from twins.fleet import Fleet
from twins.journal import COUNTER_LIMIT, CounterJournal, JournalError
from twins.shard.answers import Answers
from twins.shard.counters import InvocationCounters

PLAN = plan((2, 5))


def ceiling_on_disk(path: Path) -> int:
    return int(msgspec.json.decode(path.read_bytes().splitlines()[-1])["ceiling"])


def test_readings_and_answers_of_three_lives_of_a_shard_never_share_a_counter(tmp_path: Path) -> None:
    used: dict[int, list[int]] = defaultdict(list)
    head_end_counter = 0
    for life in range(3):
        shard = Shard(PLAN, tmp_path / "j", slots=6, field=SteadyField(lambda index: index * 300.0))
        highest = [max(used[meter], default=0) for meter in range(PLAN.meters)]
        shard.core.resume(slot_end(FIRST_SLOT + 2 * life - 1))
        for slot in (FIRST_SLOT + 2 * life, FIRST_SLOT + 2 * life + 1):
            now = float(slot_end(slot))
            sent = shard.step(now)
            for meter in (0, 7, 7):
                head_end_counter += 1
                shard.core.ask(down_topic(PLAN, meter), request(meter, FIRST_SLOT, slot, head_end_counter), now)
            for message in sent + shard.step(now + 1700):
                meter = int(message.topic.split("/")[-2][3:])
                used[meter].append(message.counter)
                assert message.counter > highest[meter]
                assert message.counter < ceiling_on_disk(tmp_path / "j")
        shard.journal.close()  # kill -9 leaves no more than this behind: nothing is written at the end
    assert all(len(counters) == len(set(counters)) for counters in used.values())
    assert sum(map(len, used.values())) > 3 * (2 * 6 + 2 * 3)


def test_answers_alone_start_above_the_ceiling_of_the_life_before(tmp_path: Path) -> None:
    counters = []
    for life in (1, 2):
        journal = CounterJournal(tmp_path / "j", step=4)
        fleet = Fleet(PLAN, 0, PLAN.meters)
        defects = Defects((), 0, PLAN.meters)
        answers = Answers(fleet, KEYS, defects, InvocationCounters(fleet.counter, journal))
        for number in range(3):
            answer = answers.to(down_topic(PLAN, 1), request(1, FIRST_SLOT - 2, FIRST_SLOT - 1, 10 * life + number))
            assert answer is not None
            counters += [message.counter for message in decoded([answer.packet])]
        journal.close()
    assert counters == sorted(set(counters)) and len(counters) == 6


takes = st.lists(st.one_of(st.just("all"), st.just("restart"), st.integers(0, 3)), max_size=40)


@settings(max_examples=40)
@given(takes=takes, step=st.integers(1, 5))
def test_any_order_of_taking_and_restarting_gives_each_counter_once_and_never_uncovered(
    takes: list[str | int], step: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("j") / "j"
    journal = CounterJournal(path, step)
    counters = InvocationCounters(np.zeros(4, np.uint32), journal)
    used: list[tuple[int, int]] = []
    for take in takes:
        if take == "restart":
            journal.close()
            journal = CounterJournal(path, step)
            counters = InvocationCounters(np.zeros(4, np.uint32), journal)
        elif take == "all":
            used += enumerate(counters.take_all().tolist())
        else:
            used.append((int(take), counters.take(int(take))))
        assert max((counter for _, counter in used), default=-1) < ceiling_on_disk(path)
    journal.close()
    assert len(used) == len(set(used))


@pytest.mark.parametrize("ceiling", [COUNTER_LIMIT - 1, COUNTER_LIMIT])
def test_used_up_counters_end_in_an_error_and_never_begin_again(ceiling: int, tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(msgspec.json.encode({"epoch": 1, "ceiling": ceiling}) + b"\n")
    journal = CounterJournal(tmp_path / "j")
    column = np.zeros(2, np.uint32)
    counters = InvocationCounters(column, journal)
    for take in (counters.take_all, lambda: counters.take(1), counters.take_all):
        with pytest.raises(JournalError, match="renewed"):
            take()
        assert (column == COUNTER_LIMIT - 1).all()
    journal.close()


def test_a_counter_that_could_not_be_written_down_is_not_used(tmp_path: Path) -> None:
    journal = CounterJournal(tmp_path / "j", step=1)
    column = np.zeros(2, np.uint32)
    counters = InvocationCounters(column, journal)
    counters.take_all()
    journal.close()
    ceiling = journal.ceiling
    for take in (counters.take_all, lambda: counters.take(0)):
        with pytest.raises(ValueError, match="closed file"):
            take()
    assert column.tolist() == [1, 1]
    assert journal.ceiling == ceiling


def test_a_shard_of_no_meters_takes_no_counters(tmp_path: Path) -> None:
    journal = CounterJournal(tmp_path / "j")
    assert InvocationCounters(np.zeros(0, np.uint32), journal).take_all().shape == (0,)
    journal.close()


def test_the_counter_of_an_answer_is_the_meters_next_one(tmp_path: Path) -> None:
    shard = Shard(PLAN, tmp_path / "j", slots=2, field=SteadyField(lambda index: np.zeros(len(index))))
    first = shard.step(slot_end(FIRST_SLOT))
    shard.core.ask(down_topic(PLAN, 4), request(4, FIRST_SLOT, FIRST_SLOT, 1), slot_end(FIRST_SLOT))
    (answer,) = shard.step(slot_end(FIRST_SLOT) + 1)
    second = shard.step(slot_end(FIRST_SLOT + 1))
    assert isinstance(answer, Answer)
    assert [first[4].counter, answer.counter, second[4].counter] == [1, 2, 3]
    assert [first[5].counter, second[5].counter] == [1, 2]
