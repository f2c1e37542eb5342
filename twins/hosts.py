"""The IoT route (requirement A15): gas and water meters are read through a smart meter, their *host*.

A plan says which area hosts which (``AreaPlan.through``): meter k of the area hangs on meter k modulo the size of the
hosting area, so a host of one gas meter and one water meter is the usual home. Nothing here is random or stored.
"""

from __future__ import annotations

import numpy as np

from protocols.errors import MeterBenchError
from twins.plan import AreaPlan, FleetPlan

ATTACHABLE = ("gas", "water")
"""Classes of meters that have a host; a host is an LV meter."""


class PlanError(MeterBenchError):
    """A plan's area names a host that it cannot have."""

    exit_code = 2


def host_of(plan: FleetPlan, index: int) -> int | None:
    """Index of the meter that reads this one, or None for a meter that is read by itself.

    Raises :class:`PlanError` when its area names no LV area of the plan.
    """
    number = int(plan.area_of(np.array([index]))[0])
    if not plan.areas[number].through:
        return None
    host = _hosting(plan, plan.areas[number])
    place = index - plan.first_meter_of_area(number)
    return plan.first_meter_of_area(host) + place % plan.areas[host].meters


def attached(plan: FleetPlan, host: int) -> list[int]:
    """Indices of the meters that are read through this one, in their order; empty for most.

    Raises :class:`PlanError` as :func:`host_of`.
    """
    number = int(plan.area_of(np.array([host]))[0])
    place, size = host - plan.first_meter_of_area(number), plan.areas[number].meters
    found: list[int] = []
    for position, area in enumerate(plan.areas):
        if area.through and _hosting(plan, area) == number:
            first = plan.first_meter_of_area(position)
            found += range(first + place, first + area.meters, size)
    return found


def _hosting(plan: FleetPlan, area: AreaPlan) -> int:
    """Place of the area that hosts another."""
    position = next((at for at, other in enumerate(plan.areas) if other.name == area.through), None)
    if position is None:
        raise PlanError(f"area {area.name}: there is no area {area.through} to be read through")
    host_class = plan.areas[position].meter_class
    if host_class != "LV" or area.meter_class not in ATTACHABLE:
        raise PlanError(f"area {area.name}: {area.meter_class} meters cannot be read through {host_class} meters")
    return position
