from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twins.rack.world.meters import STIFF, T, hidden, supplied
from twins.rack.faults import RackError
from twins.rack.world.circuit import Draw
from twins.rack.world.meter import EmulatedMeter, MeterSpec
from twins.rack.world.output import Piece, Point
from twins.rack.world.world import World, WorldSpec


def measured_error(world: World, meter: EmulatedMeter, seconds: float) -> float:
    """Error in % of the energy that a meter counts in some time, against the world's own."""
    before, start = meter.registers.import_wh, world.now
    true = sum(phase.power.real for phase in world.state.phases) * seconds / 3600
    world.advance(start + seconds)
    return 100 * ((meter.registers.import_wh - before) / true - 1)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.05, 60), st.floats(0.3, 1), st.floats(1, 7200))
def test_an_interval_shows_the_hidden_error(
    gain: float, degrees: float, amps: float, factor: float, seconds: float
) -> None:
    world, meter = supplied(WorldSpec(), amps=amps, factor=factor, hidden=hidden(gain_percent=gain, phase_deg=degrees))
    lag = math.acos(factor)
    expected = 100 * ((1 + gain / 100) * math.cos(lag + math.radians(degrees)) / math.cos(lag) - 1)
    assert meter.error_percent() == pytest.approx(expected, abs=1e-6)
    assert measured_error(world, meter, seconds) == pytest.approx(expected, abs=0.01)


def test_how_often_the_world_is_asked_changes_nothing() -> None:
    (once, one), (often, other) = supplied(WorldSpec()), supplied(WorldSpec())
    once.advance(T + 1000)
    for step in range(991):
        often.advance(T + 10 + step)
    assert other.registers.import_wh == pytest.approx(one.registers.import_wh, rel=1e-9)


def test_a_ramp_is_integrated_exactly_enough() -> None:
    world, meter = supplied(amps=10)
    low, high = Point((80.0,), (0.0,), 50.0), Point((120.0,), (0.0,), 50.0)
    world.play((Piece(low, high, 60.0),), 1, world.now)
    world.advance(world.now + 60)
    assert meter.registers.import_wh == pytest.approx(100 * 10 * 60 / 3600, rel=1e-5)


def test_the_phase_error_shows_at_low_power_factors_only() -> None:
    for factor, least, most in ((1.0, -0.2, 0.0), (0.5, -10, -8)):
        _, meter = supplied(factor=factor, hidden=hidden(phase_deg=3.0))
        assert least < meter.error_percent() < most


def test_below_its_starting_current_it_counts_only_what_it_creeps() -> None:
    for creep, counted in ((0.0, 0.0), (2.0, 2.0)):
        world, meter = supplied(amps=0.003, hidden=hidden(starting_a=0.004, creep_w=creep))
        before = meter.registers.import_wh
        world.advance(T + 10 + 3600)
        assert meter.registers.import_wh - before == pytest.approx(counted)


def test_influences_change_the_error() -> None:
    own = hidden(per_volt_percent=0.1, per_hertz_percent=0.2, per_kelvin_percent=0.05)
    world, meter = supplied(volts=110, hidden=own)
    assert meter.error_percent() == pytest.approx(1.0)
    world.set_output(Point((100.0,), (0.0,), 51.0), world.now)
    world.set_temperature(33.0, world.now)
    assert meter.error_percent() == pytest.approx(0.2 * 2 + 0.05 * 10)


def dip(world: World, volts: float, seconds: float) -> None:
    low = Point((volts,), (0.0,), 50.0)
    world.play((Piece(low, low, seconds), Piece(world.output.setting, world.output.setting, 1.0)), 1, world.now)


@pytest.mark.parametrize(("volts", "seconds", "failures"), [(0, 0.09, 0), (0, 0.11, 1), (55, 5, 1), (65, 5, 0)])
def test_a_dip_reboots_it_when_it_is_deep_and_longer_than_the_hold_up(
    volts: float, seconds: float, failures: int
) -> None:
    world, meter = supplied(hold_up_s=0.1, boot_s=3.0)
    dip(world, volts, seconds)
    start = world.now
    world.advance(start + seconds + 1)
    assert (meter.power_failures, meter.running) == (failures, not failures)
    world.advance(start + seconds + 3.1)
    assert meter.running
    assert [at - start for at in meter.failed_at] == pytest.approx([0.1] * failures, abs=1e-4)


def test_it_counts_nothing_while_it_is_down_or_boots() -> None:
    world, meter = supplied(boot_s=3.0)
    dip(world, 0.0, 10.0)
    start, before = world.now, meter.registers.import_wh
    world.advance(start + 13)
    assert meter.registers.import_wh - before == pytest.approx(0, abs=1e-3)
    world.advance(start + 13 + 36)
    assert meter.registers.import_wh - before == pytest.approx(5.0, abs=1e-3)


def test_registers_survive_a_power_cut_unless_the_meter_forgets() -> None:
    for forgets in (False, True):
        world, meter = supplied(hidden=hidden(forgets=forgets))
        world.advance(T + 10 + 3600)
        world.switch_output(False, world.now)
        world.advance(world.now + 1)
        assert meter.registers.import_wh == pytest.approx(0 if forgets else 500)


