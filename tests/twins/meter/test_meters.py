from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.slots import SLOT_SECONDS, slot_end
from tests.twins.meter.fleets import METERED, all_rows, metered_fleet, plan_of_both
from twins.fleet import Fleet, FleetError
from twins.meter.meters import Meters

FLEET = metered_fleet()
METERS = Meters(FLEET)
ROWS = all_rows(FLEET)
NOON = slot_end(FLEET.plan.first_slot + 23)
NOW = slot_end(FLEET.slot - 1) + 700
rows_of_fleet = st.integers(0, FLEET.size - 1)
slots_back = st.integers(-200, METERED - 1)
instants = st.integers(slot_end(FLEET.plan.first_slot - 60), NOW)


@settings(max_examples=25)
@given(pairs=st.lists(st.tuples(rows_of_fleet, slots_back), min_size=1, max_size=6))
def test_registers_at_the_end_of_slots_are_the_fleets(pairs) -> None:
    for row, offset in pairs:
        slot = FLEET.plan.first_slot + offset
        expected = [int(register[0]) for register in FLEET.registers_at(np.array([row]), np.array([slot]))]
        assert METERS.registers(np.array([row]), slot_end(slot))[0].tolist() == expected


def test_registers_of_all_meters_at_once_are_the_fleets() -> None:
    for offset in (METERED - 1, METERED - 2, METERED - 7, -100):
        slot = FLEET.plan.first_slot + offset
        expected = np.stack(FLEET.registers_at(ROWS, np.full(FLEET.size, slot)), axis=-1)
        assert (METERS.registers(ROWS, slot_end(slot)) == expected).all()


def test_minutes_are_the_steps_of_the_registers_and_sum_to_the_interval() -> None:
    exported = 0
    for slot in (FLEET.slot, FLEET.slot - 1, FLEET.plan.first_slot + 3, FLEET.slot + 5):
        minutes = METERS.minutes(ROWS, slot)
        interval = np.stack(FLEET.interval(ROWS, slot), axis=-1)
        assert (minutes.sum(axis=1) == interval).all()
        begin = slot_end(slot - 1)
        registers = np.stack([METERS.registers(ROWS, begin + 60 * k) for k in range(31)], axis=1)
        assert (np.diff(registers, axis=1) == minutes).all()
        exported += int(minutes[..., 1].sum())
    assert exported > 0


@settings(max_examples=20)
@given(row=rows_of_fleet, begin=instants, steps=st.lists(st.integers(0, 400), max_size=30))
def test_registers_never_fall_at_any_second(row, begin, steps) -> None:
    times = begin + np.cumsum([0, *steps])
    registers = np.array([METERS.registers(np.array([row]), at)[0] for at in times if at <= NOW])
    assert (np.diff(registers, axis=0) >= 0).all()


def test_one_meter_asked_alone_says_what_it_says_among_all() -> None:
    rows = np.array([3, 41, 7, 7])
    for at in (NOW, NOW - 1800, NOW - 5 * 86_400, NOW + 4000, NOON - 0.25):
        together, power = METERS.registers(rows, at), METERS.power(rows, at)
        instant = METERS.instant(rows, at)
        for place, row in enumerate(rows):
            alone = np.array([row])
            assert (METERS.registers(alone, at)[0] == together[place]).all()
            assert METERS.power(alone, at)[0] == power[place]
            for one, many in zip(METERS.instant(alone, at), instant, strict=True):
                assert (one[0] == many[place]).all()


def test_the_cut_into_shards_does_not_show() -> None:
    shard = Fleet(FLEET.plan, 20, 45)
    shard.advance_to(FLEET.slot)
    part, rows = Meters(shard), all_rows(shard)
    assert (part.registers(rows, NOW) == METERS.registers(ROWS, NOW)[20:45]).all()
    for mine, whole in zip(part.instant(rows, NOW), METERS.instant(ROWS, NOW), strict=True):
        assert (mine == whole[20:45]).all()
    assert (part.traits(rows).generation == METERS.traits(ROWS).generation[20:45]).all()


def test_a_changed_home_moves_no_other_meter() -> None:
    fleet = metered_fleet()
    meters = Meters(fleet)
    before, alone = meters.instant(ROWS, NOW), meters.power(np.array([9]), NOW)
    fleet.columns()["scale"][9] *= 2
    meters.forget()
    after = meters.instant(ROWS, NOW)
    assert meters.power(np.array([9]), NOW) != alone
    for was, now in zip(before, after, strict=True):
        assert set(np.flatnonzero((was != now).reshape(FLEET.size, -1).any(axis=1))) <= {9}


def test_what_was_said_ahead_of_the_fleet_comes_true() -> None:
    fleet = metered_fleet()
    meters, one = Meters(fleet), np.array([5])
    times = [NOW, NOW + 1800, NOW + 3 * 1800, NOW + 9 * 1800]
    ahead = [(meters.registers(ROWS, at), meters.registers(one, at), meters.power(one, at)) for at in times]
    fleet.advance_to(fleet.slot + 12)
    for at, (registers, alone, power) in zip(times, ahead, strict=True):
        for asked in (meters, Meters(fleet)):
            assert (asked.registers(ROWS, at) == registers).all()
            assert (asked.registers(one, at) == alone).all()
            assert asked.power(one, at) == power


