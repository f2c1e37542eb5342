"""Plans with customers of all meter classes."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.twins.homes import first_slot_on
from twins.fleet import Fleet
from twins.plan import AreaPlan, FleetPlan, MeterClass

SPRING = first_slot_on(date(2025, 4, 1))
HOMES = {"household": 0.6, "all_electric": 0.3, "shop": 0.1}
WORKS = {"office": 0.4, "factory": 0.3, "supermarket": 0.3}


def area(name: str, meter_class: MeterClass, load_mix: dict[str, float], meters: int, **changes: Any) -> AreaPlan:
    """One concentrator with so many meters, all of the current generation and without generators unless it says so."""
    plain = {"generation_mix": {"current": 1.0}, "pv_share": 0.0, "concentrators": 1}
    return AreaPlan(
        name=name,
        utility="tepco",
        medium="multihop",
        meters_per_concentrator=meters,
        meter_class=meter_class,
        load_mix=load_mix,
        **{**plain, **changes},
    )


def all_classes(meters: int = 20, *, seed: int = 1, first_slot: int = SPRING) -> FleetPlan:
    """An area of so many meters for each class; gas and water are read through the homes."""
    both = {"generation_mix": {"current": 0.5, "next": 0.5}, "pv_share": 0.4}
    return FleetPlan(
        seed=seed,
        first_slot=first_slot,
        areas=(
            area("homes", "LV", HOMES, meters, **both),
            area("works", "HV", WORKS, meters, **both),
            area("gas", "gas", {"gas_home": 1.0}, meters, through="homes"),
            area("water", "water", {"water_home": 1.0}, meters, through="homes"),
        ),
    )


def metered(plan: FleetPlan, slots: int = 30) -> Fleet:
    """All twins of a plan, some half-hours after its begin."""
    fleet = Fleet(plan, 0, plan.meters)
    fleet.advance_to(plan.first_slot + slots)
    return fleet
