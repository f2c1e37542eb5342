"""Whose an up topic is, to the last byte."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from bench.head_end.topics import MeterTopics
from protocols.topics import TopicTree
from tests.bench.head_end.rig import up_topic
from tests.twins.plans import plan
from tests.twins.shard.rig import TREE, down_topic

PLAN = plan(*[(2, 3)] * 11)  # a0 … a9 and a10: topics of two lengths
TOPICS = MeterTopics(PLAN, TREE.root)


def own(topics: list[bytes], rows: list[int]) -> list[bool]:
    found = TOPICS.own(np.frombuffer(b"".join(topics), np.uint8).reshape(len(topics), -1), np.array(rows))
    return [bool(one) for one in found]


def test_every_meter_owns_its_topic_and_no_other_meter_does() -> None:
    for size in {len(up_topic(PLAN, meter)) for meter in range(PLAN.meters)}:
        meters = [meter for meter in range(PLAN.meters) if len(up_topic(PLAN, meter)) == size]
        topics = [up_topic(PLAN, meter) for meter in meters]
        assert own(topics, meters) == [True] * len(meters)
        others = [(meter + 1) % PLAN.meters for meter in meters]
        assert own(topics, others) == [False] * len(meters)


def test_a_topic_as_long_as_those_of_another_area_is_not_the_meters_even_in_bytes_that_no_broker_passes() -> None:
    meter = PLAN.meters - 1  # of the area with the longer name
    topic = bytearray(len(up_topic(PLAN, 0)))
    topic[-25:-19], topic[-15:-3] = bytes([0, 0, 0, 0, 2, 1]), bytes([0] * 10 + [6, 5])
    assert own([bytes(topic)], [meter]) == [False]


def test_a_topic_names_its_meter() -> None:
    assert [TOPICS.row_of(up_topic(PLAN, meter)) for meter in range(PLAN.meters)] == list(range(PLAN.meters))


@given(st.integers(0, PLAN.meters - 1), st.data())
def test_a_topic_with_one_other_byte_is_not_the_meters(meter: int, data: st.DataObject) -> None:
    topic = bytearray(up_topic(PLAN, meter))
    at = data.draw(st.integers(0, len(topic) - 1))
    topic[at] ^= data.draw(st.integers(1, 255))
    assert own([bytes(topic)], [meter]) == [False]
    found = TOPICS.row_of(bytes(topic))  # with another digit it may be a neighbour's
    assert found == -1 or (found != meter and up_topic(PLAN, found) == topic)


@given(st.binary(max_size=60))
@example(b"")
@example(b"TWN000000000001/up")
@example(b"/" * 31)
@example(up_topic(PLAN, 3)[1:])
@example(b"x" + up_topic(PLAN, 3))
@example(up_topic(PLAN, 3).replace(b"TWN000000000003", b"TWN999999999999"))
@example(up_topic(PLAN, 3).replace(b"TWN000000000003", "TWN00000000000\N{ARABIC-INDIC DIGIT THREE}".encode()[:15]))
@example(down_topic(PLAN, 3))
def test_any_other_topic_is_nobodys(topic: bytes) -> None:
    assert TOPICS.row_of(topic) == -1
    assert not any(own([topic] * PLAN.meters, list(range(PLAN.meters))))


def test_another_root_is_another_bench() -> None:
    other = MeterTopics(PLAN, "TEST")
    assert [other.row_of(up_topic(PLAN, meter)) for meter in range(PLAN.meters)] == [-1] * PLAN.meters


def test_a_meter_hears_on_the_down_topic_of_the_tree() -> None:
    rows = np.arange(PLAN.meters)
    assert [topic.encode() for topic in TOPICS.down(rows)] == [down_topic(PLAN, meter) for meter in rows.tolist()]
    assert next(iter(MeterTopics(plan((1, 1)), "x").down(np.array([0])))) == TopicTree("x").meter(
        "a0", "c000000", "TWN000000000000", "down"
    )
