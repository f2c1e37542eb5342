"""MQTT framing: what we build is what paho builds and reads; what we read survives any cut and any garbage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import mqtt

TOPIC = b"ami/a/c000001/TWN000000000001/up"


def batch(count: int, payload_size: int = 5, topic: bytes = TOPIC) -> bytes:
    topics = np.tile(np.frombuffer(topic, np.uint8), (count, 1))
    payloads = np.arange(count * payload_size, dtype=np.uint32).astype(np.uint8).reshape(count, payload_size)
    return mqtt.publish_batch(topics, payloads).tobytes()


def messages(events: list[mqtt.Event]) -> list[tuple[bytes, bytes]]:
    return [
        (topic.tobytes(), payload.tobytes())
        for run in events
        if isinstance(run, mqtt.PublishRun)
        for topic, payload in zip(run.topics, run.payloads, strict=True)
    ]


def test_a_batch_equals_single_packets() -> None:
    payloads = np.arange(12, dtype=np.uint8).reshape(3, 4)
    topics = np.tile(np.frombuffer(TOPIC, np.uint8), (3, 1))
    single = b"".join(mqtt.publish(TOPIC.decode(), row.tobytes()) for row in payloads)
    assert mqtt.publish_batch(topics, payloads).tobytes() == single


def test_connect_is_laid_out_as_the_standard_says() -> None:
    assert mqtt.connect("ab", 30, "u", "pw") == bytes.fromhex(
        "1015 0004 4D515454 04 C2 001E 0002 6162 0001 75 0002 7077"
    )
    assert mqtt.connect("ab", 30) == bytes.fromhex("100E 0004 4D515454 04 02 001E 0002 6162")


@pytest.mark.parametrize("seconds", [0, -1, 65536])
def test_a_keep_alive_that_brokers_refuse_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="keep_alive"):
        mqtt.connect("ab", seconds)


def test_subscribe_is_laid_out_as_the_standard_says() -> None:
    assert mqtt.subscribe(1, "a/+", "b/#") == bytes.fromhex("820E 0001 0003 612F2B 00 0003 622F23 00")


@pytest.mark.parametrize("size", [0, 1, 92, 93, 200, 16_345, 20_000])
def test_lengths_around_each_boundary_come_back(size: int) -> None:
    data = mqtt.publish(TOPIC.decode(), bytes(size))
    assert messages(list(mqtt.Reader().feed(data))) == [(TOPIC, bytes(size))]


def test_equal_packets_come_as_one_run() -> None:
    (run,) = mqtt.Reader().feed(batch(1000))
    assert isinstance(run, mqtt.PublishRun)
    assert run.topics.shape == (1000, len(TOPIC))
    assert run.payloads.shape == (1000, 5)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 40), st.sampled_from([TOPIC, b"x", b"a/b"])), max_size=8),
    st.lists(st.integers(0, 2000), max_size=8),
)
def test_any_mix_comes_back_in_order_whatever_the_cuts(parts: list[tuple[int, int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(batch(count, size, topic) for count, size, topic in parts)
    whole = messages(list(mqtt.Reader().feed(stream)))
    reader, edges, pieces = mqtt.Reader(), sorted(min(c, len(stream)) for c in cuts), []
    for start, end in zip([0, *edges], [*edges, len(stream)], strict=True):
        pieces += messages(list(reader.feed(stream[start:end])))
    assert pieces == whole
    assert len(whole) == sum(count for count, _, _ in parts)


def test_runs_of_every_length_up_to_where_the_look_ahead_has_grown_end_where_they_end() -> None:
    stream = b"".join(batch(count, 5 + count % 2) for count in range(1, 80))
    runs = list(mqtt.Reader().feed(stream))
    assert [len(run) for run in runs if isinstance(run, mqtt.PublishRun)] == list(range(1, 80))


def test_a_long_packet_in_small_pieces_is_put_together_once() -> None:
    reader, packet = mqtt.Reader(), mqtt.publish(TOPIC, bytes(100_000))
    first, *others, last = [packet[at : at + 10] for at in range(0, len(packet), 10)]
    assert list(reader.feed(first)) == []
    waiting = reader._rest
    for piece in others:
        assert list(reader.feed(piece)) == []
        assert reader._rest is waiting
    assert messages(list(reader.feed(last))) == [(TOPIC, bytes(100_000))]
    assert len(messages(list(reader.feed(batch(1))))) == 1


def test_answers_of_the_broker_are_told() -> None:
    events = list(mqtt.Reader().feed(bytes.fromhex("20020005 90030001 80 D000")))
    assert events == [mqtt.Connack(5), mqtt.Suback(1, b"\x80")]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("30FFFFFFFF01", "four bytes"),
        ("30FFFFFF7F", "most we take"),
        ("3003000A61", "longer than the packet"),
        ("3205000161000A", "QoS"),
        ("F000", "unexpected"),
        ("200101", "unexpected"),
    ],
)
def test_what_is_not_mqtt_is_said_to_be_so(data: str, what: str) -> None:
    with pytest.raises(mqtt.MqttError, match=what):
        list(mqtt.Reader().feed(bytes.fromhex(data)))


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_garbage_raises_its_own_error_and_nothing_else(pieces: list[bytes]) -> None:
    reader = mqtt.Reader()
    try:
        for piece in pieces:
            list(reader.feed(piece))
    except mqtt.MqttError:
        pass
