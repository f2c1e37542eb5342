"""Health rounds: what idle places are found to be, by real instruments on sockets and the table of rules."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from bench.rack.fitness import Found, after
from bench.rack.keeper import Keeper
from bench.rack.leases import Fitness, Lease
from bench.rack.messages import Places, SetHealth
from tests.bench.rack.desks import OwnDesk, desk_of
from tests.bench.rack.serving import client, serving
from tests.bench.rack.virtual import VirtualRack, eventually, virtual_rack
from twins.rack.faults import Fault

FOUND: tuple[Found, ...] = get_args(Found)
GOOD, KEPT = Fitness("good", "checked"), Fitness("maintenance", "new relay")
NEW = Fitness("unknown", "never looked at", cause="new")
SILENT = Fitness("unknown", "no answer", cause="silent")
DOUBT = Fitness("unknown", "the gateway died", cause="doubt")
UNSAFE = Fitness("bad", "not reached", cause="unsafe")
BAD = Fitness("bad", "no pulses")


@pytest.mark.parametrize(
    ("before", "found", "health"),
    [
        (NEW, "answered", "good"),
        (NEW, "silent", "unknown"),
        (GOOD, "silent", "unknown"),
        (SILENT, "answered", "good"),
        (SILENT, "stranger", "bad"),
        (GOOD, "stranger", "bad"),
        (GOOD, "doubt", "unknown"),
        (UNSAFE, "late", "bad"),
        (KEPT, "unsafe", "bad"),
    ],
)
def test_what_counts(before: Fitness, found: Found, health: str) -> None:
    told = after(before, found, "why", 5.0)
    assert told == Fitness(health, "why", 5.0, found)  # type: ignore[arg-type]


@pytest.mark.parametrize("before", [KEPT, DOUBT, UNSAFE, BAD])
def test_what_people_have_to_mend_no_answer_mends(before: Fitness) -> None:
    assert after(before, "answered", "", 5.0) is None
    assert after(before, "silent", "", 5.0) is None


@pytest.mark.parametrize("found", [found for found in FOUND if found != "unsafe"])
@pytest.mark.parametrize("before", [KEPT, BAD])
def test_what_people_said_stands(before: Fitness, found: Found) -> None:
    assert after(before, found, "", 5.0) is None


@pytest.fixture
def rack() -> Iterator[VirtualRack]:
    with virtual_rack() as running:
        yield running


@pytest.fixture
def desk(rack: VirtualRack, tmp_path: Path) -> Iterator[OwnDesk]:
    with desk_of(rack.describe(tmp_path), tmp_path) as opened:
        yield opened


@pytest.fixture
def lost() -> list[tuple[Lease, str]]:
    return []


@pytest.fixture
def keeper(desk: OwnDesk, lost: list[tuple[Lease, str]]) -> Keeper:
    return Keeper(desk, desk.instruments.opened, threading.Event(), lambda lease, why: lost.append((lease, why)))


def test_a_round_finds_who_is_well_who_is_silent_and_who_is_another(
    rack: VirtualRack, desk: OwnDesk, keeper: Keeper
) -> None:
    keeper.look()
    assert [desk.health(place) for place in ("lv-1", "lv-2", "lv-3")] == ["good", "good", "good"]
    rack.wired["attenuator"].close()
    keeper.look()
    assert [desk.health(place) for place in ("lv-1", "lv-2", "lv-3")] == ["unknown", "good", "unknown"]
    assert "attenuator-1 does not answer" in str(desk.place("lv-1")["reason"])
    rack.wired["attenuator"].open()
    rack.wired["source"].inject(Fault.WRONG_IDENTITY, times=None)
    keeper.look()
    assert [desk.health(place) for place in ("lv-1", "lv-2", "lv-3")] == ["bad", "bad", "good"]
    rack.wired["source"].clear(Fault.WRONG_IDENTITY)
    keeper.look()
    assert [desk.health(place) for place in ("lv-1", "lv-2", "lv-3")] == ["bad", "bad", "good"]
    assert len(desk.lines("health")) == 8  # changes alone are told


def test_maintenance_and_what_is_leased_are_left_alone(rack: VirtualRack, desk: OwnDesk, keeper: Keeper) -> None:
    desk.ledger.set_health("ann", "lv-3", "maintenance", "new relay")
    desk.lease("lv-1")
    desk.instruments.close()  # whoever asks would have to connect
    for wired in rack.wired.values():
        wired.close()
    keeper.look()
    assert desk.health("lv-1") == "unknown" and desk.place("lv-1")["reason"] == "never looked at"
    assert desk.place("lv-2")["reason"] == "never looked at"  # its source is leased with lv-1
    assert desk.place("lv-3")["reason"] == "new relay"
    for wired in rack.wired.values():
        wired.open()


def test_one_lost_answer_does_not_end_a_lease_and_two_do(
    rack: VirtualRack, desk: OwnDesk, keeper: Keeper, lost: list[tuple[Lease, str]]
) -> None:
    desk.energise(desk.lease())
    rack.wired["source"].inject(Fault.LOST_SOCKET, times=1)
    keeper.feed("source-1")
    assert not lost
    rack.wired["source"].inject(Fault.LOST_SOCKET, times=None)
    keeper.feed("source-1")
    assert [(lease.places, why.partition(":")[0]) for lease, why in lost] == [(("lv-1",), "source-1 is lost")]
    rack.wired["source"].clear(Fault.LOST_SOCKET)


def test_a_source_is_not_fed_under_a_lease_whose_time_is_over(
    rack: VirtualRack, desk: OwnDesk, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway's main thread ends such a lease; where that hangs, only the watchdog is left."""
    desk.energise(desk.lease())
    rack.wired["source"].heard()
    keeper.feed("source-1")
    assert rack.wired["source"].heard()
    monkeypatch.setattr(desk, "_now", lambda: time.time() + 601.0)
    keeper.feed("source-1")
    assert not rack.wired["source"].heard()


def test_the_gateway_makes_its_rounds(rack: VirtualRack, tmp_path: Path) -> None:
    folder = tmp_path / "rack"
    with serving(rack.describe(tmp_path, interval=0.2), folder), client(folder) as ann:
        eventually(lambda: {each["health"] for each in ann.ask(Places())} == {"good"})
        ann.ask(SetHealth("lv-3", "maintenance", "new relay"))
        rack.wired["attenuator"].close()
        eventually(lambda: ann.ask(Places("lv-1"))["health"] == "unknown")
        assert ann.ask(Places("lv-3"))["health"] == "maintenance"
        rack.wired["attenuator"].open()
        eventually(lambda: ann.ask(Places("lv-1"))["health"] == "good")
