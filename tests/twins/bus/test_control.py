"""The control link over a real broker: messages to their handlers, and back again after the broker was gone."""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.brokers import broker, embedded_command, free_port, mosquitto_command, running, scripted
from twins.bus.address import BusAddress, BusError
from twins.bus.control import ControlLink
from twins.bus.marks import Tick
from twins.bus.message import read

PATIENCE = 20.0


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[BusAddress]:
    with broker("embedded", tmp_path) as address:
        yield address


class Listener:
    """A link that queues what it hears as (topic, payload)."""

    def __init__(self, address: BusAddress, *filters: str, client: str = "listener") -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.link = ControlLink(address, client)
        for topic in filters:
            self.link.handle(topic, lambda topic, payload: self.heard.put((topic, payload)))

    def next(self) -> tuple[str, bytes]:
        return self.heard.get(timeout=PATIENCE)


def until_heard(sender: ControlLink, topic: str, listener: Listener) -> bytes:
    """Send on, as senders on this link do, until one message has come through."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        sender.publish(topic, Tick(number=7, time=0.5))
        try:
            return listener.heard.get(timeout=0.05)[1]
        except queue.Empty:
            continue
    raise AssertionError("nothing came through")


def test_messages_arrive_as_json_at_the_handlers_of_their_topic_only(bus: BusAddress) -> None:
    listener, sender = Listener(bus, "t/clock", "t/state/+"), ControlLink(bus, "sender")
    other: queue.Queue[str] = queue.Queue()
    listener.link.handle("t/other", lambda topic, payload: other.put(topic))
    listener.link.open()
    sender.open()
    tick = Tick(number=3, time=4.5)
    for topic in ("t/unheard", "t/clock", "t/state/shard-0", "t/state", "t/other"):
        sender.publish(topic, tick)
    assert other.get(timeout=PATIENCE) == "t/other"
    assert [listener.next(), listener.next()] == [
        ("t/clock", msgspec.json.encode(tick)),
        ("t/state/shard-0", msgspec.json.encode(tick)),
    ]
    assert listener.heard.empty()
    sender.close()
    listener.link.close()


def test_a_handler_that_finds_no_message_does_not_stop_the_next(
    bus: BusAddress, caplog: pytest.LogCaptureFixture
) -> None:
    ticks: queue.Queue[Tick] = queue.Queue()
    link = ControlLink(bus, "both")
    link.handle("t/clock", lambda topic, payload: ticks.put(read(payload, Tick)))
    link.open()
    with caplog.at_level(logging.WARNING, logger="twins.bus.control"):
        link.publish("t/clock", {"number": "three"})
        link.publish("t/clock", Tick(number=3, time=4.5))
        assert ticks.get(timeout=PATIENCE) == Tick(number=3, time=4.5)
    assert ["t/clock: not a Tick" in record.getMessage() for record in caplog.records] == [True]
    link.close()


def test_a_link_comes_back_with_its_subscriptions_when_the_broker_does_and_repeats_nothing_old() -> None:
    port = free_port()
    address = BusAddress(port=port)
    gone = threading.Event()
    listener, sender = Listener(address, "t/#"), ControlLink(address, "sender")
    sender._client.on_socket_close = lambda *_: gone.set()
    with running(embedded_command(port), port):
        listener.link.open()
        sender.open()
        until_heard(sender, "t/clock", listener)
    assert gone.wait(PATIENCE)
    sender.publish("t/stale", Tick(number=1, time=0.0))
    with running(embedded_command(port), port):
        until_heard(sender, "t/clock", listener)
        sender.publish("t/last", Tick(number=2, time=0.0))
        topics = {listener.next()[0]}
        while "t/last" not in topics:
            topics.add(listener.next()[0])
    assert "t/stale" not in topics
    sender.close()
    listener.link.close()


def test_a_link_may_wait_for_its_broker() -> None:
    port = free_port()
    listener = Listener(BusAddress(port=port), "t/clock")
    with pytest.raises(BusError, match=r"no control connection to the bus at mqtt://127\.0\.0\.1:\d+: no answer"):
        Listener(BusAddress(port=port), "t/clock", client="hasty").link.open(timeout=0.01)
    with running(embedded_command(port), port):
        listener.link.open()
        listener.link.close()


def test_a_refused_connection_says_why(tmp_path: Path) -> None:
    port = free_port()
    command = mosquitto_command(port, tmp_path / "m.conf")
    (tmp_path / "m.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\n")
    with running(command, port), pytest.raises(BusError, match="Not authorized"):
        ControlLink(BusAddress(port=port), "stranger").open(timeout=1.0)


def test_a_refused_subscription_says_which() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"\x20\x02\x00\x00")
        packet_id = connection.recv(4096)[2:4]
        connection.sendall(b"\x90\x03" + packet_id + b"\x80")
        connection.recv(4096)

    with scripted(refuse) as address, pytest.raises(BusError, match="subscription to t/secret was refused"):
        Listener(address, "t/secret").link.open()
