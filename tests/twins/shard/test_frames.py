"""Readings as packets: the topics are the tree's, the contents what the head-end's decoder reads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.slots import slot_end
from protocols.topics import UP, TopicTree
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import KEYS, TREE, Reading, decoded
from twins.plan import concentrator_id, meter_id
from twins.shard.frames import ReadingFrames, digits, up_topics

PLAN = plan((3, 7), (2, 5))


@pytest.mark.requirement("M8")
@given(numbers=st.lists(st.integers(0, 10**12 - 1), min_size=1))
def test_digits_are_decimal_with_leading_zeros(numbers: list[int]) -> None:
    written = digits(np.array(numbers), 12)
    assert [row.tobytes().decode() for row in written] == [f"{number:012d}" for number in numbers]


@given(
    places=st.lists(st.tuples(st.integers(0, 999_999), st.integers(0, 10**12 - 1)), min_size=1),
    root=st.sampled_from(["ami", "a/b", "ü"]),
    area=st.sampled_from(["suburb", "x"]),
)
def test_topics_are_spelt_as_the_topic_tree_spells_them(places: list[tuple[int, int]], root: str, area: str) -> None:
    concentrators, meters = np.array(places).T
    tree = TopicTree(root)
    assert [row.tobytes().decode() for row in up_topics(root, area, concentrators, meters)] == [
        tree.meter(area, concentrator_id(concentrator), meter_id(meter), UP) for concentrator, meter in places
    ]


@given(data=st.data(), key_epoch=st.sampled_from([0, 0, 3]))
def test_what_goes_in_is_what_the_head_end_reads(data: st.DataObject, key_epoch: int) -> None:
    index = np.array(data.draw(st.lists(st.integers(0, PLAN.meters - 1), min_size=1, max_size=40)))
    word = st.integers(1, 2**32 - 1)
    register = st.integers(0, 10**12)
    counters = np.array([data.draw(word) for _ in index], dtype=np.uint32)
    imported, exported = (np.array([data.draw(register) for _ in index], dtype=np.uint64) for _ in range(2))
    frames = ReadingFrames(PLAN, TREE.root, KEYS, key_epoch)
    apdus = frames.apdus(index, counters, FIRST_SLOT, np.zeros(len(index), np.uint8), imported, exported)
    batches = [list(decoded([packets])) for packets in frames.packets(index, apdus)]
    areas = PLAN.area_of(index)
    assert len(batches) == len(np.unique(areas))
    order = np.argsort(areas, kind="stable")  # area by area, and as given within each
    concentrators = PLAN.concentrator_of(index)
    found = [message for batch in batches for message in batch]
    expected = [
        Reading(
            TREE.meter(PLAN.areas[areas[i]].name, concentrator_id(concentrators[i]), meter_id(index[i]), UP),
            int(index[i]),
            FIRST_SLOT,
            int(counters[i]),
            int(imported[i]) % 10**8,
            int(exported[i]) % 10**8,
            True,
        )
        for i in order
    ]
    if key_epoch == 0:  # the keys that the decoder of these tests has
        assert found == expected
    else:
        assert [(m.topic, m.counter) for m in found] == [(m.topic, m.counter) for m in expected]
        assert not any(isinstance(m, Reading) and m.genuine for m in found)


def test_the_stamp_of_a_reading_is_the_end_of_its_slot() -> None:
    frames = ReadingFrames(PLAN, TREE.root, KEYS)
    one = np.ones(1, np.uint64)
    apdus = frames.apdus(np.array([3]), one.astype(np.uint32), FIRST_SLOT, np.zeros(1, np.uint8), one, one)
    (packets,) = frames.packets(np.array([3]), apdus)
    (message,) = decoded([packets])
    assert isinstance(message, Reading)
    assert slot_end(message.slot) == slot_end(FIRST_SLOT)


def test_no_readings_are_no_packets() -> None:
    none = np.empty(0, np.int64)
    assert list(ReadingFrames(PLAN, TREE.root, KEYS).packets(none, np.empty((0, 62), np.uint8))) == []
