"""Each way of losing control in mid-test with the output at 200 V: real processes, real signals, a world that is asked.

Output off and attenuators at maximum within 3 s as read from the world, lease freed, place health set, all in the audit
log (issue 4, bar 4).
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchFault
from bench.rack.client import RackClient
from bench.rack.errors import LeaseDeniedError
from bench.rack.journal import replay
from bench.rack.leases import LeaseBook
from bench.rack.messages import Measure, Play, Power, Segment, SetHealth, Source, Who
from tests.bench.rack.desks import desk_of
from tests.bench.rack.serving import Gateway, client, energise, lease, place, serving
from tests.bench.rack.virtual import VirtualRack, eventually

WITHIN = 3.0
"""Seconds from losing its controller to the safe state, as the world sees it."""

NETWORK = pytest.mark.parametrize("how", ["sockets", "silence"])


def book(folder: Path) -> LeaseBook:
    """What stands in the journal, whoever keeps it."""
    return replay((folder / "leases.jsonl").read_bytes().splitlines())


def told(gateway: Gateway) -> list[tuple[str, str]]:
    """The audit log: who did what."""
    return [(line["by"], line["what"]) for line in gateway.lines()]


def settled(gateway: Gateway) -> bool:
    """No lease is left of what ran."""
    return not any(each.armed for each in book(gateway.folder).leases.values())


def test_kill_9_of_the_gateway(rack: VirtualRack, topology: Path, folder: Path) -> None:
    with serving(topology, folder) as gateway:
        with client(folder) as ann, ThreadPoolExecutor(1) as thread:
            token, other = lease(ann), lease(ann, "lv-3")
            energise(ann, token, rack)
            played = thread.submit(ann.ask, Play("lv-1", token, (Segment(150.0, 600.0),)))
            eventually(lambda: rack.volts() < 160)
            began = time.monotonic()
            gateway.kill()
            eventually(rack.is_safe)
            eventually(lambda: settled(gateway))
            assert time.monotonic() - began < WITHIN
            with pytest.raises(BenchFault, match="has ended meanwhile"):  # nobody waits for an answer any more
                played.result(10.0)
        # The dead-man has put it all down: no gateway is needed for that.
        found = book(folder)
        assert [each.places for each in found.leases.values()] == [("lv-3",)]
        assert (found.health("lv-1").health, found.health("lv-1").cause) == ("unknown", "doubt")
        assert gateway.dead_man_ends()
        done = [what for by, what in told(gateway) if by == "dead-man"]
        assert done == ["acts", "safe state", "ending", "health", "freed"]
        assert gateway.audit("safe state")[-1]["reached"]
    with serving(topology, folder), client(folder) as ann:
        assert place(ann)["state"] == "idle"
        assert (place(ann)["health"], place(ann)["reason"]) == ("unknown", "the gateway died while it ran")
        with pytest.raises(LeaseDeniedError, match="is over"):
            ann.ask(Source("lv-1", token, "on"))
        assert ann.ask(Power("lv-3", other, "get")) == {"closed": False}  # nothing of it was on: it goes on


def test_a_gateway_that_hangs_counts_as_dead(rack: VirtualRack, gateway: Gateway, ann: RackClient) -> None:
    token = lease(ann)
    energise(ann, token, rack)
    gateway.process.send_signal(signal.SIGSTOP)
    assert eventually(rack.is_safe) < WITHIN
    assert gateway.dead_man_ends()
    gateway.process.send_signal(signal.SIGCONT)
    eventually(lambda: place(ann)["state"] == "idle")
    assert place(ann)["health"] == "unknown"
    with pytest.raises(LeaseDeniedError, match="is over"):
        ann.ask(Source("lv-1", token, "on"))
    energise(ann, lease(ann), rack)  # under the eyes of the next dead-man
    assert gateway.audit("dead-man lost")[0]["status"] == 10
    assert not gateway.audit("acts")[1:]


_CAMPAIGN = """
import sys, threading
from pathlib import Path
from bench.rack.client import RackClient, find_gateway
from bench.rack.messages import Acquire, Attenuate, Power, Source
with RackClient(find_gateway(Path(sys.argv[1])), 'campaign') as client:
    with client.lease(Acquire(('lv-1',), ttl=float(sys.argv[2]))) as lease:
        client.ask(Power('lv-1', lease['token'], 'on'))
        client.ask(Attenuate('lv-1', lease['token'], 20.0))
        client.ask(Source('lv-1', lease['token'], 'on', volts=200.0))
        print('on', flush=True)
        threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("how", "ttl", "why"),
    [
        (signal.SIGKILL, 60.0, "the connection of campaign is lost"),  # the broker tells at once
        (signal.SIGSTOP, 1.5, "expired"),  # one that hangs is still connected
    ],
)
def test_the_end_of_the_campaign(
    rack: VirtualRack, gateway: Gateway, ann: RackClient, how: int, ttl: float, why: str
) -> None:
    command = [sys.executable, "-c", _CAMPAIGN, str(gateway.folder), str(ttl)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"on\n"
        assert rack.volts() > 195
        holder.send_signal(how)
        assert eventually(rack.is_safe) < WITHIN
        holder.kill()
    eventually(lambda: place(ann)["state"] == "idle")
    assert gateway.audit("ending")[0]["why"] == why
    assert (place(ann)["health"], place(ann)["reason"]) == ("unknown", why)
    assert gateway.audit("safe state")[0]["reached"] and gateway.audit("freed")


def test_an_expired_lease(rack: VirtualRack, gateway: Gateway, ann: RackClient) -> None:
    token = lease(ann, ttl=4.0)
    energise(ann, token, rack)
    eventually(lambda: not ann.ask(Who()) or ann.ask(Who())[0]["left"] <= 0)
    assert eventually(rack.is_safe) < WITHIN
    eventually(lambda: place(ann)["state"] == "idle")
    with pytest.raises(LeaseDeniedError, match="is over"):
        ann.ask(Source("lv-1", token, "on"))
    assert (place(ann)["health"], place(ann)["reason"]) == ("unknown", "expired")
    assert gateway.audit("ending")[0]["why"] == "expired"
    assert gateway.audit("safe state")[0]["reached"] and gateway.audit("freed")


def test_ctrl_c_of_the_gateway(rack: VirtualRack, topology: Path, folder: Path) -> None:
    with serving(topology, folder) as gateway:
        with client(folder) as ann:
            token = lease(ann)
            energise(ann, token, rack)
        gateway.process.send_signal(signal.SIGINT)
        assert eventually(rack.is_safe) < WITHIN
        assert gateway.process.wait(10) == 0
        assert gateway.audit("safe state")[0]["reached"] and gateway.audit("stop")
    found = book(folder)
    assert [each.armed for each in found.leases.values()] == [False]  # in order: the lease outlasts it
    assert not gateway.audit("acts")


@NETWORK
def test_the_network_is_gone_and_comes_back(rack: VirtualRack, gateway: Gateway, ann: RackClient, how: str) -> None:
    token = lease(ann)
    energise(ann, token, rack)
    rack.lose_network(how)
    try:
        eventually(lambda: place(ann)["health"] == "bad", patience=20.0)
        eventually(lambda: place(ann)["state"] == "idle")
        assert rack.volts() > 195  # and nobody says otherwise
        assert "source-1 is lost" in gateway.audit("ending")[0]["why"]
        assert not gateway.audit("safe state")[0]["reached"]
        assert "safe state not reached" in place(ann)["reason"]
        assert place(ann, "lv-2")["health"] == "bad"  # it has the same source
        with pytest.raises(LeaseDeniedError, match="is over"):
            ann.ask(Source("lv-1", token, "off"))
        with pytest.raises(LeaseDeniedError, match="lv-1 is bad"):
            lease(ann)
    finally:
        rack.regain_network(how)
    eventually(rack.is_safe, patience=30.0)
    eventually(lambda: any(line.get("late") for line in gateway.audit("safe state")), patience=30.0)
    assert place(ann)["health"] == "bad" and "reached late" in place(ann)["reason"]  # people look at it first
    ann.ask(SetHealth("lv-1", "good", "looked at"))
    ann.ask(SetHealth("lv-2", "good", "looked at"))
    energise(ann, lease(ann), rack)


@NETWORK
def test_gateway_and_network_are_gone(rack: VirtualRack, topology: Path, folder: Path, how: str) -> None:
    with serving(topology, folder) as gateway:
        with client(folder) as ann:
            energise(ann, lease(ann), rack)
        rack.lose_network(how)
        try:
            gateway.kill()
            eventually(lambda: book(folder).health("lv-1").health == "bad", patience=20.0)
            eventually(lambda: settled(gateway))
            eventually(lambda: len(gateway.audit("safe state")) == 3, patience=30.0)
        finally:
            rack.regain_network(how)
        eventually(rack.is_safe, patience=30.0)
        assert gateway.dead_man_ends()
        assert gateway.audit("safe state")[-1]["reached"]
        assert book(folder).health("lv-1").cause == "late"


def test_nobody_tries_to_reach_an_emulated_rack_whose_emulation_has_ended(
    rack: VirtualRack, folder: Path, tmp_path: Path
) -> None:
    """A run that is killed outright takes its emulation along; its dead-man must not be left for half an hour."""
    topology = rack.describe(tmp_path, emulated=True)
    with serving(topology, folder) as gateway:
        with client(folder) as ann:
            energise(ann, lease(ann), rack)
        rack.lose_network("sockets")
        try:
            gateway.kill()
            assert gateway.dead_man_ends()
        finally:
            rack.regain_network("sockets")
        assert [line["by"] for line in gateway.audit("gives up")] == ["dead-man"]
    with desk_of(topology, folder) as desk:  # this one had not really ended
        assert not desk.make_all_safe("ann").failures


def test_a_gateway_that_starts_takes_over_from_a_dead_man_that_still_tries(
    rack: VirtualRack, topology: Path, folder: Path
) -> None:
    with serving(topology, folder) as gateway:
        with client(folder) as ann:
            energise(ann, lease(ann), rack)
        rack.lose_network("sockets")
        try:
            gateway.kill()
            eventually(lambda: len(gateway.audit("safe state")) == 3, patience=30.0)
            with serving(topology, folder) as second, client(folder) as ann:
                assert gateway.dead_man_ends()
                assert place(ann)["health"] == "bad"
                rack.regain_network("sockets")
                eventually(rack.is_safe, patience=30.0)
                eventually(lambda: any(line.get("late") for line in second.audit("safe state")), patience=30.0)
        finally:
            if not rack.wired["source"].is_open:
                rack.regain_network("sockets")


def test_segments_end_with_their_lease(rack: VirtualRack, gateway: Gateway, ann: RackClient) -> None:
    token = lease(ann, ttl=5.0)
    energise(ann, token, rack)
    with pytest.raises(LeaseDeniedError, match=r"over|expired"):
        ann.ask(Play("lv-1", token, (Segment(150.0, 60.0),)))
    assert eventually(rack.is_safe) < WITHIN
    assert gateway.audit("play") and not gateway.audit("played")
    assert gateway.audit("denied")[-1]["asked"] == "played"
    assert not _read(ann)["source"]["on"]


def _read(user: RackClient) -> dict[str, Any]:
    found: dict[str, Any] = user.ask(Measure("lv-1"))
    return found
