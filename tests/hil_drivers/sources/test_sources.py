from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hil_drivers.errors import EnvelopeError, IdentityError, InstrumentError, LinkError, UnsupportedError
from hil_drivers.source import Envelope, PhaseSetting, PlayState, Segment, Setting, SourceCan, Watchdog
from hil_drivers.sources.keysight import Keysight68
from hil_drivers.sources.scpi_source import ScpiSource
from tests.hil_drivers.sources.dialects import DRIVERS, PLAYERS, volts
from tests.hil_drivers.virtual_rack import VirtualRack
from twins.rack.faults import Fault
from twins.rack.world.circuit import Draw, State
from twins.rack.world.world import WorldSpec


@contextmanager
def opened(dialect: str, spec: WorldSpec | None = None, **settings: Any) -> Iterator[tuple[VirtualRack, ScpiSource]]:
    with VirtualRack(dialect, spec=spec) as rack:
        source = DRIVERS[dialect](rack.address(dialect), timeout_s=2.0, **settings)
        try:
            yield rack, source
        finally:
            source.close()


class Seen:
    """A part of the world that notes the voltage of the first phase."""

    def __init__(self) -> None:
        self.volts: list[float] = []

    def until(self, state: State, now: float) -> float:
        return math.inf

    def live(self, state: State, start: float, end: float) -> None:
        self.volts.append(abs(state.phases[0].volts))


@pytest.fixture(params=list(DRIVERS))
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[VirtualRack, ScpiSource]]:
    with opened(request.param) as both:
        yield both


def test_what_is_configured_stands_at_the_terminals_when_switched_on(pair: tuple[VirtualRack, ScpiSource]) -> None:
    rack, source = pair
    source.configure(volts(101.5, 60.0, limit=5.0))
    assert rack.volts() == 0 and not source.is_on()
    source.output(True)
    assert rack.volts() == pytest.approx(101.5) and source.is_on()
    reading = source.reading()
    assert reading.volts[0] == pytest.approx(101.5, rel=2e-3)
    assert reading.hertz == pytest.approx(60)
    source.output(False)
    assert rack.volts() == 0 and not source.is_on()


def test_its_meters_see_the_load(pair: tuple[VirtualRack, ScpiSource]) -> None:
    rack, source = pair
    source.configure(volts(100.0))
    source.output(True)
    rack.do(lambda: rack.world.draw((Draw(4.0, 0.5),), rack.clock.now()))
    reading = source.reading()
    assert reading.amps[0] == pytest.approx(4.0, rel=3e-3)
    assert reading.watts[0] == pytest.approx(200.0, rel=1e-2)


def test_the_range_changes_only_while_the_output_is_off(pair: tuple[VirtualRack, ScpiSource]) -> None:
    rack, source = pair
    source.configure(volts(100.0))
    source.output(True)
    with pytest.raises(InstrumentError, match="another range"):
        source.configure(volts(200.0))
    assert rack.volts() == 100
    source.output(False)
    source.configure(volts(200.0))
    source.output(True)
    assert rack.volts() == 200
    source.configure(volts(100.0))
    assert rack.volts() == 100


def test_nothing_outside_of_the_envelope_is_sent() -> None:
    narrow = Envelope(volts_max=110, hertz_min=49, hertz_max=51, amps_max=6, volts_per_second=100)
    with opened("kikusui-pcr", envelope=narrow) as (rack, source):
        for setting in (volts(110.1), volts(-1), volts(100, 60), volts(100, limit=7), volts(float("nan"))):
            with pytest.raises(EnvelopeError):
                source.configure(setting)
            with pytest.raises((EnvelopeError, UnsupportedError)):
                source.play([Segment(setting, 1.0)])
        source.configure(volts(110.0))
        source.output(True)
        assert rack.volts() == 110


def test_the_tightest_envelope_counts() -> None:
    one, other = Envelope(300, 45, 65, 10, 50), Envelope(110, 40, 60, 20, 100)
    assert one.tightest(other) == Envelope(110, 45, 60, 10, 50)


def test_what_the_instrument_refuses_is_reported_with_its_own_words(pair: tuple[VirtualRack, ScpiSource]) -> None:
    _, source = pair
    with pytest.raises(InstrumentError, match="-222 Data out of range") as raised:
        source.session.write("FREQ 99999")
    assert [code for code, _ in raised.value.entries] == [-222]
    source.configure(volts(100.0))


