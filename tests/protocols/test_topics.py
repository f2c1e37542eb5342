"""The topic tree: filters match what they are meant to match, as the MQTT standard (and paho) has it."""

from __future__ import annotations

import paho.mqtt.client as paho

from protocols.topics import DOWN, UP, TopicTree

TREE = TopicTree("ami")


def test_filters_take_meters_and_marks_of_their_direction_only() -> None:
    up, down = TREE.meter("a", "c000001", "TWN000000000001", UP), TREE.meter("a", "c000001", "TWN000000000001", DOWN)
    assert paho.topic_matches_sub(TREE.up_filter, up)
    assert paho.topic_matches_sub(TREE.up_filter, TREE.mark("shard-0", UP))
    assert paho.topic_matches_sub(TREE.down_filter, down)
    assert paho.topic_matches_sub(TREE.down_filter, TREE.mark("head-end", DOWN))
    assert not paho.topic_matches_sub(TREE.up_filter, down)
    assert not paho.topic_matches_sub(TREE.up_filter, TREE.clock)


def test_own_traffic_is_told_by_its_prefix() -> None:
    own = [TREE.clock, TREE.tick, TREE.ack("s"), TREE.state("s"), TREE.mark("s", UP)]
    assert all(topic.encode().startswith(TREE.own_prefix) for topic in own)
    assert not TREE.meter("a", "c000001", "TWN000000000001", UP).encode().startswith(TREE.own_prefix)
