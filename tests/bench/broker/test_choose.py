"""From a topology's bus to an address and, if the broker is ours, a process that serves it."""

from __future__ import annotations

import itertools
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from bench.broker.choose import Broker, choose_broker
from bench.errors import InputError
from bench.topology.bus import EmbeddedBus, ExternalBus, MosquittoBus
from protocols import mqtt
from tests.bench.orphans import ended, killed_outright
from tests.brokers import MOSQUITTO, running
from twins.bus.address import BusAddress
from twins.bus.bulk import BulkLink

PATIENCE = 20.0


def external(folder: Path, url: str, **fields: str) -> BusAddress:
    broker = choose_broker(ExternalBus(broker="external", url=url, **fields), folder)
    assert broker.command is None
    return broker.address


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("mqtt://broker.example", "broker.example", 1883, False),
        ("mqtt://127.0.0.1:11883", "127.0.0.1", 11883, False),
        ("mqtts://broker.example", "broker.example", 8883, True),
        ("mqtts://broker.example:443", "broker.example", 443, True),
        ("mqtt://[::1]:1884", "::1", 1884, False),
    ],
)
def test_an_external_broker_is_where_its_url_says(tmp_path: Path, url: str, host: str, port: int, tls: bool) -> None:
    assert external(tmp_path, url, root="lab") == BusAddress(host=host, port=port, tls=tls, root="lab")


def test_credentials_go_along_and_files_are_seen_from_the_topology(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.pem"
    address = external(
        tmp_path / "lab",
        "mqtts://broker.example",
        user="bench",
        password_env="BUS_PASSWORD",
        ca="ca.pem",
        client_cert="keys/bench.pem",
        client_key=str(elsewhere),
    )
    assert address == BusAddress(
        host="broker.example",
        port=8883,
        tls=True,
        user="bench",
        password_env="BUS_PASSWORD",
        ca=str(tmp_path / "lab" / "ca.pem"),
        client_cert=str(tmp_path / "lab" / "keys" / "bench.pem"),
        client_key=str(elsewhere),
    )


def test_the_password_is_in_no_address_but_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUS_PASSWORD", "hush")
    address = external(tmp_path, "mqtt://broker.example", user="bench", password_env="BUS_PASSWORD")
    assert "hush" not in repr(address)
    assert address.password == "hush"


def test_choosing_writes_nothing(tmp_path: Path) -> None:
    for bus in (EmbeddedBus(broker="embedded"), ExternalBus(broker="external", url="mqtt://x")):
        choose_broker(bus, tmp_path)
    if MOSQUITTO:
        choose_broker(MosquittoBus(broker="mosquitto"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_mosquitto_that_is_not_installed_is_bad_input(tmp_path: Path) -> None:
    bus = MosquittoBus(broker="mosquitto", executable="no-such-mosquitto")
    with pytest.raises(InputError, match="no-such-mosquitto is not installed; install mosquitto or choose"):
        choose_broker(bus, tmp_path)


def test_a_mosquitto_can_be_given_by_its_path(tmp_path: Path) -> None:
    program = tmp_path / "my-mosquitto"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    broker = choose_broker(MosquittoBus(broker="mosquitto", executable=str(program)), tmp_path)
    assert broker.command is not None
    assert str(program) in broker.command(tmp_path)


def test_two_runs_get_brokers_on_two_ports_of_loopback(tmp_path: Path) -> None:
    first, second = (choose_broker(EmbeddedBus(broker="embedded", root="r"), tmp_path).address for _ in range(2))
    assert first.port != second.port
    assert (first.host, first.root, first.tls) == ("127.0.0.1", "r", False)


def relay(address: BusAddress, messages: int, size: int) -> int:
    """How many messages reach a subscriber that reads nothing until the last one has been sent."""
    topics = np.frombuffer(b"test/a/b/c/up" * messages, np.uint8).reshape(messages, -1)
    packets = mqtt.publish_batch(topics, np.zeros((messages, size), np.uint8))
    slow, fast = BulkLink(address, "slow", "test/+/+/+/up"), BulkLink(address, "fast")
    slow.open()
    fast.open()
    try:
        fast.send(packets.tobytes())
        fast.send(mqtt.publish("test/_/marks/last/up", b""))
        received, deadline = 0, time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            runs = slow.receive(0.1)  # nothing yet while a large message is still coming in
            received += sum(len(run) for run in runs)
            if runs and not runs[-1].payloads.size:
                break
        return received - 1
    finally:
        slow.close()
        fast.close()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Broker:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed (the test set-up installs it when it runs as root)")
    return choose_broker(MosquittoBus(broker="mosquitto"), tmp_path)


def test_mosquitto_drops_nothing_for_a_subscriber_that_is_busy(mosquitto: Broker, tmp_path: Path) -> None:
    assert mosquitto.command is not None
    with running(list(mosquitto.command(tmp_path)), mosquitto.address.port):
        # More than fits the sockets' buffers, and many times the 1,000 messages that mosquitto would queue by itself.
        assert relay(mosquitto.address, 30_000, 600) == 30_000


def test_mosquitto_listens_on_loopback_only_and_is_the_process_that_was_started(
    mosquitto: Broker, tmp_path: Path
) -> None:
    assert mosquitto.command is not None
    with running(list(mosquitto.command(tmp_path)), mosquitto.address.port) as process:
        assert Path(f"/proc/{process.pid}/comm").read_text().strip() == "mosquitto"
        listening = subprocess.run(["cat", f"/proc/{process.pid}/net/tcp"], capture_output=True, text=True, check=True)
        port = f":{mosquitto.address.port:04X}"
        sockets = [line.split()[1] for line in listening.stdout.splitlines()[1:] if line.split()[3] == "0A"]
        assert [address for address in sockets if address.endswith(port)] == [f"0100007F{port}"]


def test_mosquitto_ends_with_a_bench_that_is_killed_outright(mosquitto: Broker, tmp_path: Path) -> None:
    def until_it_serves() -> None:
        attempts = itertools.count()
        link = BulkLink(mosquitto.address, "probe")
        link.open(lambda: next(attempts) > 50)
        link.close()

    assert mosquitto.command is not None
    pid = killed_outright(tmp_path, *mosquitto.command(tmp_path), ready=until_it_serves)
    assert ended(pid)


def test_the_embedded_broker_serves_its_address_and_large_payloads(tmp_path: Path) -> None:
    broker = choose_broker(EmbeddedBus(broker="embedded"), tmp_path)
    assert broker.command is not None
    with running(list(broker.command(tmp_path)), broker.address.port):
        assert relay(broker.address, 3, 200_000) == 3
