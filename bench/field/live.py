"""Which concentrators of a run go frame by frame: those of real radios, with the levels that these measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from bench.rack.inventory import Inventory
from bench.topology.defects import index_of
from twins.field.areas import AreaField, FieldOfAreas, Live
from twins.plan import FleetPlan

Levels = Mapping[tuple[int, int], Sequence[tuple[int, int, float]]]
"""Measured levels as ``Live`` has them, by area and by number of the concentrator within it."""


def with_live(
    fields: Sequence[AreaField], plan: FleetPlan, inventory: Inventory, levels: Levels | None = None
) -> tuple[AreaField, ...]:
    """The fields with every concentrator of a mesh at level (a) that a place with a stick belongs to."""
    live: dict[int, dict[int, Live]] = {}
    for place in inventory.places.values():
        index = index_of(place.meter)
        if place.stick is None or index is None or index >= plan.meters:
            continue
        area = int(plan.area_of(np.array([index]))[0])
        if (fields[area].medium or plan.areas[area].medium) != "multihop":
            continue
        own = int(plan.concentrator_of(np.array([index]))[0]) - plan.first_concentrator_of_area(area)
        found = tuple((levels or {}).get((area, own), ()))
        live.setdefault(area, {})[own] = Live(concentrator=own, levels=found)
    return tuple(
        msgspec.structs.replace(field, live=tuple(live[area].values())) if area in live else field
        for area, field in enumerate(fields)
    )


def warm_up(fields: Sequence[AreaField], plan: FleetPlan) -> None:
    """Have the event engine compiled, which takes a minute once, before anybody's time begins."""
    for number, field in enumerate(fields):
        for each in field.live:
            first = plan.first_meter_of_area(number) + each.concentrator * plan.areas[number].meters_per_concentrator
            FieldOfAreas(plan, fields, first, first + 1)
            return
