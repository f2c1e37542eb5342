"""Fleets for the tests of the meter model: both generations, all classes, generators, a few days metered."""

from __future__ import annotations

import msgspec
import numpy as np

from tests.twins.homes import homes
from twins.fleet import Fleet
from twins.plan import FleetPlan

METERED = 30  # slots: 15:00 of the first day, so that roofs have given


def plan_of_both(per_concentrator: int = 30, seed: int = 1, areas: int = 2) -> FleetPlan:
    plan = homes(1, per_concentrator, areas=areas, seed=seed, pv=0.4)
    mix = {"current": 0.5, "next": 0.5}
    changed = tuple(msgspec.structs.replace(area, generation_mix=mix) for area in plan.areas)
    return msgspec.structs.replace(plan, areas=changed)


def metered_fleet(per_concentrator: int = 30, seed: int = 1, slots: int = METERED) -> Fleet:
    plan = plan_of_both(per_concentrator, seed)
    fleet = Fleet(plan, 0, plan.meters)
    fleet.advance_to(plan.first_slot + slots)
    return fleet


def all_rows(fleet: Fleet) -> np.ndarray:
    return np.arange(fleet.size)
