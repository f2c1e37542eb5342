"""The bus: MQTT framing, the bench's own messages, topics, and a meter's answers to its head-end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from bench.head_end.topics import MeterTopics
from protocols import mqtt
from protocols.dlms.profile import range_request
from protocols.errors import ProtocolError
from protocols.slots import slot_end
from tests.fuzz.target import Target, in_chunks, joined, pieces, refused
from tests.twins.bus.test_message import MESSAGES
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import KEYS, TREE, Shard, decoded, down_topic, request, sealed
from twins.bus.message import read
from twins.defects import Defects
from twins.shard.answers import Answers


def _mqtt(data: bytes) -> None:
    """What a stream says does not depend on how it was cut."""
    told = [_told(data[1:], size) for size in (len(data), 1 + (data[0] if data else 0))]
    assert told[0] == told[1]


def _told(data: bytes, size: int) -> list[object] | None:
    """The events one by one, None when the stream broke."""
    reader = mqtt.Reader()
    told: list[object] = []
    try:
        for chunk in in_chunks(data, max(1, size)):
            for event in reader.feed(chunk):
                if isinstance(event, mqtt.PublishRun):
                    assert len(event) > 0
                    rows = zip(event.topics, event.payloads, strict=True)
                    told += [(topic.tobytes(), payload.tobytes()) for topic, payload in rows]
                else:
                    told.append(event)
    except ProtocolError:
        return None
    return told


def _messages(data: bytes) -> None:
    for kind in map(type, MESSAGES):
        message = refused(lambda raw, kind=kind: read(raw, kind), data)
        if message is not None:
            again = msgspec.json.encode(message)
            assert msgspec.json.encode(read(again, kind)) == again


_PLAN = plan(*[(2, 3)] * 11)  # 66 meters; areas a0 … a9 and a10, so topics have two lengths
_TOPICS = MeterTopics(_PLAN, TREE.root)


def _topics(data: bytes) -> None:
    """A topic is a meter's own, or nobody's."""
    row = _TOPICS.row_of(data)
    assert -1 <= row < _PLAN.meters
    if row >= 0:
        assert data == down_topic(_PLAN, row).removesuffix(b"down") + b"up"


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with the process."""
    return tempfile.TemporaryDirectory(prefix="fuzz-")


@cache
def _shard() -> Shard:
    """One fleet for all inputs: requests change nothing of it but its counters."""
    shard = Shard(_PLAN, Path(_folder().name) / "journal")
    shard.step(slot_end(FIRST_SLOT + 2))
    return shard


_METER = 7


def _answers(data: bytes) -> None:
    """Requests to a shard: sealed as the head-end would, or as they are; on a meter's topic, or on any."""
    shard = _shard()
    answers = Answers(shard.fleet, KEYS, Defects([], 0, _PLAN.meters), shard.answers._counters)
    for count, (what, raw) in enumerate(pieces(data)):
        meter = what >> 3
        topic = raw if what & 1 else down_topic(_PLAN, meter)
        found = answers.to(topic, raw if what & 2 else sealed(meter, raw, count))
        if found is not None:
            assert len(list(decoded([found.packet]))) == 1
    assert len(answers._requests._heard) <= _PLAN.meters
    assert answers.to(down_topic(_PLAN, _METER), request(_METER, FIRST_SLOT, FIRST_SLOT + 2, 1 << 20)) is not None


def _mqtt_seeds() -> Iterator[bytes]:
    reading, answer = mqtt.publish("ami/a/c/m/up", bytes(62)), mqtt.publish("ami/a/c/m/up", bytes(90))
    yield b"\7" + b"\x20\x02\x00\x00" + b"\x90\x03\x00\x01\x00" + b"\xd0\x00"
    yield b"\x20" + reading * 3
    yield b"\x01" + reading + answer + reading
    yield b"\x05" + mqtt.publish("", b"") + mqtt.publish("t", b"") * 2
    yield b"\x01\x20\x02\x00\x05"


def _topic_seeds() -> Iterator[bytes]:
    yield from (down_topic(_PLAN, row).removesuffix(b"down") + b"up" for row in (0, 7, 61, 65))
    yield down_topic(_PLAN, 7)


def _answer_seeds() -> Iterator[bytes]:
    asked = range_request(5, slot_end(FIRST_SLOT), slot_end(FIRST_SLOT + 2))
    yield joined((_METER << 3, asked), (_METER << 3, asked))
    yield joined((3, down_topic(_PLAN, _METER)), (2, request(0, FIRST_SLOT, FIRST_SLOT, 1)))
    for first, last in ((0, slot_end(FIRST_SLOT)), (slot_end(FIRST_SLOT), 4_000_000_000), (-1, -(10**9))):
        yield joined((8, range_request(1, first, last)))


_MQTT_WORDS = tuple(bytes([kind << 4]) for kind in range(1, 16))

TARGETS = (
    Target("mqtt-reader", _mqtt, _mqtt_seeds, 80, 500, _MQTT_WORDS),
    Target("bus-messages", _messages, lambda: map(msgspec.json.encode, MESSAGES), 80, 200),
    Target("bus-topics", _topics, _topic_seeds, 30, 60),
    Target("shard-answers", _answers, _answer_seeds, 20, 300),
)
