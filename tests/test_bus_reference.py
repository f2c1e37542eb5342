"""The bus reference (AsyncAPI) says what the code does: the same topics, the same messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from bench.rack.messages import Envelope, Reply
from protocols.dlms.readings import READING_BYTES
from protocols.topics import DOWN, UP, TopicTree
from twins.bus.marks import Ack, Mark, Tick, TickDone
from twins.bus.state import State

REFERENCE: dict[str, Any] = YAML(typ="safe").load(Path(__file__).parents[1] / "docs" / "bus.asyncapi.yaml")
TREE = TopicTree("{root}")
TOPICS = {
    "up": TREE.meter("{area}", "{concentrator}", "{meter}", UP),
    "down": TREE.meter("{area}", "{concentrator}", "{meter}", DOWN),
    "marksUp": TREE.mark("{process}", UP),
    "marksDown": TREE.mark("{process}", DOWN),
    "clock": TREE.clock,
    "tick": TREE.tick,
    "ack": TREE.ack("{process}"),
    "state": TREE.state("{process}"),
    "rackAsk": TREE.rack_ask("{rack}"),
    "rackReply": TREE.rack_reply("{rack}", "{client}"),
}


def test_channels_are_the_topic_tree() -> None:
    assert {name: channel["address"] for name, channel in REFERENCE["channels"].items()} == TOPICS


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mark", Mark),
        ("tick", Tick),
        ("tickDone", TickDone),
        ("ack", Ack),
        ("state", State),
        ("rackRequest", Envelope),
        ("rackReply", Reply),
    ],
)
def test_messages_are_the_structs(name: str, kind: type[msgspec.Struct]) -> None:
    payload = REFERENCE["components"]["messages"][name]["payload"]
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]
    assert payload["properties"].keys() == schema["properties"].keys()
    assert set(payload["required"]) == set(schema["required"])


def test_a_reading_has_the_length_that_is_told() -> None:
    payload = REFERENCE["components"]["messages"]["reading"]["payload"]
    assert payload["minLength"] == payload["maxLength"] == READING_BYTES
