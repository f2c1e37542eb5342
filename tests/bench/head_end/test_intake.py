"""What the head-end lets in, and why it refuses the rest."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.head_end.intake import NO_SLOT, Refusal
from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.profile import range_answer, range_refusal
from protocols.dlms.readings import READING_BYTES, encode_readings
from protocols.dlms.security import AUTHENTICATED, AUTHENTICATED_ENCRYPTED, ENCRYPTED, GENERAL_GLO, protect_general
from protocols.slots import slot_end
from tests.bench.head_end.rig import Gate, Message, answer, pairs, readings, rows, sealed, up_topic
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import KEYS, down_topic
from twins.plan import system_title, system_titles

PLAN = plan(*[(2, 3)] * 11)  # 66 meters; areas a0 … a9 and a10, so topics have two lengths
METER = 7
TITLE, LENGTH, CONTROL, COUNTER = slice(2, 10), 10, 11, slice(12, 16)


def reading(meter: int = METER, slot: int = FIRST_SLOT, counter: int = 1) -> Message:
    (message,) = readings(PLAN, [meter], slot, counter)
    return message


def flipped(raw: bytes, at: int, mask: int) -> bytes:
    changed = bytearray(raw)
    changed[at] ^= mask
    return bytes(changed)


def test_a_reading_of_every_meter_passes_with_what_it_says() -> None:
    gate = Gate(PLAN)
    values, others = gate.check(readings(PLAN, range(PLAN.meters), FIRST_SLOT + 1, counter=9))
    order = np.argsort(values.rows)
    assert values.rows[order].tolist() == list(range(PLAN.meters))
    assert values.import_wh[order].tolist() == [5000 + meter for meter in range(PLAN.meters)]
    assert set(values.slots.tolist()) == {FIRST_SLOT + 1}
    assert set(zip(values.export_wh.tolist(), values.status.tolist(), values.counters.tolist(), strict=True)) == {
        (7, 0, 9)
    }
    assert (len(others), gate.refused) == (0, [])


@given(st.integers(0, READING_BYTES - 1), st.integers(1, 255))
def test_a_reading_with_one_other_byte_is_refused_for_what_it_is(at: int, mask: int) -> None:
    gate, message = Gate(PLAN), reading()
    altered = Message(message.topic, flipped(message.payload, at, mask))
    assert gate.passes([reading(METER - 1), altered, reading(METER + 1)]) == [
        (METER - 1, FIRST_SLOT),
        (METER + 1, FIRST_SLOT),
    ]
    ((row, _, reason),) = gate.refused
    claimed = int.from_bytes(altered.payload[TITLE], "big") - int(system_titles(np.array([0]))[0])
    if at < TITLE.start or at == LENGTH:
        assert (row, reason) == (METER, Refusal.MALFORMED)
    elif at < TITLE.stop:
        ours = 0 <= claimed < PLAN.meters
        assert (row, reason) == ((claimed, Refusal.WRONG_TOPIC) if ours else (-1, Refusal.UNKNOWN_METER))
    elif at == CONTROL:
        weaker = altered.payload[at] in (AUTHENTICATED, ENCRYPTED)
        assert (row, reason) == (METER, Refusal.ALTERED if weaker else Refusal.MALFORMED)
    else:
        assert (row, reason) == (METER, Refusal.ALTERED)


@given(st.data(), st.integers(1, 255))
def test_a_message_on_a_topic_with_one_other_byte_is_misplaced(data: st.DataObject, mask: int) -> None:
    gate = Gate(PLAN)
    for message in (reading(), answer(PLAN, METER, [FIRST_SLOT])):
        at = data.draw(st.integers(0, len(message.topic) - 1))
        assert gate.passes([Message(flipped(message.topic, at, mask), message.payload)]) == []
    assert gate.refused == [(METER, -1, Refusal.WRONG_TOPIC)] * 2


@pytest.mark.parametrize(
    "topic",
    [
        up_topic(PLAN, METER + 1),
        up_topic(PLAN, PLAN.meters - 1),
        down_topic(PLAN, METER),
        up_topic(PLAN, METER).replace(b"/a1/", b"/a0/"),
        up_topic(PLAN, METER).replace(b"/c000002/", b"/c000003/"),
        up_topic(PLAN, METER).replace(b"test/", b"ami/"),
        up_topic(PLAN, METER).removeprefix(b"test/"),
        b"x/" + up_topic(PLAN, METER),
        b"",
    ],
    ids=lambda topic: topic.decode(),
)
def test_a_genuine_message_on_any_topic_but_its_meters_is_misplaced(topic: bytes) -> None:
    gate = Gate(PLAN)
    messages = (reading(), answer(PLAN, METER, [FIRST_SLOT, FIRST_SLOT + 1]))
    assert gate.passes(Message(topic, message.payload) for message in messages) == []
    assert gate.refused == [(METER, -1, Refusal.WRONG_TOPIC)] * 2


def test_a_stranger_is_nobody() -> None:
    gate = Gate(plan((1, 3)))
    assert gate.passes([reading(METER), answer(PLAN, METER, [FIRST_SLOT])]) == []
    assert gate.refused == [(-1, -1, Refusal.UNKNOWN_METER)] * 2


@pytest.mark.parametrize("at", [TITLE.start, TITLE.stop - 1])
@pytest.mark.parametrize("meter", [0, PLAN.meters - 1])
def test_a_stranger_is_nobody_on_every_meters_topic(meter: int, at: int) -> None:
    gate, message = Gate(PLAN), reading(meter)
    assert gate.passes([Message(message.topic, flipped(message.payload, at, 0x80))]) == []
    assert gate.refused == [(-1, -1, Refusal.UNKNOWN_METER)]


def test_another_meters_keys_open_no_door() -> None:
    gate, index = Gate(PLAN), np.array([METER])
    stolen = KEYS.derive(system_titles(index + 1), 0)
    apdu = encode_readings(
        *stolen, system_titles(index), np.array([1], np.uint32), slot_end(FIRST_SLOT), 0, index, index
    )
    thief = system_title(METER)
    letter = protect_general(range_answer(0, rows([FIRST_SLOT])), thief, 2, *KEYS.for_title(system_title(METER + 1), 0))
    topic = up_topic(PLAN, METER)
    assert gate.passes([Message(topic, apdu.tobytes()), Message(topic, letter)]) == []
    assert [(row, reason) for row, _, reason in gate.refused] == [(METER, Refusal.ALTERED)] * 2


anything = st.one_of(
    st.binary(max_size=120),
    st.binary(min_size=READING_BYTES, max_size=READING_BYTES),
    st.binary(max_size=120).map(lambda rest: bytes([GENERAL_GLO, 8]) + system_title(METER) + rest),
    st.just(b""),
)
anywhere = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([up_topic(PLAN, METER), up_topic(PLAN, PLAN.meters - 1), b"test/a/b/c/up", b"////up"]),
)


@given(st.lists(st.tuples(anywhere, anything), max_size=8))
@example([(b"", b""), (up_topic(PLAN, METER), b"")])
@example([(up_topic(PLAN, METER), bytes([GENERAL_GLO, 8]) + system_title(METER))])
def test_whatever_strangers_send_is_refused_and_each_message_counted_once(sent: list[tuple[bytes, bytes]]) -> None:
    gate = Gate(PLAN)
    assert gate.passes([Message(*message) for message in sent] + [reading()]) == [(METER, FIRST_SLOT)]
    assert len(gate.refused) == len(sent)
    assert {row for row, _, _ in gate.refused} <= {-1, METER, PLAN.meters - 1}


def test_garbage_on_a_meters_topic_is_that_meters() -> None:
    gate = Gate(PLAN)
    gate.check([Message(up_topic(PLAN, METER), payload) for payload in (b"", b"\xdb\x08", b"x" * READING_BYTES)])
    assert gate.refused == [(METER, -1, Refusal.MALFORMED)] * 3


def test_a_second_copy_is_a_replay_in_the_same_batch_and_in_a_later_one() -> None:
    gate, message = Gate(PLAN), reading(counter=5)
    assert gate.passes([message, message]) == [(METER, FIRST_SLOT)]
    assert gate.passes([message]) == []
    assert gate.refused == [(METER, 5, Refusal.REPLAYED)] * 2


def test_readings_that_the_field_delivers_out_of_order_are_fresh() -> None:
    gate = Gate(PLAN)
    late = [reading(slot=FIRST_SLOT + counter, counter=counter) for counter in (3, 1, 2)]
    assert gate.passes(late) == [(METER, FIRST_SLOT + counter) for counter in (3, 1, 2)]
    assert gate.refused == []


@given(
    st.lists(
        st.sampled_from(["good", "altered", "replayed", "misplaced", "stranger", "answer", "garbage"]), max_size=30
    )
)
def test_in_any_mixture_the_good_pass_and_the_bad_are_counted(kinds: list[str]) -> None:
    gate, sent, passed = Gate(PLAN), [], []
    gate.check([reading(counter=1)])  # what the replays repeat
    for counter, kind in enumerate(kinds, start=2):
        slot = FIRST_SLOT + counter
        good = reading(slot=slot, counter=counter)
        if kind == "good":
            passed.append((METER, slot))
        elif kind == "answer":
            passed += [(METER, slot + 100), (METER, slot + 101)]
        sent.append(
            {
                "good": good,
                "altered": Message(good.topic, flipped(good.payload, -1, 1)),
                "replayed": reading(counter=1),
                "misplaced": Message(up_topic(PLAN, METER + 1), good.payload),
                "stranger": Message(good.topic, flipped(good.payload, TITLE.start, 1)),
                "answer": answer(PLAN, METER, [slot + 100, slot + 101], counter),
                "garbage": Message(good.topic, b"garbage"),
            }[kind]
        )
    assert sorted(gate.passes(sent)) == sorted(passed)
    reasons = {
        "altered": Refusal.ALTERED,
        "replayed": Refusal.REPLAYED,
        "misplaced": Refusal.WRONG_TOPIC,
        "stranger": Refusal.UNKNOWN_METER,
        "garbage": Refusal.MALFORMED,
    }
    expected = Counter(str(reasons[kind]) for kind in kinds if kind in reasons)
    assert Counter(reason for _, _, reason in gate.refused) == expected


@pytest.mark.parametrize("count", [1, 2, 48])
def test_the_rows_of_an_answer_pass_as_such(count: int) -> None:
    gate, slots = Gate(PLAN), range(FIRST_SLOT, FIRST_SLOT + count)
    by_themselves, answered = gate.check([answer(PLAN, METER, slots, counter=4, wh=99_999_999)])
    assert len(by_themselves) == 0
    assert pairs(answered) == [(METER, slot) for slot in slots]
    assert set(answered.import_wh.tolist()) == {99_999_999}
    assert set(answered.counters.tolist()) == {4}
    assert gate.refused == []


def test_an_answer_with_a_single_row_is_as_long_as_a_reading_and_none() -> None:
    single = answer(PLAN, METER, [FIRST_SLOT])
    assert len(single.payload) == READING_BYTES
    by_themselves, answered = Gate(PLAN).check([reading(METER + 1), single, reading(METER + 2)])
    assert pairs(by_themselves) == [(METER + 1, FIRST_SLOT), (METER + 2, FIRST_SLOT)]
    assert pairs(answered) == [(METER, FIRST_SLOT)]


@given(st.data(), st.integers(1, 255), st.sampled_from([1, 2]))
def test_an_answer_with_one_other_byte_is_refused(data: st.DataObject, mask: int, count: int) -> None:
    gate, message = Gate(PLAN), answer(PLAN, METER, range(FIRST_SLOT, FIRST_SLOT + count))
    at = data.draw(st.integers(0, len(message.payload) - 1))
    assert gate.passes([Message(message.topic, flipped(message.payload, at, mask))]) == []
    ((row, _, reason),) = gate.refused
    if at >= COUNTER.start:
        assert (row, reason) == (METER, Refusal.ALTERED)


def test_an_answer_without_rows_and_a_refused_read_are_no_rejections() -> None:
    gate = Gate(PLAN)
    refusal = range_refusal(3, DataAccessResult.READ_WRITE_DENIED)
    assert gate.passes([answer(PLAN, METER, [], counter=2), sealed(PLAN, METER, refusal, counter=3)]) == []
    assert gate.refused == []
    assert gate.passes([sealed(PLAN, METER, refusal, counter=3)]) == []
    assert gate.refused == [(METER, 3, Refusal.REPLAYED)]


def test_a_replayed_answer_is_refused_and_shares_its_counters_with_readings() -> None:
    gate, message = Gate(PLAN), answer(PLAN, METER, [FIRST_SLOT, FIRST_SLOT + 1], counter=4)
    assert len(gate.passes([message, message])) == 2
    assert gate.passes([message, reading(counter=4)]) == []
    assert gate.refused == [(METER, 4, Refusal.REPLAYED)] * 3


@pytest.mark.parametrize(
    "plain", [b"", b"\x0f", b"\xc4\x01\xc3\x00\x01\x02", range_answer(3, rows([FIRST_SLOT] * 2))[:-1], b"\xd8\x02\x03"]
)
def test_a_genuine_message_that_says_nothing_sensible_is_malformed(plain: bytes) -> None:
    gate = Gate(PLAN)
    assert gate.passes([sealed(PLAN, METER, plain, counter=6)]) == []
    assert gate.refused == [(METER, 6, Refusal.MALFORMED)]


@pytest.mark.parametrize("control", [AUTHENTICATED, ENCRYPTED])
def test_a_message_may_not_choose_less_protection(control: int) -> None:
    gate = Gate(PLAN)
    plain = range_answer(3, rows([FIRST_SLOT, FIRST_SLOT + 1]))
    assert gate.passes([sealed(PLAN, METER, plain, 3, control)]) == []
    assert gate.refused == [(METER, -1, Refusal.ALTERED)]
    assert len(gate.passes([sealed(PLAN, METER, plain, 3, AUTHENTICATED_ENCRYPTED)])) == 2


def test_a_time_that_ends_no_slot_is_no_slot() -> None:
    gate, index = Gate(PLAN), np.array([METER])
    titles, counter = system_titles(index), np.array([1], np.uint32)
    apdu = encode_readings(*KEYS.derive(titles, 0), titles, counter, slot_end(FIRST_SLOT) + 1, 0, index, index)
    off = rows([FIRST_SLOT, FIRST_SLOT + 1])
    off["time"][0] -= 1
    by_themselves, answered = gate.check(
        [Message(up_topic(PLAN, METER), apdu.tobytes()), sealed(PLAN, METER, range_answer(3, off))]
    )
    assert by_themselves.slots.tolist() == [NO_SLOT]
    assert answered.slots.tolist() == [NO_SLOT, FIRST_SLOT + 1]


def test_nothing_received_is_nothing_checked() -> None:
    assert Gate(PLAN).passes([]) == []
