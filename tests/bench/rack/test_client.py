"""The client of a gateway: what it notices by itself, and what it says when a block under a lease goes wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import msgspec
import pytest

from bench.errors import BenchFault, InputError
from bench.rack.client import RackClient, Served, find_gateway
from bench.rack.errors import LeaseDeniedError
from bench.rack.messages import Acquire, Beat, Release, Request, Who
from tests.bench.rack.serving import Gateway, client
from tests.bench.rack.virtual import eventually
from tests.brokers import embedded_command, free_port, running
from twins.bus.address import BusAddress
from twins.bus.control import ControlLink


def test_a_gateway_that_was_killed_and_not_waited_for_has_ended(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        served = Served(pid=process.pid, dead_man=1, rack="r", topology="t", bus=BusAddress(host="127.0.0.1", port=1))
        (tmp_path / "gateway.json").write_bytes(msgspec.json.encode(served))
        assert find_gateway(tmp_path).pid == process.pid
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie from here on
        with pytest.raises(InputError, match="has ended"):
            find_gateway(tmp_path)


def test_a_lease_that_is_lost_is_known_before_the_next_command(gateway: Gateway, ann: RackClient) -> None:
    with client(gateway.folder, "bob") as bob, ann.lease(Acquire(("lv-3",), ttl=60.0), every=0.05) as held:
        ann.check(held["token"])
        bob.ask(Release(kick="lv-3"))

        def lost() -> bool:
            try:
                ann.check(held["token"])
            except LeaseDeniedError as error:
                return "lease" in str(error) and "is over" in str(error)
            return False

        eventually(lost)


def test_what_went_wrong_first_is_what_is_told(gateway: Gateway, ann: RackClient) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        client(gateway.folder, "bob") as bob,
        ann.lease(Acquire(("lv-3",), ttl=60.0)),
    ):
        bob.ask(Release(kick="lv-3"))
        raise ZeroDivisionError


def test_a_lease_that_cannot_be_kept_from_the_first_is_given_back(
    gateway: Gateway, ann: RackClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(request: Request, timeout: float | None = None) -> Any:
        if isinstance(request, Beat):
            raise BenchFault("no answer")
        return ask(request, timeout)

    ask = ann.ask
    monkeypatch.setattr(ann, "ask", lossy)
    with pytest.raises(BenchFault, match="no answer"), ann.lease(Acquire(("lv-3",)), every=60.0):
        pytest.fail("it was given out")
    assert ask(Who()) == []


def test_a_connection_that_breaks_ends_what_was_kept_by_beats_and_nothing_that_follows(
    gateway: Gateway, ann: RackClient
) -> None:
    ann.ask(Beat(ann.ask(Acquire(("lv-3",)))["token"]))
    ann.ask(Acquire(("lv-2",)))  # as a command takes one: it outlives the command
    mqtt = ann._link._client
    broken = mqtt.socket()
    assert isinstance(broken, socket.socket)
    broken.shutdown(socket.SHUT_RDWR)
    with client(gateway.folder, "bob") as bob:
        eventually(lambda: [each["places"] for each in bob.ask(Who())] == [["lv-2"]], patience=30.0)
    eventually(lambda: mqtt.socket() not in (None, broken) and mqtt.is_connected(), patience=30.0)
    token = ann.ask(Acquire(("lv-3",)))["token"]
    for _ in range(3):
        ann.ask(Beat(token))
    assert [each["places"] for each in ann.ask(Who())] == [["lv-2"], ["lv-3"]]
    assert [each["why"] for each in gateway.audit("ending")] == ["the connection of ann is lost"]


def test_a_request_says_so_when_the_bus_is_away_and_does_not_wait_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    served = Served(pid=os.getpid(), dead_man=1, rack="r", topology="t", bus=BusAddress(port=port))
    asking = RackClient(served, "ann")
    with running(embedded_command(port), port), ThreadPoolExecutor(1) as thread:
        asking.open()
        gateway = ControlLink(served.bus, "gateway")
        heard = Queue[bytes]()
        gateway.handle("ami/_/rack/r/ask", lambda topic, payload: heard.put(payload))
        gateway.open()
        asked = thread.submit(asking.ask, Who(), 0.05)
        assert b"who" in heard.get(timeout=20)
        with pytest.raises(BenchFault, match="the gateway does not answer"):
            asked.result(20)
    gateway.close()
    monkeypatch.setattr("bench.rack.client._BUS_BACK", 0.1)

    def says_so() -> bool:
        with pytest.raises(BenchFault) as caught:
            asking.ask(Who(), 0.2)
        return "nothing was asked" in str(caught.value)

    eventually(says_so)  # once it has noticed
    asking.close()
