"""An emulated meter as a twin: a twin's past, the world's registers and rows since."""

from __future__ import annotations

import itertools

import pytest

from protocols.slots import SLOT_SECONDS
from tests.twins.echonet.twin import FLEET, METERS, view_of
from tests.twins.rack.world.meters import STIFF, hidden
from twins.meter.view import MeterView
from twins.rack.faults import RackError
from twins.rack.meters.clocks import RackClocks
from twins.rack.meters.healthy import healthy, healthy_figures
from twins.rack.meters.view import EmulatedView, keeps_of
from twins.rack.world.circuit import Draw
from twins.rack.world.hidden import Hidden
from twins.rack.world.meter import EmulatedMeter, MeterSpec
from twins.rack.world.output import Point
from twins.rack.world.world import World, WorldSpec

BORN = FLEET.slot * SLOT_SECONDS + 100.0
WORLD = WorldSpec(phases=2, source=STIFF.source, cable=STIFF.cable)


def emulated(
    generation: str = "current", own: Hidden | None = None, wiring: str = "1P3W", twin: MeterView | None = None
) -> tuple[World, MeterView, EmulatedView]:
    """A twin, and an emulated meter that it is, under 100 V and 5 A, which it has counted from ``BORN`` + 3 s on."""
    twin, world = twin or view_of(generation, False), World(WORLD, BORN)
    keeps = keeps_of(twin.meter_class, twin.generation)
    spec = MeterSpec(name="m", index=twin.index, wiring=wiring, boot_s=3.0, keeps=keeps, hidden=own or Hidden())
    view = EmulatedView(twin, EmulatedMeter(spec, world))
    world.set_output(Point((100.0, 100.0), (0.0, 180.0), 50.0), BORN)
    world.switch_output(True, BORN)
    world.draw((Draw(5.0, 0.8), Draw(5.0, 0.8)), BORN)
    return world, twin, view


def test_registers_go_on_where_the_twin_stood() -> None:
    _, twin, view = emulated()
    assert view.identity == twin.identity and view.active(BORN - 500) == twin.active(BORN - 500)
    start, varh = twin.active(BORN).import_wh, twin.reactive(BORN).plus_varh
    assert view.active(BORN) == twin.active(BORN)
    assert view.active(BORN + 3 + 36).import_wh == start + 8
    assert view.reactive(BORN + 3 + 361).plus_varh == varh + 60
    assert view.active(BORN + 3 + 361).export_wh == twin.active(BORN).export_wh
    assert view.exact(BORN + 3 + 369).import_wh == pytest.approx(start + 82)


def test_values_of_now_are_the_worlds_and_its_wiring_says_how_many_legs_it_has() -> None:
    _, _, view = emulated()
    seen = view.electric(BORN + 10)
    assert (seen.power_w, seen.reactive_var, round(seen.power_factor, 6)) == (800, 600, 0.8)
    assert (seen.current_r_ma, seen.current_t_ma, seen.voltage_r_mv, seen.voltage_t_mv) == (
        5000,
        5000,
        100_000,
        100_000,
    )
    assert emulated(wiring="1P2W")[2].electric(BORN + 10).voltage_t_mv is None


@pytest.mark.parametrize("period", [60, 300, 900, 1800])
def test_the_record_goes_over_from_the_twins_rows_to_its_own(period: int) -> None:
    _, twin, view = emulated("next")
    now = BORN + 2 * 3600
    first = BORN - 4 * period
    rows = view.record(period, first, now, now)
    before = twin.record(period, first, BORN, now)
    assert rows[: len(before)] == before
    since = rows[len(before) :]
    oldest = max(BORN, now - 3600) if period == 60 else BORN  # minutes are kept for an hour
    assert [row.end for row in since] == [end for end in range(0, int(now) + 1, period) if end > oldest]
    assert list(view.ends(period, now))[-len(since) :] == [row.end for row in since]
    for one, next_one in itertools.pairwise(since):
        assert next_one.active.import_wh - one.active.import_wh == pytest.approx(1000 * 0.8 * period / 3600, abs=1)
    assert view.rows_at(period, [since[0].end, 1], now) == [since[0], None]
    if period == 300:
        assert {(row.voltage_r_mv, row.voltage_t_mv) for row in since} == {(100_000, 100_000)}
        assert since[-1].reactive is not None


