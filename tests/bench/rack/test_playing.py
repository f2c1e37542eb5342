"""Segments and reference energy at a place, on a source and an analyser behind real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.rack.errors import LeaseDeniedError, OutputError
from bench.rack.messages import Integrate, Play, Segment, Source
from hil_drivers.errors import EnvelopeError, InstrumentError, RefusedError, UnsupportedError
from protocols.errors import MeterBenchError
from tests.bench.rack.desks import OwnDesk, desk_of
from tests.bench.rack.virtual import VirtualRack, eventually, virtual_rack
from twins.rack.faults import Fault
from twins.rack.world.circuit import Draw
from twins.rack.world.output import Piece, Point

PLAYERS = ["kikusui-pcr", "chroma-615xx", "keysight-68xx"]


@pytest.fixture(params=["kikusui-pcr"])
def rack(request: pytest.FixtureRequest) -> Iterator[VirtualRack]:
    with virtual_rack(request.param, analyser=True) as running:
        yield running


@pytest.fixture
def desk(rack: VirtualRack, tmp_path: Path) -> Iterator[OwnDesk]:
    with desk_of(rack.describe(tmp_path), tmp_path) as opened:
        yield opened


@pytest.fixture
def token(desk: OwnDesk) -> str:
    """A lease of lv-1, its source at 100 V."""
    token = desk.lease()
    desk.energise(token)
    return token


@pytest.mark.parametrize("rack", PLAYERS, indirect=True)
def test_a_dip_goes_down_and_comes_back(rack: VirtualRack, desk: OwnDesk, token: str) -> None:
    with ThreadPoolExecutor(1) as thread:
        played = thread.submit(desk.play, "ann", Play("lv-1", token, (Segment(40.0, 1.2),)))
        eventually(lambda: 38 < rack.volts() < 42)
        eventually(lambda: 98 < rack.volts() < 102)
        assert played.result() == {"segments": 2, "seconds": pytest.approx(1.3)}  # one goes back
    assert 98 < rack.volts() < 102
    assert [line["place"] for line in desk.lines("played")] == ["lv-1"]


@pytest.mark.parametrize("rack", PLAYERS, indirect=True)
def test_ramps_are_ramps(rack: VirtualRack, desk: OwnDesk, token: str) -> None:
    segments = (Segment(60.0, 1.2, ramp=True), Segment(60.0, 0.8), Segment(100.0, 0.4, ramp=True))
    with ThreadPoolExecutor(1) as thread:
        played = thread.submit(desk.play, "ann", Play("lv-1", token, segments))
        eventually(lambda: 65 < rack.volts() < 95)
        eventually(lambda: 59 < rack.volts() < 61)
        assert played.result()["segments"] == 3  # it ends where it began: nothing to add
    assert 98 < rack.volts() < 102


@pytest.mark.parametrize("rack", PLAYERS, indirect=True)
def test_what_is_set_after_a_list_is_put_out(rack: VirtualRack, desk: OwnDesk, token: str) -> None:
    for volts in (0.0, 90.0):
        desk.play("ann", Play("lv-1", token, (Segment(40.0, 0.2),)))
        told = ask_source(desk, token, volts)
        assert told["on"] and told["volts"][0] == pytest.approx(volts, rel=5e-3)
        assert rack.volts() == pytest.approx(volts, abs=0.1)


@pytest.mark.parametrize("rack", ["kikusui-pcr", "keysight-68xx"], indirect=True)
@pytest.mark.parametrize("volts", [0.0, 90.0])
def test_a_source_that_puts_out_something_else_is_no_success(
    rack: VirtualRack, desk: OwnDesk, token: str, volts: float
) -> None:
    """As after a sequence that somebody has begun at its panel: all settings read back well."""
    desk.ledger.set_health("ann", "lv-1", "good", "checked")
    there = Point((70.0,), (0.0,), 50.0)
    rack.wired["source"].call(lambda: rack.world.play((Piece(there, there, 1e-3),), 1, time.time()))
    eventually(lambda: rack.wired["source"].call(lambda: rack.world.output.progress(time.time())) is None)
    assert 69 < rack.volts() < 71
    with pytest.raises(OutputError, match=rf"(70|69\.97).* V in phase 1, not {volts:g} V. Switch it off") as refused:
        ask_source(desk, token, volts)
    assert refused.value.exit_code == 3
    assert desk.health("lv-1") == "unknown" and "not put out" in str(desk.place("lv-1")["reason"])
    desk.operate("ann", token, "lv-1", "source", lambda rig: rig.source(Source("lv-1", token, "off")))
    assert rack.volts() < 1
    assert ask_source(desk, token, 100.0)["volts"][0] == pytest.approx(100, rel=5e-3)


def test_a_protection_that_trips_under_a_setting_is_named(rack: VirtualRack, desk: OwnDesk, token: str) -> None:
    rack.wired["source"].inject(Fault.TRIPPED_PROTECTION)
    with pytest.raises(InstrumentError, match="protection has tripped") as refused:
        ask_source(desk, token, 90.0)
    assert refused.value.exit_code == 1


def ask_source(desk: OwnDesk, token: str, volts: float) -> dict[str, Any]:
    """What the source of lv-1 says after it was asked for so many volts."""
    asked = Source("lv-1", token, "on", volts=volts)
    return desk.operate("ann", token, "lv-1", "source", lambda rig: rig.source(asked))


@pytest.mark.parametrize(
    ("segments", "error", "words"),
    [
        ((Segment(90.0, 1.0), Segment(250.0, 1.0)), EnvelopeError, "segment 2: voltage of phase 1: 250 V .* source-1"),
        ((Segment(90.0, 1.0, hertz=2000.0),), EnvelopeError, "segment 1: frequency"),
        ((Segment(float("nan"), 1.0),), EnvelopeError, "not a finite number"),
        (
            (Segment(0.0, 0.05, ramp=True),),
            EnvelopeError,
            "segment 1: a ramp of 2000 V/s lies above the limit of driver",
        ),
        ((Segment(90.0, 0.0),), InputError, "segment 1: 0 s"),
        ((Segment(90.0, float("inf")),), InputError, "segment 1: inf s"),
        ((), EnvelopeError, "at least one segment"),
        ((Segment(90.0, 1.0, angle=90.0),), UnsupportedError, "does not do angles of its phases"),
    ],
)
def test_what_may_not_or_cannot_be_played_is_refused_as_a_whole(
    rack: VirtualRack,
    desk: OwnDesk,
    token: str,
    segments: tuple[Segment, ...],
    error: type[MeterBenchError],
    words: str,
) -> None:
    with pytest.raises(error, match=words) as refused:
        desk.play("ann", Play("lv-1", token, segments))
    assert refused.value.exit_code == 2
    assert 99 < rack.volts() < 101
    assert desk.health("lv-1") == "unknown"


@pytest.mark.parametrize("rack", ["nf-ec"], indirect=True)
def test_a_dialect_without_words_for_segments_says_so(desk: OwnDesk, token: str) -> None:
    with pytest.raises(UnsupportedError, match="this source does not do segments"):
        desk.play("ann", Play("lv-1", token, (Segment(40.0, 1.0),)))


def test_an_output_that_is_off_plays_nothing(desk: OwnDesk) -> None:
    token = desk.lease()
    with pytest.raises(RefusedError, match=r"source-1 is off: .* switch it on first"):
        desk.play("ann", Play("lv-1", token, (Segment(40.0, 1.0),)))


def test_nobody_else_touches_a_source_that_plays_and_its_holder_can_end_it(
    rack: VirtualRack, desk: OwnDesk, token: str
) -> None:
    with ThreadPoolExecutor(1) as thread:
        played = thread.submit(desk.play, "ann", Play("lv-1", token, (Segment(40.0, 60.0),)))
        eventually(lambda: rack.volts() < 42)
        again, on, off = (
            Source("lv-1", token, "on", volts=90.0),
            Play("lv-1", token, (Segment(50.0, 1.0),)),
            Source("lv-1", token, "off"),
        )
        with pytest.raises(RefusedError, match="plays segments"):
            desk.operate("ann", token, "lv-1", "source", lambda rig: rig.source(again))
        with pytest.raises(RefusedError, match="plays segments"):
            desk.play("ann", on)
        desk.operate("ann", token, "lv-1", "source", lambda rig: rig.source(off))
        with pytest.raises(InstrumentError, match="cut short: the output of source-1 is off"):
            played.result()
    assert rack.volts() < 1


def test_the_safe_state_ends_segments(rack: VirtualRack, desk: OwnDesk, token: str) -> None:
    with ThreadPoolExecutor(1) as thread:
        played = thread.submit(desk.play, "ann", Play("lv-1", token, (Segment(40.0, 60.0),)))
        eventually(lambda: rack.volts() < 42)
        desk.disarm("ann", desk.check(token))
        with pytest.raises(LeaseDeniedError, match="safe state was asked for"):
            played.result()
    assert rack.volts() < 1


def test_segments_need_a_lease(rack: VirtualRack, desk: OwnDesk, token: str) -> None:
    desk.end(desk.check(token), "released")
    with pytest.raises(LeaseDeniedError, match="is over"):
        desk.play("ann", Play("lv-1", token, (Segment(40.0, 1.0),)))
    assert desk.lines("denied")


def test_reference_energy_is_that_of_the_world_and_says_how_far_to_trust_it(
    rack: VirtualRack, desk: OwnDesk, token: str
) -> None:
    def ask(action: str) -> dict[str, Any]:
        asked = Integrate("lv-1", token, action)  # type: ignore[arg-type]
        return desk.operate("ann", token, "lv-1", "integrate", lambda rig: rig.integrate(asked))

    idle = ask("begin")
    assert (idle["wh"], idle["percent"]) == (0, None)  # nothing flows
    rack.wired["source"].call(lambda: rack.world.draw((Draw(5.0, 1.0),), rack.world.now))
    eventually(lambda: ask("read")["seconds"] > 1.0)
    told = ask("end")
    watts = rack.wired["source"].call(lambda: rack.world.state.phases[0].power.real)
    assert 0 < told["wh"] <= watts * told["seconds"] / 3600 * 1.001
    # 0.02 % of reading and 0.04 % of a range of 750 W, by the driver's table
    assert told["percent"] == pytest.approx(0.02 + 0.04 * 750 / watts, rel=1e-2)
    assert ask("read")["wh"] == told["wh"]  # it was ended
