"""How each area of a collection did: what came by itself, in time, at all; what was lost on the way, where and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.campaigns.collection.measure import ON_TIME_SECONDS
from bench.errors import InputError
from bench.field.links import link_table_of
from bench.field.losses import Loss, losses
from bench.record.columns import Columns
from bench.record.exhibits import Curve, CurvesExhibit, Exhibit, MapExhibit, Panel, TableExhibit
from bench.report import numbers
from bench.topology import Topology
from bench.topology.plan import RunPlan
from twins.field.areas import FieldOfAreas

_DELAYS: Final = np.geomspace(1.0, 7200.0, 200)
_DEEPEST: Final = 6  # hops that have a curve of their own; what is deeper shares the last

# Values that came by themselves are counted wherever they are: one that was asked for just before stands in `repeats`.
_AREAS = f"""
WITH own AS (
    SELECT meter, count(DISTINCT slot) AS n
    FROM (SELECT meter, slot, via FROM readings UNION ALL SELECT meter, slot, via FROM repeats) WHERE via = 0
    GROUP BY meter
), firsts AS (
    SELECT meter, slot, min(arrival) - (slot::BIGINT + 1) * 1800 AS delay FROM readings GROUP BY meter, slot
), stored AS (
    SELECT meter, count(*) AS n, count(*) FILTER (delay <= {ON_TIME_SECONDS}) AS on_time FROM firsts GROUP BY meter
), refused AS (SELECT meter, count(*) AS n FROM rejections GROUP BY meter)
SELECT
    m.area, any_value(m.medium), count(*), count(*) * ?::BIGINT,
    coalesce(sum(stored.n), 0)::BIGINT, coalesce(sum(stored.on_time), 0)::BIGINT, coalesce(sum(own.n), 0)::BIGINT,
    sum(least(coalesce(refused.n, 0), ? - coalesce(own.n, 0)))::BIGINT
FROM meters m
LEFT JOIN own ON own.meter = m.index
LEFT JOIN stored ON stored.meter = m.index
LEFT JOIN refused ON refused.meter = m.index
WHERE NOT list_contains(?::BIGINT[], m.index::BIGINT)
GROUP BY m.area ORDER BY min(m.index)
"""


class AreaResult(msgspec.Struct, frozen=True):
    """The twins of one area: of ``due`` values so many are stored, in time, and came by themselves.

    ``refused``: at most so many of those that did not come were sent, and refused by the head-end.
    """

    area: str
    medium: str
    meters: int
    due: int
    stored: int
    on_time: int
    by_itself: int
    refused: int

    @property
    def missing(self) -> int:
        """Values that did not come by themselves."""
        return self.due - self.by_itself


def area_results(columns: Columns, slots: int, without: Sequence[int] = ()) -> list[AreaResult]:
    """The areas in the order of the fleet; ``without``: meters that are no twins."""
    return [AreaResult(*row) for row in columns.query(_AREAS, (slots, slots, list(without)))]


def losses_of(figures: Mapping[str, float], areas: Sequence[AreaResult], plan: RunPlan) -> tuple[Loss, ...]:
    """What did not come by itself, by area and cause, out of the shards' figures and the columns."""
    missing = {area.area: area.missing for area in areas}
    return losses(figures, plan.fleet.areas, missing, {area.area: area.refused for area in areas})


def exhibits(
    topology: Topology, plan: RunPlan, columns: Columns, areas: Sequence[AreaResult], lost: Sequence[Loss]
) -> list[Exhibit]:
    """What the report shows of the field."""
    found: list[Exhibit] = [_area_table(areas), _loss_table(areas, lost)]
    curves = _by_hops(plan, columns)
    if curves is not None:
        found.append(curves)
    worst = _worst_mesh(plan, columns)
    if worst is not None:
        caption = f"The concentrator of a mesh that most values were missing from at first: {worst}."
        try:
            table = link_table_of(topology, worst).table
        except InputError:  # an area that the topology describes no mesh for
            return found
        found.append(MapExhibit(title="The mesh", table=table, caption=caption))
    return found