@pytest.mark.parametrize("dialect", PLAYERS)
def test_a_dip_an_interruption_and_a_ramp_are_put_out(dialect: str) -> None:
    with opened(dialect) as (rack, source):
        source.configure(volts(100.0))
        source.output(True)
        source.play(
            [
                Segment(volts(40.0), 1000.0),
                Segment(volts(0.0), 1000.0),
                Segment(volts(100.0), 1000.0, ramp=True),
                Segment(volts(100.0, 52.0), 1000.0, ramp=True),
                Segment(volts(100.0), 1000.0),
            ]
        )
        assert source.progress().state is PlayState.RUNNING
        seen = []
        for _ in range(5):
            rack.pass_time(500.0)  # so long that the time of the test itself does not show
            seen.append((round(rack.volts()), round(rack.do(lambda: rack.world.state.hertz))))
            rack.pass_time(500.0)
        assert seen == [(40, 50), (0, 50), (50, 50), (100, 51), (100, 50)]
        assert source.progress().state is PlayState.IDLE
        assert rack.volts() == 100


@pytest.mark.parametrize("dialect", PLAYERS)
def test_lists_are_repeated_and_can_be_aborted(dialect: str) -> None:
    with opened(dialect) as (rack, source):
        source.configure(volts(100.0))
        source.output(True)
        source.play([Segment(volts(70.0), 10.0), Segment(volts(100.0), 10.0)], repeat=3)
        rack.pass_time(45.0)
        assert rack.volts() == 70
        source.abort()
        assert rack.volts() == 100 and source.progress().state is PlayState.IDLE
        source.play([Segment(volts(80.0), 1.0)])
        assert rack.volts() == 80


@pytest.mark.parametrize("dialect", PLAYERS)
def test_a_list_that_has_ended_hides_no_setting(dialect: str) -> None:
    with opened(dialect) as (rack, source):
        source.configure(volts(100.0))
        source.output(True)
        for asked in (0.0, 90.0, 100.0):
            source.play([Segment(volts(40.0), 10.0), Segment(volts(asked), 5.0)])
            rack.pass_time(20.0)
            source.configure(volts(asked))
            assert rack.volts() == asked
            source.configure(volts(asked / 2, 52.0))
            assert rack.volts() == asked / 2
            assert source.reading().volts[0] == pytest.approx(asked / 2, rel=2e-3)
            assert rack.do(lambda: rack.world.state.hertz) == 52


@pytest.mark.parametrize("dialect", PLAYERS)
def test_a_list_that_ended_elsewhere_is_left_without_a_step(dialect: str) -> None:
    with opened(dialect) as (rack, source):
        source.configure(volts(100.0))
        source.output(True)
        source.play([Segment(volts(80.0), 10.0)])
        rack.pass_time(20.0)
        seen = Seen()
        rack.do(lambda: rack.world.add(seen))
        source.configure(volts(90.0))
        rack.pass_time(1.0)
        assert {round(value) for value in seen.volts} == {80, 90}


@pytest.mark.parametrize("dialect", PLAYERS)
def test_a_list_that_somebody_before_has_left_is_ended_by_the_first_setting(dialect: str) -> None:
    with opened(dialect) as (rack, source):
        source.configure(volts(100.0))
        source.output(True)
        source.play([Segment(volts(70.0), 10.0)])
        rack.pass_time(20.0)
        source.close()
        other = DRIVERS[dialect](rack.address(dialect), timeout_s=2.0)
        try:
            other.configure(volts(90.0))
        finally:
            other.close()
        assert rack.volts() == 90


def test_what_a_source_cannot_play_is_refused_with_the_reason() -> None:
    with opened("nf-ec") as (_, source):
        source.configure(volts(100.0))
        with pytest.raises(UnsupportedError, match="segments"):
            source.play([Segment(volts(40.0), 0.2)])
    with opened("kikusui-pcr") as (_, source):
        source.configure(volts(100.0))
        with pytest.raises(UnsupportedError, match="at most 600"):
            source.play([Segment(volts(40.0), 0.2)] * 601)
        with pytest.raises(UnsupportedError, match="begin with a ramp"):
            source.play([Segment(volts(40.0), 0.2, ramp=True)], repeat=2)
        with pytest.raises(UnsupportedError, match="angles"):
            source.configure(Setting((PhaseSetting(100.0, 90.0),), 50.0))
        with pytest.raises(UnsupportedError, match="2 phases"):
            source.configure(Setting((PhaseSetting(100.0), PhaseSetting(100.0, 180.0)), 50.0))
        with pytest.raises(InstrumentError, match="-221"):
            source.play([Segment(volts(40.0), 0.2)])  # the output is off