def test_before_its_history_a_meter_says_nothing() -> None:
    with pytest.raises(FleetError, match="registers are known"):
        METERS.registers(np.array([0]), slot_end(FLEET.first_known_slot - 1))


@settings(max_examples=6)
@given(minute=st.integers(NOON // 60 - 900, NOON // 60 + 100))
def test_the_seconds_of_a_minute_have_its_mean_power_and_stay_within_the_contract(minute) -> None:
    powers = np.array([METERS.power(ROWS, 60 * minute + second) for second in range(60)])
    mean = powers.sum(axis=0)
    assert (mean % 60 == 0).all()
    begin, end = METERS.registers(ROWS, 60 * minute), METERS.registers(ROWS, 60 * minute + 60)
    net_wh = (end - begin)[:, 0] - (end - begin)[:, 1]
    assert (np.abs(mean / 3600 - net_wh) <= 1.01).all(), "registers count whole Wh, power does not"
    assert (np.abs(powers) <= FLEET.contract_a.astype(int) * 100).all()
    assert (powers.min(axis=0) * powers.max(axis=0) >= 0).all(), "no second flows against its minute"


def test_a_half_hour_of_power_is_the_energy_of_the_half_hour() -> None:
    slot = FLEET.plan.first_slot + 22
    powers = np.array([METERS.power(ROWS, second) for second in range(slot * 1800, (slot + 1) * 1800, 30)])
    imported, exported = FLEET.interval(ROWS, slot)
    # Second 0 and second 30 of a minute are opposite ones, so they stand for the minute; W are rounded.
    assert np.allclose(powers.mean(axis=0) / 2, imported.astype(int) - exported, atol=0.3)


def test_a_two_wire_service_has_all_its_current_on_the_r_leg() -> None:
    now = METERS.instant(ROWS, NOON)
    two_wire = ~now.three_wire
    assert two_wire.any() and now.three_wire.any()
    assert (now.current_ma[two_wire, 1] == 0).all()
    assert not two_wire[FLEET.homes.pv > 0].any()
    assert not two_wire[FLEET.contract_a > 30].any()
    loaded = now.three_wire & (np.abs(now.power_w) > 50)
    assert (now.current_ma[loaded] != 0).all()


def test_volts_times_amperes_of_both_legs_are_the_apparent_power() -> None:
    now = METERS.instant(ROWS, NOON)
    apparent = (np.abs(now.current_ma) / 1000 * now.voltage_mv / 1000)[np.arange(FLEET.size)]
    apparent = np.where(now.three_wire, apparent.sum(axis=1), apparent[:, 0])
    assert np.allclose(apparent * now.power_factor, np.abs(now.power_w), atol=1)
    assert np.allclose(np.hypot(now.power_w, now.reactive_var), apparent, atol=2)
    assert (np.sign(now.current_ma[:, 0]) == np.sign(now.power_w)).all()
    assert (now.power_w < 0).any() and (now.power_w > 0).any()
    assert (now.power_factor > 0.8).all() and (now.power_factor <= 1).all()


def test_reactive_power_over_time_is_the_reactive_energy() -> None:
    """Of import and of export: each has its own tangents."""
    begin, minutes = NOON - 3600, 240
    varh = np.mean([METERS.instant(ROWS, begin + 60 * k).reactive_var for k in range(minutes)], axis=0) * minutes / 60
    registers = [METERS.reactive(ROWS, METERS.registers(ROWS, at)) for at in (begin, begin + 60 * minutes)]
    grown = registers[1] - registers[0]
    assert np.allclose(varh, grown[:, 0] - grown[:, 1], rtol=0.05, atol=12)
    assert (METERS.power(ROWS, NOON) < 0).any()


def test_voltages_keep_the_statutory_band_and_move_with_day_neighbourhood_and_load() -> None:
    day = [METERS.instant(ROWS, NOON + 1800 * k).voltage_mv for k in range(-24, 24)]
    volts = np.array(day) / 1000
    assert volts.min() >= 95 and volts.max() <= 107
    assert np.abs(volts[:, :, 0].mean() - 101) < 1.5
    assert volts[2:10].mean() > volts[34:42].mean() + 0.5, "night is above evening"
    of_first, of_second = volts[:, :30, 0].mean(axis=1), volts[:, 30:, 0].mean(axis=1)
    assert np.abs(of_first - of_second).mean() > 0.05, "neighbourhoods differ"


def test_a_fleet_of_one_generation_has_no_other() -> None:
    plan = plan_of_both()
    only = tuple(msgspec.structs.replace(area, generation_mix={"next": 1.0}) for area in plan.areas)
    fleet = Fleet(msgspec.structs.replace(plan, areas=only), 0, plan.meters)
    assert (Meters(fleet).traits(ROWS).generation == 1).all()
    half = METERS.traits(ROWS).generation.mean()
    assert 0.25 < half < 0.75


def test_no_meters_are_no_trouble() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert METERS.registers(nothing, NOW).shape == (0, 2)
    assert METERS.instant(nothing, NOW).power_w.shape == (0,)
    assert METERS.profile(nothing, SLOT_SECONDS, 0, NOW, NOW).present.shape == (0, 0)
