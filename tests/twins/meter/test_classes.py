"""What the meter model knows of the classes: kinds, records, transformers."""

from __future__ import annotations

import math
from collections import Counter

import msgspec
import numpy as np
import pytest

from protocols.slots import SLOT_SECONDS
from tests.twins.customers import all_classes, metered
from twins.fleet import Fleet
from twins.meter.high_voltage import high_voltage, phases
from twins.meter.meters import Meters
from twins.meter.parameters import MeterModelError, high_voltage_parameters
from twins.meter.profiles import rule
from twins.meter.traits import kinds
from twins.meter.view import MeterView

FLEET = metered(all_classes(20))
METERS = Meters(FLEET)
ROWS = np.arange(FLEET.size)
NOW = FLEET.slot * SLOT_SECONDS + 617


def test_a_meters_kind_is_its_areas_class_and_a_generation_of_that() -> None:
    drawn = [kinds()[kind] for kind in METERS.traits(ROWS).kind]
    assert [kind.meter_class for kind in drawn] == [FLEET.plan.class_of(index) for index in ROWS.tolist()]
    counted = Counter(drawn)
    assert all(counted[kinds()[kind]] > 3 for kind in range(4)), "both generations of electricity meters"
    assert counted["gas", "current"] == counted["water", "current"] == 20


def test_a_record_of_many_meters_has_each_classs_own_rows_and_those_of_the_meter_alone() -> None:
    for period in (60, 300, 900, 1800):
        found = METERS.profile(ROWS, period, NOW - 7200, NOW, NOW)
        for row in ROWS.tolist():
            view = MeterView(METERS, row)
            own = view.record(period, NOW - 7200, NOW, NOW)
            assert found.ends[found.present[row]].tolist() == [each.end for each in own]
            assert found.registers_wh[row, found.present[row]].tolist() == [list(each.active) for each in own]
            assert bool(own) is (rule(view.meter_class, view.generation, period) is not None)


def test_minutes_of_every_class_sum_to_the_half_hour() -> None:
    for slot in (FLEET.slot - 3, FLEET.slot):
        minutes = METERS.minutes(ROWS, slot)
        assert (minutes >= 0).all()
        assert (minutes.sum(axis=1) == np.stack(FLEET.interval(ROWS, slot), axis=-1)).all()


def test_the_minutes_of_a_works_are_steadier_than_those_of_a_home() -> None:
    spread = {}
    for name, rows in (("homes", ROWS[:20]), ("works", ROWS[20:40])):
        minutes = np.concatenate([METERS.minutes(rows, FLEET.slot - k)[..., 0] for k in range(2, 6)], axis=1)
        spread[name] = np.median(minutes.std(axis=1) / np.maximum(minutes.mean(axis=1), 1))
    assert spread["works"] < spread["homes"] / 2


def test_transformers_fit_what_the_meter_bears_and_small_customers_are_many() -> None:
    services = [high_voltage(1, index) for index in range(400)]
    assert all(service.ratio == 60 * service.current_ratio for service in services)
    assert all(service.coefficient * service.multiplier == service.ratio for service in services)
    assert all(0 < service.coefficient <= 999_999 for service in services)
    sizes = Counter(service.current_ratio for service in services)
    assert set(sizes) == {a // 5 for a in high_voltage_parameters().transformers.primary_a}
    assert sizes[2] > 3 * sizes[40]
    assert {service.closing_day for service in services} == set(range(1, 29))


@pytest.mark.parametrize("watts", [0, 450, -450])
def test_the_phases_of_a_three_phase_service_carry_its_apparent_power(watts: int) -> None:
    balanced = phases(watts, 150, 500, 500)
    assert balanced.current_r_ma == balanced.current_t_ma
    volt_ampere = math.sqrt(3) * 110 * balanced.current_r_ma / 1000
    assert volt_ampere == pytest.approx(math.copysign(math.hypot(watts, 150), watts), rel=1e-3)
    uneven = phases(watts, 150, 700, 300)
    assert abs(uneven.current_r_ma) > abs(uneven.current_t_ma)
    assert uneven.current_r_ma + uneven.current_t_ma == pytest.approx(2 * balanced.current_r_ma, abs=2)
    assert phases(0, 0, 0, 0) == (0, 0, 0)


def test_reactive_parts_by_direction_are_the_whole_and_never_fall() -> None:
    view = next(v for v in (MeterView(METERS, row) for row in range(20, 40)) if v.has_generator)
    instants = [NOW - 3600 * k for k in reversed(range(40))]
    actives = [view.active(at) for at in instants]
    parts = view.reactive_by_direction(actives)
    for at, (normal, reverse) in zip(instants, parts, strict=True):
        both = view.reactive(at)
        assert normal.plus_varh + reverse.plus_varh == both.plus_varh
        assert normal.minus_varh + reverse.minus_varh == both.minus_varh
    for direction in range(2):
        registers = np.array([part[direction] for part in parts])
        assert (np.diff(registers, axis=0) >= 0).all() and (registers >= 0).all()
    assert view.reactive_by_direction([]) == []


def test_gas_meters_of_the_next_generation_are_refused_with_what_there_is() -> None:
    plan = all_classes(3)
    gas = msgspec.structs.replace(plan.areas[2], generation_mix={"current": 0.5, "next": 0.5})
    odd = msgspec.structs.replace(plan, areas=(*plan.areas[:2], gas, plan.areas[3]))
    with pytest.raises(MeterModelError, match="generation_mix names next; the meter model knows current of gas"):
        Meters(Fleet(odd, 0, 3))
    harmless = msgspec.structs.replace(gas, generation_mix={"current": 1.0, "next": 0.0})
    Meters(Fleet(msgspec.structs.replace(plan, areas=(*plan.areas[:2], harmless, plan.areas[3])), 0, 3))
