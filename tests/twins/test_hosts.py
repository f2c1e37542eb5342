"""Gas and water meters hang on the smart meters that read them, always the same ones."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twins.customers import HOMES, all_classes, area
from twins.hosts import PlanError, attached, host_of
from twins.plan import FleetPlan

SIZES = st.integers(1, 7)


def plan_of(homes: int, gas: int, water: int) -> FleetPlan:
    areas = (
        area("gas", "gas", {"gas_home": 1.0}, gas, through="homes"),
        area("others", "LV", HOMES, 3),
        area("homes", "LV", HOMES, homes),
        area("water", "water", {"water_home": 1.0}, water, through="homes"),
    )
    return FleetPlan(seed=1, first_slot=0, areas=areas)


@given(SIZES, SIZES, SIZES)
def test_each_gas_and_water_meter_has_one_host_and_is_known_to_it(homes: int, gas: int, water: int) -> None:
    plan = plan_of(homes, gas, water)
    by_host: dict[int, list[int]] = {}
    for index in range(plan.meters):
        host = host_of(plan, index)
        electric = plan.class_of(index) == "LV"
        assert (host is None) is electric
        if host is not None:
            assert plan.areas[2].name == "homes" and plan.area_of(host) == 2
            by_host.setdefault(host, []).append(index)
    for index in range(plan.meters):
        assert attached(plan, index) == by_host.get(index, [])
    assert max(map(len, by_host.values())) - min(len(attached(plan, gas + 3 + k)) for k in range(homes)) <= 2


def test_a_home_has_one_of_each_where_there_are_as_many() -> None:
    plan = all_classes(20)
    assert attached(plan, 7) == [47, 67]
    assert [host_of(plan, index) for index in (7, 27, 47, 67)] == [None, None, 7, 7]


@pytest.mark.parametrize(("through", "complaint"), [("nowhere", "there is no area nowhere"), ("works", "through HV")])
def test_a_host_that_cannot_be_is_refused(through: str, complaint: str) -> None:
    plan = all_classes(5)
    gas = msgspec.structs.replace(plan.areas[2], through=through)
    odd = msgspec.structs.replace(plan, areas=(*plan.areas[:2], gas))
    with pytest.raises(PlanError, match=complaint):
        host_of(odd, 11)
    with pytest.raises(PlanError, match=complaint):
        attached(odd, 0)
