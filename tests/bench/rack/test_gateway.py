"""The gateway as a process, its dead-man process, clients over MQTT, and a virtual rack on real sockets."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from bench.cli.main import run
from bench.errors import InputError
from bench.rack.client import GatewayError, RackClient
from bench.rack.doctor import examine
from bench.rack.errors import LeaseDeniedError
from bench.rack.journal import Journal
from bench.rack.leases import Armed
from bench.rack.messages import (
    Acquire,
    Attenuate,
    Integrate,
    Load,
    Measure,
    Play,
    Power,
    Radio,
    Release,
    Safe,
    Segment,
    SetHealth,
    Source,
    Who,
)
from tests.bench.rack.desks import desk_of
from tests.bench.rack.serving import Gateway, client, energise, lease, place, serving
from tests.bench.rack.virtual import VirtualRack, eventually

COMMANDS: tuple[Any, ...] = (
    Source("lv-1", "", "on"),
    Source("lv-1", "", "off"),
    Power("lv-1", "", "on"),
    Power("lv-1", "", "get"),
    Load("lv-1", "", 1.0),
    Attenuate("lv-1", "", 0.0),
    Play("lv-1", "", (Segment(0.0, 1.0),)),
    Integrate("lv-1", "", "begin"),
    Radio("lv-1", "", "scan"),
)
"""All that is asked under a lease."""


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Bench = Callable[..., Done]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """``bench rack`` as a client, in this process."""

    def command(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bench", "rack", *arguments])
        with pytest.raises(SystemExit) as end:
            run()
        return Done(int(end.value.code or 0), *capsys.readouterr())

    return command


def test_a_session_of_one_holder(rack: VirtualRack, ann: RackClient, gateway: Gateway) -> None:
    token = lease(ann)
    energise(ann, token, rack)
    assert place(ann)["state"] == "running"
    read = ann.ask(Measure("lv-1"))
    assert read["relay"] == {"closed": True} and read["source"]["on"] and read["source"]["volts"][0] > 95
    ann.ask(Release(token))
    eventually(rack.is_safe)
    assert place(ann)["state"] == "idle"
    assert [line["what"] for line in gateway.audit("source")] == ["source"]
    assert gateway.audit("freed")


@pytest.mark.requirement("U6")
def test_two_clients_fight_for_one_place_and_one_wins(rack: VirtualRack, ann: RackClient, gateway: Gateway) -> None:
    with client(gateway.folder, "bob") as bob:
        token = lease(ann)
        with pytest.raises(LeaseDeniedError, match="lv-1 is held by ann"):
            lease(bob)
        with pytest.raises(LeaseDeniedError, match="source-1 of lv-2 is held by ann with lv-1"):
            lease(bob, "lv-2")
        ann.ask(Release(token))
        theirs = lease(bob)
        for wired in rack.wired.values():
            wired.heard()
        for asked in COMMANDS:
            with pytest.raises(LeaseDeniedError, match="is over"):
                ann.ask(msgspec.structs.replace(asked, token=token))
        # Not a byte of it has reached an instrument.
        assert {name: wired.heard() for name, wired in rack.wired.items()} == dict.fromkeys(rack.wired, b"")
        assert rack.is_safe()
        energise(bob, theirs, rack)
        bob.ask(Release(theirs))
    assert [line["asked"] for line in gateway.audit("denied") if line["by"] == "ann"] == [
        "source",
        "source",
        "power",
        "power",
        "load",
        "attenuate",
        "play",
        "integrate",
        "radio",
    ]


def test_a_setting_outside_of_the_envelope_is_refused_and_nothing_of_it_is_sent(
    rack: VirtualRack, ann: RackClient
) -> None:
    token = lease(ann)
    with pytest.raises(GatewayError, match="250 V lies above the limit of source-1, 240 V") as refused:
        ann.ask(Source("lv-1", token, "on", volts=250.0))
    assert refused.value.exit_code == 2
    assert rack.volts() < 1
    ann.ask(Release(token))


def test_a_ramp_ends_where_its_lease_does(rack: VirtualRack, ann: RackClient, gateway: Gateway) -> None:
    token = lease(ann, "lv-2")
    with ThreadPoolExecutor(1) as thread, client(gateway.folder, "bob") as bob:
        ramp = thread.submit(ann.ask, Source("lv-2", token, "on", volts=100.0))
        eventually(lambda: rack.volts() > 20)
        bob.ask(Safe("lv-2"))
        with pytest.raises(LeaseDeniedError, match="is over"):
            ramp.result()
    assert rack.volts() < 1
    assert gateway.audit("safe state")[0]["reached"]


def test_a_lease_of_a_place_that_is_not_described_any_more_is_forgotten(
    rack: VirtualRack, topology: Path, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "leases.jsonl")
    journal.record(journal.book.acquire("ann", {"gone-1": ["gone"]}, 1e9, time.time(), "secret"))
    journal.record(Armed(1, True))
    journal.close()
    with desk_of(topology, tmp_path) as desk:
        desk.recover()
        assert desk.leases() == []
        assert [line["reached"] for line in desk.lines("safe state")] == [True]


def test_a_dead_man_that_is_killed_is_replaced(gateway: Gateway) -> None:
    os.kill(gateway.dead_man_pid(), signal.SIGKILL)
    eventually(lambda: bool(gateway.audit("dead-man lost")))
    assert gateway.audit("dead-man lost")[0]["status"] == -signal.SIGKILL


def test_leases_and_health_outlast_the_gateway(rack: VirtualRack, topology: Path, folder: Path) -> None:
    with serving(topology, folder), client(folder) as ann:
        token = lease(ann, ttl=600.0)
        energise(ann, token, rack)
        ann.ask(SetHealth("lv-2", "bad", "no pulses"))
        before = ann.ask(Who())
    eventually(rack.is_safe)
    with serving(topology, folder), client(folder) as ann:
        after = ann.ask(Who())
        for one, two in zip(before, after, strict=True):
            assert {**one, "left": 0, "armed": False} == {**two, "left": 0, "armed": False}
        assert (place(ann, "lv-2")["health"], place(ann, "lv-2")["reason"]) == ("bad", "no pulses")
        assert place(ann)["state"] == "reserved"
        energise(ann, token, rack)


def test_anybody_can_ask_for_the_safe_state(rack: VirtualRack, ann: RackClient, gateway: Gateway) -> None:
    token = lease(ann)
    energise(ann, token, rack)
    ann.ask(Safe("lv-1", token))
    eventually(rack.is_safe)
    energise(ann, token, rack)  # the holder keeps the lease
    with client(gateway.folder, "bob") as bob:
        bob.ask(Safe("lv-2"))  # at the same source
        eventually(rack.is_safe)
        with pytest.raises(LeaseDeniedError, match="is over"):
            ann.ask(Source("lv-1", token, "on"))
        energise(ann, lease(ann), rack)
        bob.ask(Safe())
        eventually(rack.is_safe)
        assert bob.ask(Who()) == []


def test_places_are_chosen_by_tags_among_healthy_ones_that_answer(
    rack: VirtualRack, topology: Path, folder: Path, ann: RackClient
) -> None:
    ann.ask(SetHealth("lv-2", "good", "checked"))
    assert ann.ask(Acquire(tags={"route": "wisun"}))["places"] == ["lv-2"]
    with pytest.raises(LeaseDeniedError, match=r"0 of 1 places can be had: .*source-1 of lv-1 is held"):
        ann.ask(Acquire(tags={"route": "wisun"}))
    with pytest.raises(GatewayError, match="0 places have route=radio"):
        ann.ask(Acquire(tags={"route": "radio"}))
    ann.ask(SetHealth("lv-3", "maintenance", "new relay"))
    with pytest.raises(LeaseDeniedError, match="lv-3 is maintenance \\(new relay\\)"):
        ann.ask(Acquire(tags={"route": "plc"}))


def test_a_place_whose_instrument_is_away_is_not_given_by_tags_and_the_doctor_names_it(
    rack: VirtualRack, tmp_path: Path
) -> None:
    topology = rack.describe(tmp_path, attenuator="127.0.0.1:9")
    with desk_of(topology, tmp_path) as desk:
        assert desk.acquire("ann", (), {"route": "wisun"}, 1, 60.0)["places"] == ("lv-2",)
        with pytest.raises(LeaseDeniedError, match="lv-3: attenuator-1 does not answer"):
            desk.acquire("ann", (), {"route": "plc"}, 1, 60.0)
        found = {each.instrument: each.problems for each in examine(desk.inventory, desk.instruments.opened)}
        assert not found["source-1"] and not found["relay-1"]
        assert f"{topology}:9:" in found["attenuator-1"][0]


def test_segments_hold_up_nobody_else(rack: VirtualRack, ann: RackClient, gateway: Gateway) -> None:
    token = lease(ann)
    energise(ann, token, rack)
    with ThreadPoolExecutor(1) as thread, client(gateway.folder, "bob") as bob:
        played = thread.submit(ann.ask, Play("lv-1", token, (Segment(150.0, 2.0), Segment(200.0, 1.0))))
        eventually(lambda: rack.volts() < 160)
        assert bob.ask(Measure("lv-1"))["relay"] == {"closed": True}
        ann.ask(Attenuate("lv-1", token, 30.0))  # its holder too
        assert not played.done()
        assert played.result() == {"segments": 2, "seconds": 3.0}
    assert rack.volts() > 195
    assert [line["what"] for line in gateway.lines() if "play" in line["what"]] == ["play", "played"]


def test_a_second_gateway_of_the_same_rack_is_refused(bench: Bench, topology: Path, gateway: Gateway) -> None:
    done = bench("--folder", str(gateway.folder), "serve", str(topology))
    assert done.code == 3
    assert "a rack has one owner" in done.err


def test_the_commands_and_their_exit_codes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, rack: VirtualRack, gateway: Gateway
) -> None:
    at = ("--folder", str(gateway.folder))
    done = bench(*at, "--as", "ann", "acquire", "lv-1", "--json")
    token = json.loads(done.out)["token"]
    assert json.loads(bench(*at, "who", "--json").out)[0]["owner"] == "ann"
    done = bench(*at, "--as", "bob", "acquire", "lv-1")
    assert (done.code, done.out) == (4, "")
    assert "lv-1 is held by ann" in done.err
    monkeypatch.setenv("BENCH_TOKEN", token)
    assert bench(*at, "power", "lv-1", "on").out == "lv-1: closed yes\n"
    assert bench(*at, "attenuate", "lv-1", "30").out == "lv-1: db 30, step_db 0.25\n"
    done = bench(*at, "source", "lv-1", "on", "--volts", "100")
    assert done.code == 0, done.err
    assert done.out.startswith("lv-1: on yes, volts ")
    assert rack.volts() > 95
    assert bench(*at, "source", "lv-1", "on", "--token", "0-old").code == 4
    assert bench(*at, "power", "lv-9", "on").code == 2
    assert bench(*at, "load", "lv-1", "5").code == 2  # there is none
    done = bench(*at, "play", "lv-1", "--dip", "40:0.1", "--dip", "0:0.1", "--gap", "0", "--times", "2", "--json")
    assert [each["segments"] for each in json.loads(done.out)["played"]] == [2, 2, 2, 2], done.err
    table = gateway.folder / "dips.csv"
    table.write_text("volts,seconds,ramp\n90,0.1,yes\n100,0.1,yes\n", encoding="utf-8")
    assert bench(*at, "play", "lv-1", str(table)).out == "lv-1: 2 segments played, 0.2 s\n"
    table.write_text("volts,seconds\n90,soon\n", encoding="utf-8")
    done = bench(*at, "play", "lv-1", str(table))
    assert (done.code, done.out) == (2, "")
    assert f"{table}:2: 90,soon" in done.err
    assert bench(*at, "play", "lv-1", "--dip", "40").code == 2
    assert "segment 1: voltage" in bench(*at, "play", "lv-1", "--dip", "400:1").err
    done = bench(*at, "integrate", "lv-1", "read")
    assert (done.code, "lv-1 has no analyser" in done.err) == (2, True)
    done = bench(*at, "radio", "lv-1", "scan")
    assert (done.code, "lv-1 has no stick" in done.err) == (2, True)
    done = bench(*at, "meter", "lv-1", "clock")
    assert (done.code, "neither reader nor stick" in done.err) == (2, True)
    for listing in (("places",), ("show", "lv-1"), ("who",), ("measure", "lv-1"), ("health", "lv-1"), ("doctor",)):
        shown, told = bench(*at, *listing), bench(*at, *listing, "--json")
        assert (shown.code, told.code) == (0, 0), shown.err + told.err
        assert shown.out and json.loads(told.out)
    assert bench(*at, "extend", "--ttl", "60").code == 0
    assert bench(*at, "safe", "lv-1").out.count("ok") == 3
    assert bench(*at, "release").code == 0
    assert bench(*at, "acquire", "--tag", "route").code == 2
    eventually(rack.is_safe)


def test_a_place_of_which_nothing_can_be_measured_ends_with_3(
    bench: Bench, rack: VirtualRack, gateway: Gateway
) -> None:
    def measured() -> tuple[int, dict[str, Any]]:
        done = bench("--folder", str(gateway.folder), "measure", "lv-1", "--json")
        return done.code, json.loads(done.out)

    away = [rack.wired[name] for name in ("source", "attenuator", "relay")]
    try:
        for wired in away[:2]:
            wired.close()
        code, told = measured()
        assert code == 0 and "error" in told["source"] and told["relay"] == {"closed": False}
        away[2].close()
        code, told = measured()
        assert code == 3 and told.keys() == {"source", "attenuator", "relay"}
        assert all(each.keys() == {"error"} for each in told.values())
    finally:
        for wired in away:
            if not wired.is_open:
                wired.open()


def test_without_a_gateway_the_commands_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is `bench rack serve` running here"), client(tmp_path):
        pass
