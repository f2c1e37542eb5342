"""The window: never more unacknowledged readings than allowed, and no waiting for ever."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import mqtt
from protocols.errors import ProtocolError
from protocols.topics import UP, TopicTree
from twins.bus.address import BusError
from twins.bus.marks import Ack, Mark, read_mark
from twins.shard.stream import Stream

TREE = TopicTree("test")
EPOCH = 3
TOPIC = "test/a/c000001/TWN000000000001/up"


class Peer:
    """The bus and the head-end behind it: notes everything that is sent, acknowledges what it is told to."""

    def __init__(self) -> None:
        self.readings = 0
        self.marks: list[tuple[Mark, int]] = []  # and how many readings were sent before it
        self.on_mark: Callable[[Mark], None] = lambda mark: None
        self.broken = False

    def send(self, packets: bytes | memoryview) -> None:
        if self.broken:
            raise BusError("gone")
        for run in mqtt.Reader().feed(bytes(packets)):
            assert isinstance(run, mqtt.PublishRun)
            if run.topics[0].tobytes().decode() != TREE.mark("s", UP):
                self.readings += len(run)
                continue
            for payload in run.payloads:
                mark = read_mark(payload.tobytes())
                self.marks.append((mark, self.readings))
                self.on_mark(mark)


def stream(peer: Peer, window: int) -> Stream:
    return Stream(peer, TREE, "s", EPOCH, window, patience=0)  # type: ignore[arg-type]


def readings(count: int) -> np.ndarray:
    return np.tile(np.frombuffer(mqtt.publish(TOPIC, b"x"), np.uint8), (count, 1))


def acknowledge(stream: Stream, sequence: int, epoch: int = EPOCH) -> None:
    stream.on_ack("", msgspec.json.encode(Ack(epoch=epoch, sequence=sequence)))


@settings(max_examples=100)
@given(window=st.integers(1, 50), sizes=st.lists(st.integers(1, 120), max_size=15), slow=st.integers(0, 3))
def test_never_more_than_the_window_is_unacknowledged_and_nobody_waits_in_vain(
    window: int, sizes: list[int], slow: int
) -> None:
    peer = Peer()
    sender = stream(peer, window)
    acknowledged = 0
    unanswered: list[tuple[int, int]] = []

    def answer(mark: Mark) -> None:
        # Works off marks ``slow`` marks behind; asked again it has caught up with everything.
        nonlocal acknowledged
        again = bool(unanswered) and unanswered[-1][1] == peer.readings
        unanswered.append((mark.sequence, peer.readings))
        while len(unanswered) > (0 if again else slow):
            sequence, acknowledged = unanswered.pop(0)
            acknowledge(sender, sequence)

    peer.on_mark = answer
    link_send, most = peer.send, 0

    def watched(packets: bytes | memoryview) -> None:
        nonlocal most
        link_send(packets)
        most = max(most, peer.readings - acknowledged)

    peer.send = watched  # type: ignore[method-assign]
    for size in sizes:
        sender.send(readings(size), tick=1, now=0.0)
    assert peer.readings == sum(sizes)
    assert most <= window
    assert sender.overruns == 0


def test_an_acknowledgement_frees_what_lay_before_its_mark_and_no_more() -> None:
    peer = Peer()
    sender = stream(peer, window=8)  # a mark after every two readings
    sender.send(readings(8), tick=1, now=0.0)
    fills = [(mark.sequence, before) for mark, before in peer.marks]
    assert fills == [(1, 2), (2, 4), (3, 6), (4, 8)]
    assert {mark.kind for mark, _ in peer.marks} == {"fill"}
    acknowledge(sender, 2)
    sender.send(readings(4), tick=1, now=0.0)
    assert (peer.readings, sender.overruns) == (12, 0)
    sender.send(readings(1), tick=1, now=0.0)
    assert sender.overruns == 1


def test_silence_is_answered_with_the_mark_again_and_then_counted_as_an_overrun() -> None:
    peer = Peer()
    sender = stream(peer, window=4)
    sender.send(readings(4), tick=1, now=0.0)
    marks = len(peer.marks)
    sender.send(readings(4), tick=1, now=0.0)
    assert peer.readings == 8
    assert sender.overruns == 1
    assert [before for _, before in peer.marks[marks:]] == [4] * 4 + [5, 6, 7, 8]


def test_a_mark_given_again_reaches_a_head_end_that_was_started_again() -> None:
    peer = Peer()
    sender = stream(peer, window=4)
    sender.send(readings(4), tick=1, now=0.0)  # these marks went to the head-end that was killed
    peer.on_mark = lambda mark: acknowledge(sender, mark.sequence)
    sender.send(readings(9), tick=1, now=0.0)
    assert (peer.readings, sender.overruns) == (13, 0)


def test_acknowledgements_of_another_life_of_the_shard_free_nothing() -> None:
    sender = stream(Peer(), window=4)
    sender.send(readings(4), tick=1, now=0.0)
    acknowledge(sender, 4, epoch=EPOCH - 1)
    sender.send(readings(1), tick=1, now=0.0)
    assert sender.overruns == 1


def test_acknowledgements_that_come_late_or_in_disorder_take_nothing_back() -> None:
    sender = stream(Peer(), window=4)
    for _ in range(3):
        sender.send(readings(4), tick=1, now=0.0)
        acknowledge(sender, 100)
        acknowledge(sender, 2)
    assert sender.overruns == 0


def test_a_new_tick_begins_with_an_empty_window() -> None:
    peer = Peer()
    sender = stream(peer, window=4)
    for tick in (1, 2, 3):
        sender.reset()
        sender.mark("open", tick, 0.0)
        sender.send(readings(4), tick, 0.0)
        sender.mark("close", tick, 0.0, due=7.0)
    assert sender.overruns == 0
    assert [mark.sequence for mark, _ in peer.marks] == list(range(1, len(peer.marks) + 1))
    close = peer.marks[-1][0]
    assert (close.kind, close.sender, close.epoch, close.tick, close.due) == ("close", "s", EPOCH, 3, 7.0)


def test_answers_count_like_readings() -> None:
    sender = stream(Peer(), window=4)
    for _ in range(4):
        sender.send(mqtt.publish(TOPIC, bytes(300)), tick=1, now=0.0)
    assert sender.overruns == 0
    sender.send(mqtt.publish(TOPIC, bytes(300)), tick=1, now=0.0)
    assert sender.overruns == 1


def test_a_lost_bus_ends_the_waiting_at_once() -> None:
    peer = Peer()
    sender = stream(peer, window=4)
    sender.send(readings(4), tick=1, now=0.0)
    peer.broken = True
    with pytest.raises(BusError):
        sender.send(readings(1), tick=1, now=0.0)
    assert sender.overruns == 0


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"epoch":3,"sequence":"4"}', b'{"epoch":"\xff"}', b"[" * 100_000])
def test_what_is_no_acknowledgement_is_refused_and_frees_nothing(payload: bytes) -> None:
    sender = stream(Peer(), window=4)
    sender.send(readings(4), tick=1, now=0.0)
    with pytest.raises(ProtocolError):
        sender.on_ack("", payload)
    sender.send(readings(1), tick=1, now=0.0)
    assert sender.overruns == 1