def test_a_meter_behind_an_open_relay_is_dead() -> None:
    world, meter = supplied()
    meter.connect(False, world.now)
    world.advance(world.now + 1)
    assert not meter.running and meter.instant(world.now).volts == (0.0,)
    meter.connect(True, world.now)
    world.advance(world.now + 4)
    assert meter.running


def test_half_hours_are_kept_as_its_own_clock_has_them() -> None:
    world, meter = supplied(hidden=hidden(clock_offset_s=60.0, clock_ppm=100.0))
    world.advance(T + 2 * 3600)
    slots = sorted(meter.half_hours)
    assert len(slots) == 4 and all(slot % 1800 == 0 for slot in slots)
    first, second = meter.half_hours[slots[0]], meter.half_hours[slots[1]]
    assert second.import_wh - first.import_wh == pytest.approx(250 / 1.0001, rel=1e-6)


def test_its_clock_is_off_drifts_and_can_be_set() -> None:
    world, meter = supplied(hidden=hidden(clock_offset_s=5.0, clock_ppm=20.0))
    assert meter.clock(T + 100_000) - (T + 100_000) == pytest.approx(7.0, abs=1e-5)
    world.advance(T + 100_000)
    meter.set_clock(world.now, world.now)
    assert meter.clock(world.now + 50_000) - (world.now + 50_000) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("wiring", "angles", "watts"),
    [
        ("1P2W", (0.0, 0.0, 0.0), 500.0),
        ("1P3W", (0.0, 180.0, 0.0), 1000.0),
        ("3P4W", (0.0, -120.0, 120.0), 1500.0),
        ("3P3W", (0.0, -120.0, 120.0), 1500.0),
    ],
)
def test_every_wiring_sees_the_power_of_its_service(wiring: str, angles: tuple[float, ...], watts: float) -> None:
    spec = WorldSpec(phases=3, source=STIFF.source, cable=STIFF.cable)
    world, meter = supplied(spec, wiring=wiring, nominal_volts=173.2 if wiring == "3P3W" else 100.0)
    world.set_output(Point((100.0,) * 3, angles, 50.0), world.now)
    assert meter.instant(world.now).watts == pytest.approx(watts)
    assert meter.error_percent() == pytest.approx(0, abs=1e-9)


def test_lagging_and_leading_energy_have_registers_of_their_own() -> None:
    world, meter = supplied(factor=0.6)
    world.advance(T + 10 + 36)
    world.draw((Draw(5.0, -0.6),), world.now)
    world.advance(world.now + 72)
    assert meter.registers.plus_varh == pytest.approx(4.0, rel=1e-6)
    assert meter.registers.minus_varh == pytest.approx(8.0, rel=1e-6)


def test_impossible_wiring_is_refused() -> None:
    world = World(STIFF, T)
    for wiring in ("1P3W", "5P9W"):
        with pytest.raises(RackError, match=wiring):
            EmulatedMeter(MeterSpec(name="m", wiring=wiring), world)


def test_the_relay_moves_when_its_contact_does() -> None:
    world, meter = supplied()
    at = world.now + 0.5
    meter.connect(False, at)
    world.advance(at - 0.01)
    assert meter.connected
    world.advance(at + 0.01)
    assert not meter.connected
    meter.connect(True, at + 60)
    meter.connect(False, at + 30)  # said last, and the earlier of the two
    world.advance(at + 90)
    assert not meter.connected


def test_starts_and_failures_bear_the_instants_they_had() -> None:
    world, meter = supplied(hold_up_s=0.1, boot_s=3.0)
    assert meter.starts_and_ends() == [(pytest.approx(T + 3), True)]
    dip(world, 0.0, 1.0)
    start = world.now
    world.advance(start + 100)
    assert meter.starts_and_ends() == [(pytest.approx(start + 0.1), False), (pytest.approx(start + 4), True)]
    assert meter.starts_and_ends() == []


def test_its_switch_takes_it_out_of_the_current_and_the_last_one_ends_that() -> None:
    world, meter = supplied()
    other = EmulatedMeter(MeterSpec(name="other"), world)
    world.advance(world.now + 10)
    meter.switch(False, world.now)
    assert (meter.instant(world.now).watts, other.instant(world.now).watts) == (0.0, pytest.approx(500))
    other.switch(False, world.now)
    assert world.state.phases[0].amps == 0 and abs(world.state.phases[0].volts) == pytest.approx(100)
    meter.switch(True, world.now)
    assert meter.instant(world.now).watts == pytest.approx(500)


def test_a_meter_lies_on_the_phases_that_it_is_wired_to() -> None:
    world, meter = supplied(WorldSpec(phases=3, source=STIFF.source, cable=STIFF.cable), phases=(2,))
    world.set_output(Point((0.0, 0.0, 90.0), (0.0, -120.0, 120.0), 50.0), world.now)
    assert meter.instant(world.now).volts == (pytest.approx(90.0),)
    with pytest.raises(RackError, match="lies on 1"):
        EmulatedMeter(MeterSpec(name="m", wiring="1P3W", phases=(1,)), world)