def test_the_mean_voltage_of_a_period_is_that_of_the_time_it_ran() -> None:
    world, _, view = emulated("next")
    end = (int(BORN) // 300 + 2) * 300
    world.set_output(Point((110.0, 90.0), (0.0, 180.0), 50.0), end - 150)
    (row,) = view.record(300, end, end, end + 1)
    assert (row.voltage_r_mv, row.voltage_t_mv) == (105_000, 95_000)


def test_rows_of_a_power_cut_are_missing_and_registers_stand_still_in_it() -> None:
    world, _, view = emulated()
    on = BORN + 3600
    world.switch_output(False, on)
    stood = view.active(on)
    world.switch_output(True, on + 2 * SLOT_SECONDS)
    now = on + 4 * SLOT_SECONDS
    ends = [row.end for row in view.record(SLOT_SECONDS, BORN, now, now)]
    assert not any(on < end <= on + 2 * SLOT_SECONDS for end in ends) and len(ends) == 4
    assert view.ended(int(on // 1800 + 1) * 1800) == stood


def test_half_hours_are_those_of_its_own_clock() -> None:
    for offset in (700.0, -700.0):
        _, twin, view = emulated(own=hidden(clock_offset_s=offset))
        now = BORN + 3600
        end, active = view.half_hour(now)
        assert end == (now + offset) // 1800 * 1800
        hours = (end - offset - BORN - 3) / 3600
        assert active.import_wh == pytest.approx(twin.active(BORN).import_wh + 800 * hours, abs=1)
        assert view.record(SLOT_SECONDS, end, end, now)[0].active == active


def test_its_switch_is_in_the_loads_way() -> None:
    world, _, view = emulated()
    view.interrupt([], switched_off=True, now=BORN + 10)
    assert view.electric(BORN + 10).power_w == 0 and world.state.phases[0].amps == 0
    assert view.electric(BORN + 10).voltage_r_mv == 100_000
    view.interrupt([], switched_off=False, now=BORN + 20)
    assert view.power_w(BORN + 20) == 800


def test_reactive_energy_by_direction_is_found_by_what_was_counted() -> None:
    _, twin, view = emulated()
    now = BORN + 3600
    actives = [twin.active(BORN), view.half_hour(now)[1], view.active(now)]
    (base, reverse), (half_hour, _), (here, still) = view.reactive_by_direction(actives)
    assert reverse == still and half_hour.plus_varh > base.plus_varh
    assert here.plus_varh - base.plus_varh == 599


def test_clocks_are_the_emulated_meters_where_there_is_one() -> None:
    _, twin, view = emulated(own=hidden(clock_offset_s=5.0, clock_ppm=1000.0))
    clocks = RackClocks(FLEET.plan, {view.index: view.meter})
    assert clocks.of(view.index, BORN + 1000) - (BORN + 1000) == pytest.approx(6.0)
    clocks.put_shift(view.index, -6.0)
    assert clocks.of(view.index, BORN + 1000) - (BORN + 1000) == pytest.approx(0.0, abs=1e-5)
    other = next(row for row in range(FLEET.size) if row + FLEET.start != twin.index)
    own = RackClocks(FLEET.plan, {})
    index = MeterView(METERS, other).index
    before = own.of(index, BORN)
    own.put_shift(index, 2.0)
    assert own.of(index, BORN) == pytest.approx(before + 2.0)


def test_healthy_meters_are_a_little_off_each_in_its_own_way() -> None:
    drawn = [healthy(1, index, "LV", 10.0) for index in range(300)]
    limit = healthy_figures()["LV"]
    gains = [each.gain_percent for each in drawn]
    assert max(map(abs, gains)) <= limit.gain_percent and max(gains) > 0.25 and min(gains) < -0.25
    assert len(set(drawn)) == 300 and healthy(1, 7, "LV", 10.0) == drawn[7] != healthy(2, 7, "LV", 10.0)
    assert all(0 < each.starting_a <= 0.02 and not each.creep_w and not each.forgets for each in drawn)
    assert max(abs(healthy(1, index, "HV", 5.0).gain_percent) for index in range(300)) <= 0.1
    with pytest.raises(RackError, match="gas meters have no electrical metrology"):
        healthy(1, 1, "gas", 10.0)
