"""The bulk link over the real wire: both brokers, paho at the other end, and a broker that is killed."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from protocols import mqtt
from protocols.topics import UP, TopicTree
from tests.brokers import broker, embedded_command, free_port, running, scripted
from twins.bus import bulk
from twins.bus.address import BusAddress, BusError
from twins.bus.bulk import BulkLink

TREE = TopicTree()
PATIENCE = 20.0


@pytest.fixture(params=["embedded", "mosquitto"])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BusAddress]:
    with broker(request.param, tmp_path) as address:
        yield address


def batch(count: int) -> bytes:
    topic = TREE.meter("a", "c000001", "TWN000000000001", UP).encode()
    payloads = np.arange(count, dtype=">u4").view(np.uint8).reshape(count, 4)
    return mqtt.publish_batch(np.tile(np.frombuffer(topic, np.uint8), (count, 1)), payloads).tobytes()


def collect(link: BulkLink, count: int) -> list[int]:
    numbers: list[int] = []
    deadline = time.monotonic() + PATIENCE
    while len(numbers) < count and time.monotonic() < deadline:
        for run in link.receive(0.1):
            numbers += np.ascontiguousarray(run.payloads).view(">u4").ravel().tolist()
    return numbers


def test_a_burst_arrives_whole_and_in_order(bus: BusAddress) -> None:
    receiver, sender = BulkLink(bus, "rx", TREE.up_filter), BulkLink(bus, "tx")
    receiver.open()
    sender.open()
    for _ in range(4):
        sender.send(batch(2500))
    assert collect(receiver, 10_000) == list(range(2500)) * 4
    sender.close()
    receiver.close()


def test_paho_reads_what_we_send_and_we_read_what_paho_sends(bus: BusAddress) -> None:
    heard: queue.Queue[bytes] = queue.Queue()
    subscribed: queue.Queue[int] = queue.Queue()
    peer = paho.Client(CallbackAPIVersion.VERSION2, client_id="peer")
    peer.on_message = lambda client, data, message: heard.put(message.payload)
    peer.on_subscribe = lambda client, data, mid, reasons, properties: subscribed.put(mid)
    peer.connect(bus.host, bus.port)
    peer.subscribe(TREE.up_filter)
    peer.loop_start()
    subscribed.get(timeout=PATIENCE)
    link = BulkLink(bus, "link", TREE.up_filter)
    link.open()
    try:
        link.send(batch(3))
        assert [int.from_bytes(heard.get(timeout=PATIENCE), "big") for _ in range(3)] == [0, 1, 2]
        assert collect(link, 3) == [0, 1, 2]
        peer.publish(TREE.meter("a", "c000001", "TWN000000000009", UP), (7).to_bytes(4, "big"))
        assert collect(link, 1) == [7]
    finally:
        peer.disconnect()
        peer.loop_stop()
        link.close()


def test_a_killed_broker_is_noticed_and_the_link_comes_back_with_its_subscriptions() -> None:
    port = free_port()
    address = BusAddress(port=port)
    link = BulkLink(address, "link", TREE.up_filter)
    with running(embedded_command(port), port):
        link.open()
    deadline = time.monotonic() + PATIENCE
    with pytest.raises(BusError, match="lost the bus"):
        while time.monotonic() < deadline:
            link.receive(0.1)
    with pytest.raises(BusError, match="no connection"):
        link.open()
    with running(embedded_command(port), port):
        link.open(lambda: False)
        link.send(batch(5))
        assert collect(link, 5) == [0, 1, 2, 3, 4]
        assert link.connections == 2
        link.close()


def test_no_broker_at_all_is_one_clear_error() -> None:
    with pytest.raises(BusError, match=r"no connection to the bus at mqtt://127\.0\.0\.1:"):
        BulkLink(BusAddress(port=free_port()), "link").open()


CONNACK, REFUSED, SUBACK = b"\x20\x02\x00\x00", b"\x20\x02\x00\x05", b"\x90\x03\x00\x01"


def let_in(connection: socket.socket) -> None:
    connection.sendall(CONNACK)
    connection.recv(4096)
    connection.sendall(SUBACK + b"\x00")


@contextlib.contextmanager
def link_to(serve: Callable[[socket.socket], object]) -> Iterator[BulkLink]:
    """A bulk link to a broker that does as ``serve`` says."""
    with scripted(serve) as address:
        link = BulkLink(address, "link", TREE.up_filter)
        try:
            yield link
        finally:
            link.close()


def test_readings_in_the_same_bytes_as_the_subscriptions_answer_are_not_lost() -> None:
    packets = batch(5)
    cut = len(packets) * 3 // 5 - 7  # within the third

    def busy(connection: socket.socket) -> None:
        connection.sendall(CONNACK)
        connection.recv(4096)
        connection.sendall(SUBACK + b"\x00" + packets[:cut])
        connection.recv(4096)  # something the link says once it has gone on
        connection.sendall(packets[cut:])
        connection.recv(4096)

    with link_to(busy) as link:
        link.open()
        first = collect(link, 2)
        link.send(mqtt.PINGREQ)
        assert first + collect(link, 3) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([REFUSED], "refused the connection"),
        ([CONNACK, SUBACK + b"\x80"], "refused a subscription"),
        ([CONNACK], "closed the connection"),
        ([b"\x10\x00"], "unexpected packet"),
    ],
)
def test_a_broker_that_does_not_let_us_in_is_an_error_that_says_so(answers: list[bytes], message: str) -> None:
    def refuse(connection: socket.socket) -> None:
        for answer in answers:
            connection.sendall(answer)
            connection.recv(4096)

    with link_to(refuse) as link:
        with pytest.raises(BusError, match=message):
            link.open()
        with pytest.raises(BusError, match="not connected"):
            link.send(mqtt.PINGREQ)


def test_a_broker_that_takes_nothing_any_more_is_a_lost_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def stuck(connection: socket.socket) -> None:
        let_in(connection)
        released.wait(PATIENCE)

    with link_to(stuck) as link:
        link.open()
        monkeypatch.setattr(bulk, "KEEP_ALIVE", 0.05)
        try:
            with pytest.raises(BusError, match="took nothing"):
                link.send(bytes(64 << 20))
        finally:
            released.set()


def test_a_link_that_has_long_sent_nothing_says_that_it_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: queue.Queue[bytes] = queue.Queue()

    def listen(connection: socket.socket) -> None:
        let_in(connection)
        while data := connection.recv(4096):
            heard.put(data)

    with link_to(listen) as link:
        link.open()
        monkeypatch.setattr(bulk, "KEEP_ALIVE", 0)
        assert link.receive(0) == []
    said = b"".join(heard.queue)
    assert mqtt.PINGREQ in said and said.endswith(mqtt.DISCONNECT)
