"""A meter answers its own head-end with the rows it sent, and nobody else with anything."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import mqtt
from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.errors import AccessRefusedError
from protocols.dlms.profile import parse_range_answer, range_request
from protocols.dlms.security import protect_general, unprotect_general
from protocols.errors import SecurityError
from protocols.slots import SLOT_SECONDS, SLOTS_PER_DAY, slot_end
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import KEYS, Answer, Reading, Shard, decoded, down_topic, request, sealed
from twins.plan import HEAD_END_TITLE, system_title
from twins.shard.spec import DefectPlan

PLAN = plan((2, 5), (1, 4))
METER = 7
LAST = FIRST_SLOT + 2
TOPIC = down_topic(PLAN, METER)


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[Shard]:
    """Meters 2 … 11 with three slots metered."""
    shard = Shard(PLAN, tmp_path / "j", 2, 12)
    shard.step(slot_end(LAST))
    yield shard
    shard.journal.close()


def ask(shard: Shard, apdu: bytes, topic: bytes = TOPIC) -> Answer | None:
    answer = shard.answers.to(topic, apdu)
    if answer is None:
        return None
    (message,) = decoded([answer.packet])
    assert isinstance(message, Answer)
    return message


def rows(answer: Answer | None) -> list[tuple[int, int, int]]:
    """(slot, import, export) of an answer."""
    assert answer is not None
    found = parse_range_answer(answer.plain)[1]
    assert (found["status"] == 0).all()
    return [(int(r["time"]) // SLOT_SECONDS - 1, int(r["import_wh"]), int(r["export_wh"])) for r in found]


def test_a_range_is_answered_on_the_meters_topic_with_the_rows_that_were_sent(shard: Shard, tmp_path: Path) -> None:
    answer = ask(shard, request(METER, FIRST_SLOT, LAST, counter=1))
    sent = [m for m in Shard(PLAN, tmp_path / "k").all() if isinstance(m, Reading) and m.meter == METER]
    assert rows(answer) == sorted((m.slot, m.import_wh, m.export_wh) for m in sent)
    assert answer is not None and {m.topic for m in sent} == {answer.topic}
    assert parse_range_answer(answer.plain)[0] == 5  # the invoke id of the request
    assert shard.answers.answered == 1


def test_a_range_takes_in_both_its_ends_and_nothing_between_stamps(shard: Shard) -> None:
    start, end = slot_end(FIRST_SLOT), slot_end(LAST)
    ranges = [(start, end), (start + 1, end), (start, end - 1), (start + 1, end - 1), (start + 1, start + 1799)]
    lengths = [
        len(rows(ask(shard, sealed(METER, range_request(0, *range_), number))))
        for number, range_ in enumerate(ranges, start=1)
    ]
    assert lengths == [3, 2, 2, 1, 0]


def test_slots_of_the_future_and_beyond_retention_are_left_out(shard: Shard) -> None:
    ahead = rows(ask(shard, request(METER, LAST, LAST + 5, counter=1)))
    oldest = LAST - 45 * SLOTS_PER_DAY + 1
    behind = rows(ask(shard, request(METER, oldest - 9, oldest + 1, counter=2)))
    long_ago = rows(ask(shard, request(METER, oldest - 10_000, oldest - 1, counter=3)))
    not_yet = rows(ask(shard, request(METER, LAST + 1, LAST + 10_000, counter=4)))
    assert [slot for slot, *_ in ahead] == [LAST]
    assert [slot for slot, *_ in behind] == [oldest, oldest + 1]
    assert long_ago == not_yet == []


@pytest.mark.requirement("M6")
def test_a_meter_of_the_next_generation_keeps_what_settlement_needs(tmp_path: Path) -> None:
    areas = tuple(msgspec.structs.replace(area, generation_mix={"next": 1.0}) for area in PLAN.areas)
    shard = Shard(msgspec.structs.replace(PLAN, areas=areas), tmp_path / "j", 2, 12)
    list(shard.all())
    old = LAST - 200 * SLOTS_PER_DAY
    assert [slot for slot, *_ in rows(ask(shard, request(METER, old, old + 1, counter=1)))] == [old, old + 1]


def test_history_of_before_the_run_joins_up_with_the_run(shard: Shard) -> None:
    registers = [imported for _, imported, _ in rows(ask(shard, request(METER, FIRST_SLOT - 20, LAST, counter=1)))]
    assert len(registers) == 23
    assert registers == sorted(registers)


def test_more_than_a_day_at_once_is_refused_in_words_the_head_end_understands(shard: Shard) -> None:
    day = ask(shard, request(METER, LAST - SLOTS_PER_DAY + 1, LAST, counter=1))
    assert len(rows(day)) == SLOTS_PER_DAY
    refusal = ask(shard, request(METER, LAST - SLOTS_PER_DAY, LAST, counter=2))
    assert refusal is not None
    with pytest.raises(AccessRefusedError) as caught:
        parse_range_answer(refusal.plain)
    assert caught.value.result == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


def test_a_request_that_is_heard_twice_or_out_of_turn_is_answered_once(shard: Shard) -> None:
    fifth, sixth, fourth = (request(METER, LAST, LAST, counter) for counter in (5, 6, 4))
    assert ask(shard, fifth) is not None
    assert ask(shard, fifth) is None
    assert ask(shard, sixth) is not None
    assert ask(shard, fourth) is None
    assert (shard.answers.answered, shard.answers.refused) == (2, 2)
    assert ask(shard, request(METER + 1, LAST, LAST, 4), down_topic(PLAN, METER + 1)) is not None


def test_a_request_that_was_altered_anywhere_gets_no_answer_and_does_not_shut_the_true_one_out(shard: Shard) -> None:
    good = request(METER, LAST, LAST, counter=1)
    for at in range(len(good)):
        assert ask(shard, good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :]) is None
    for length in range(len(good)):
        assert ask(shard, good[:length]) is None
    assert ask(shard, good + b"\x00") is None
    assert shard.answers.refused == 2 * len(good) + 1
    assert ask(shard, good) is not None


def test_only_the_head_end_with_this_meters_key_is_answered(shard: Shard) -> None:
    plain = range_request(0, slot_end(LAST), slot_end(LAST))
    own_keys, others_keys = (KEYS.for_title(system_title(meter), 0) for meter in (METER, METER + 1))
    foreign = [
        protect_general(plain, HEAD_END_TITLE, 1, *others_keys),
        protect_general(plain, b"TWNHES\x00\x02", 2, *own_keys),
        protect_general(plain, system_title(METER), 3, *own_keys),
        protect_general(plain, HEAD_END_TITLE, 4, *own_keys, control=0x20),
        protect_general(plain, HEAD_END_TITLE, 5, *own_keys, control=0x10),
        plain,
    ]
    assert [ask(shard, apdu) for apdu in foreign] == [None] * len(foreign)
    assert shard.answers.refused == len(foreign)


@pytest.mark.parametrize(
    "topic",
    [
        down_topic(PLAN, 1),  # another shard's
        down_topic(PLAN, 12),
        TOPIC.replace(b"/down", b"/up"),
        TOPIC.replace(b"TWN", b"XYZ"),
        TOPIC.replace(b"TWN0", b"TWN"),
        TOPIC.replace(b"/TWN", b"/0TWN"),
        TOPIC.replace(b"TWN00000000000", b"TWN0000000000x"),
        TOPIC + b"/down",
        b"",
        b"/down",
        b"TWN000000000007/down",
    ],
)
def test_what_is_sent_to_other_topics_is_not_for_us(topic: bytes, shard: Shard) -> None:
    for counter, meter in enumerate((METER, 1, 12), start=1):
        assert shard.answers.to(topic, request(meter, LAST, LAST, counter)) is None
    assert (shard.answers.answered, shard.answers.refused) == (0, 0)


@pytest.fixture(scope="module")
def hardened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shard]:
    """One shard for all that strangers send."""
    shard = Shard(PLAN, tmp_path_factory.mktemp("j") / "j")
    shard.step(slot_end(LAST))
    yield shard
    shard.journal.close()


@given(topic=st.one_of(st.just(TOPIC), st.binary(max_size=60)), apdu=st.binary(max_size=80))
def test_no_bytes_from_a_stranger_are_answered_or_do_harm(hardened: Shard, topic: bytes, apdu: bytes) -> None:
    assert hardened.answers.to(topic, apdu) is None


_fresh = itertools.count(1)


@given(data=st.data())
def test_authentic_nonsense_is_answered_or_refused_and_never_raises(hardened: Shard, data: st.DataObject) -> None:
    good = range_request(0, slot_end(LAST), slot_end(LAST))
    at = data.draw(st.integers(0, len(good)))
    plain = good[:at] + data.draw(st.binary(max_size=20)) + good[at + data.draw(st.integers(0, 20)) :]
    refused = hardened.answers.refused
    answer = hardened.answers.to(TOPIC, sealed(METER, plain, next(_fresh)))
    assert (answer is None) == (hardened.answers.refused == refused + 1)


def test_a_silent_meter_hears_nothing_and_uses_no_counter(tmp_path: Path) -> None:
    shard = Shard(PLAN, tmp_path / "j", defects=[DefectPlan(kind="silent", meters=(METER,))])
    shard.step(slot_end(LAST))
    before = shard.fleet.counter[METER]
    assert ask(shard, request(METER, LAST, LAST, 1)) is None
    assert ask(shard, request(METER + 1, LAST, LAST, 1), down_topic(PLAN, METER + 1)) is not None
    assert shard.fleet.counter[METER] == before
    shard.journal.close()


def test_a_wrong_tag_meter_answers_with_a_wrong_tag(tmp_path: Path) -> None:
    shard = Shard(PLAN, tmp_path / "j", defects=[DefectPlan(kind="wrong-tag", meters=(METER,))])
    shard.step(slot_end(LAST))
    answer = shard.answers.to(TOPIC, request(METER, FIRST_SLOT, LAST, 1))
    assert answer is not None
    with pytest.raises(SecurityError, match="tag does not hold"):
        list(decoded([answer.packet]))
    (run,) = mqtt.Reader().feed(answer.packet)
    assert isinstance(run, mqtt.PublishRun)
    apdu = run.payloads[0].tobytes()
    mended = apdu[:-1] + bytes([apdu[-1] ^ 1])
    assert unprotect_general(mended, lambda title: KEYS.for_title(title, 0))[0] == system_title(METER)
    shard.journal.close()