def _area_table(areas: Sequence[AreaResult]) -> TableExhibit:
    rows = tuple(
        (
            each.area,
            each.medium,
            numbers.count(each.meters),
            numbers.count(each.due),
            *(numbers.share(part / each.due) for part in (each.by_itself, each.on_time, each.stored)),
        )
        for each in areas
    )
    headers = ("Area", "Medium", "Twins", "Values due", "By themselves", "On time", "Stored")
    return TableExhibit(title="By area and medium", headers=headers, rows=rows, right=(2, 3, 4, 5, 6))


def _loss_table(areas: Sequence[AreaResult], lost: Sequence[Loss]) -> TableExhibit:
    missing = sum(area.missing for area in areas)
    rows = [
        (each.area, each.medium, each.cause, numbers.count(each.readings), numbers.share(each.readings / missing))
        for each in lost
    ]
    if lost:
        total = sum(each.readings for each in lost)
        rows.append(("all", "", "", numbers.count(total), numbers.share(total / missing)))
    return TableExhibit(
        title="What was lost, where and why",
        headers=("Area", "Medium", "Cause", "Values", "Of what was missing"),
        rows=tuple(rows),
        right=(3, 4),
        caption="Values that did not come by themselves, and what each was lost by; most of them came when asked for."
        if rows
        else "Every value came by itself.",
    )


def hops_of(plan: RunPlan) -> NDArray[np.uint8]:
    """How many hops every meter of the fleet is from the head-end's side of its medium."""
    index = np.arange(plan.fleet.meters, dtype=np.int64)
    return FieldOfAreas(plan.fleet, plan.field).reading(index, plan.fleet.first_slot).hops


def _by_hops(plan: RunPlan, columns: Columns) -> CurvesExhibit | None:
    """Share of the due values of meshes that had come by themselves, by delay and depth."""
    mesh = np.array([area.medium == "multihop" for area in plan.fleet.areas])
    index = np.arange(plan.fleet.meters)
    hops = np.where(mesh[plan.fleet.area_of(index)], np.minimum(hops_of(plan), _DEEPEST), 0)
    if not hops.any():
        return None
    table = columns.numpy(
        "SELECT meter, min(arrival) - (slot::BIGINT + 1) * 1800 AS delay FROM readings WHERE via = 0 "
        "GROUP BY meter, slot"
    )
    depth, delay = hops[table["meter"]], table["delay"]
    curves = []
    for each in range(1, int(hops.max()) + 1):
        due = int((hops == each).sum()) * plan.slots
        if not due:
            continue
        came = np.searchsorted(np.sort(delay[depth == each]), _DELAYS, side="right")
        name = f"{each}{'+' if each == _DEEPEST else ''} hop{'s' if each > 1 else ''}"
        curves.append(Curve(label=name, x=_short(_DELAYS), y=_short(100 * came / due)))
    panel = Panel(
        curves=tuple(curves), x_label="delay in s", y_label="% of due values", x_scale="log", title="Came by themselves"
    )
    return CurvesExhibit(
        title="Arrival by depth in the mesh",
        panels=(panel,),
        caption="Share of the due values of mesh meters that had come by themselves, by hops from the concentrator.",
    )


def _worst_mesh(plan: RunPlan, columns: Columns) -> str | None:
    """The concentrator of a mesh with most values that did not come by themselves; the first when none is missing."""
    rows = columns.query(
        "SELECT m.concentrator, count(DISTINCT m.index), count(r.slot) FROM meters m "
        "LEFT JOIN (SELECT DISTINCT meter, slot FROM readings WHERE via = 0) r ON r.meter = m.index "
        "WHERE m.medium = 'multihop' GROUP BY m.concentrator"
    )
    missing = {name: meters * plan.slots - came for name, meters, came in rows}
    return min(missing, key=lambda name: (-missing[name], name), default=None)


def _short(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.5g}") for value in values)


def plain(results: Sequence[AreaResult] | Sequence[Loss]) -> list[dict[str, Any]]:
    """As a record carries them."""
    found: list[dict[str, Any]] = msgspec.to_builtins(list(results))
    return found