def test_three_wires_are_two_phases_against_each_other() -> None:
    service = Setting((PhaseSetting(101.0), PhaseSetting(99.0, 180.0)), 60.0)
    with opened("keysight-68xx", WorldSpec(phases=2)) as (rack, source):
        source.configure(service)
        source.output(True)
        rack.volts()
        one, other = rack.do(lambda: rack.world.state.phases)
        assert abs(one.volts - other.volts) == pytest.approx(200.0)
        assert source.reading().volts == pytest.approx((101.0, 99.0, 0.0), rel=1e-3)
        low = Setting((PhaseSetting(101.0), PhaseSetting(40.0, 180.0)), 60.0)
        source.play([Segment(low, 1000.0, ramp=True)])
        rack.pass_time(500.0)
        rack.volts()
        one, other = rack.do(lambda: rack.world.state.phases)
        assert (abs(one.volts), abs(other.volts)) == pytest.approx((101.0, 69.5), abs=0.1)


def test_only_sources_with_a_watchdog_offer_one_and_silence_switches_off() -> None:
    with opened("kikusui-pcr") as (_, other):
        assert not isinstance(other, Watchdog) and SourceCan.WATCHDOG not in other.capabilities.can
    with opened("keysight-68xx") as (rack, source):
        assert isinstance(source, Watchdog) and isinstance(source, Keysight68)
        source.configure(volts(100.0))
        source.arm_watchdog(50)
        source.output(True)
        rack.pass_time(40.0)
        assert source.is_on()
        rack.pass_time(40.0)
        assert rack.volts() == 100
        rack.pass_time(20.0)
        assert rack.volts() == 0
        with pytest.raises(InstrumentError, match="16384"):
            source.reading()


def test_clearing_a_protection_does_not_give_the_output_back() -> None:
    with opened("keysight-68xx") as (rack, source):
        source.configure(volts(100.0))
        source.output(True)
        rack.inject("keysight-68xx", Fault.TRIPPED_PROTECTION)
        assert rack.volts() == 0
        source.clear_protection()
        assert rack.volts() == 0 and not source.is_on()
        source.session.write("OUTP ON")
        rack.inject("keysight-68xx", Fault.TRIPPED_PROTECTION)
        source.session.write("OUTP:PROT:CLE")  # what the driver avoids
        assert rack.volts() == 100


def test_too_much_current_trips_the_source_after_its_delay() -> None:
    with opened("chroma-615xx") as (rack, source):
        source.configure(volts(100.0, limit=3.0))
        source.output(True)
        rack.do(lambda: rack.world.draw((Draw(3.5),), rack.clock.now()))
        assert source.reading().amps[0] > 3
        rack.pass_time(0.6)
        with pytest.raises(InstrumentError, match="tripped"):
            source.reading()
        with pytest.raises(InstrumentError, match="tripped"):
            source.output(True)
        assert rack.volts() == 0


def test_the_way_to_safety_ends_lists_takes_control_back_and_can_be_gone_twice(
    pair: tuple[VirtualRack, ScpiSource],
) -> None:
    rack, source = pair
    source.configure(volts(100.0))
    source.output(True)
    if SourceCan.SEGMENTS in source.capabilities.can:
        source.play([Segment(volts(40.0), 1000.0)])
    rack.inject(source.dialect, Fault.PANEL_TOOK_LOCAL)
    source.safe()
    source.safe()
    assert rack.volts() == 0 and not source.is_on()


def test_another_instrument_is_not_spoken_to() -> None:
    with VirtualRack("chroma-615xx", "kikusui-pcr") as rack:
        with pytest.raises(IdentityError, match="Chroma"):
            DRIVERS["kikusui-pcr"](rack.address("chroma-615xx"), timeout_s=2.0)
        with pytest.raises(IdentityError, match="PCR9000"):
            DRIVERS["kikusui-pcr"](rack.address("kikusui-pcr"), model="PCR9000", timeout_s=2.0)


def test_nobody_at_the_address_is_a_dead_link() -> None:
    with VirtualRack("kikusui-pcr") as rack:
        address = rack.address("kikusui-pcr")
    with pytest.raises(LinkError):
        DRIVERS["kikusui-pcr"](address, timeout_s=2.0)


def test_a_rating_of_the_topology_goes_before_the_dialects() -> None:
    with opened("keysight-68xx", rating={"phases": 1, "ranges": [300.0], "amps": 5.8}) as (_, source):
        assert source.capabilities.phases == 1
        with pytest.raises(EnvelopeError):
            source.configure(volts(100.0, limit=6.0))


def test_instruments_identify_themselves_in_fields(pair: tuple[VirtualRack, ScpiSource]) -> None:
    _, source = pair
    identity = source.identity()
    assert len(identity.fields) >= 4 and all(field == field.strip() for field in identity.fields)
