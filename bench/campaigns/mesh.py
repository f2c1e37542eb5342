"""What campaigns share that simulate concentrators in the event engine: policies, judging by place, portraits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.field.errands import Worker
from bench.field.ground import Ground, Result
from bench.head_end.spec import RecollectionPolicy
from bench.measure import Limit, Measurement, judge
from bench.record.exhibits import Curve, CurvesExhibit, Exhibit, MapExhibit, Panel, TableExhibit
from bench.topology import Topology
from protocols.slots import SLOT_SECONDS
from twins.field.mesh.codes import READING
from twins.field.physics.phy import mode, plan_of
from twins.field.rules.parameters import SECOND, rule

BABBLE_EVERY: Final = 0.04
"""s from frame to frame of a meter that heeds no rule; our own choice: 30 % of its time on the air."""

_RELAYS = 10
_POINTS = 120
_PART = 0.8  # of the time between two rounds of asking


def policy_of(topology: Topology) -> RecollectionPolicy:
    """When the head-end of a topology asks again."""
    ask = topology.head_end.recollection
    return RecollectionPolicy(first_after=ask.first_after, interval=ask.interval, tries=ask.tries, audit=ask.audit)


def asked_after(policy: RecollectionPolicy, within: float) -> list[float]:
    """The s after a reading is due at which the head-end asks again, as far as it can still be in time."""
    times = policy.first_after + policy.interval * np.arange(policy.tries)
    return [float(time) for time in times if time < within]


def collect(worker: Worker, meters: int, window: float, rounds: int, policy: RecollectionPolicy, within: float) -> None:
    """Readings of every half-hour, asked for again as the head-end does it while they can still be in time."""
    spread = min(float(meters), policy.interval * _PART)  # a request a second, as level (b) is fitted
    worker.readings(rounds, SLOT_SECONDS, window, asked_after(policy, within), spread)


def defective(topology: Topology, kind: str) -> tuple[int, ...]:
    """The fleet's indices of the meters with a planted defect."""
    return tuple(index for plan in topology.defect_plans() if plan.kind == kind for index in plan.meters)


def legal_seconds(mode_name: str) -> float:
    """Air time that the rule allows a sender in any hour."""
    return rule("short", plan_of(mode(mode_name)).spacing_khz).limit / SECOND


def judged_at(
    limits: Mapping[str, Limit], values: Mapping[str, float | None], place: str, point: str | None = None
) -> list[Measurement]:
    """Those of the limits that have a value here, judged, with place and point."""
    told = judge({name: limits[name] for name in values}, values)
    return [msgspec.structs.replace(each, place=place, point=point) for each in told]


def without(limits: Mapping[str, Limit], found: Sequence[Measurement]) -> list[Measurement]:
    """Limits that nothing was measured for, as failures: silence is not a pass."""
    missing = limits.keys() - {each.name for each in found}
    return [*found, *judge({name: limits[name] for name in limits if name in missing}, {})]


def portrait(ground: Ground, result: Result) -> list[Exhibit]:
    """Map, arrival by depth, air time against the rule, and the worst relays of one concentrator."""
    table = ground.standing.table
    return [
        MapExhibit(title=f"The mesh of {table.concentrator}", table=table, caption=_map_words(ground)),
        CurvesExhibit(
            title="Arrival by depth, and air time",
            panels=(_arrival_panel(result), _air_panel(ground, result)),
            caption=f"{table.concentrator}, event engine. Right: what each node sent in its worst hour, most first, "
            "against what the rule allows.",
        ),
        _relays(ground, result),
    ]


def _map_words(ground: Ground) -> str:
    table = ground.standing.table
    warnings = "; ".join(table.warnings)
    return f"Area {table.area}, {table.area_class}, mode {table.mode}." + (f" {warnings}." if warnings else "")


def _arrival_panel(result: Result) -> Panel:
    """Share of the readings that had come, by delay and depth of their meter."""
    mine = result.of(READING)
    depth, arrival = result.hops[result.work.errands.node[mine]], result.arrival[mine]
    grid = np.geomspace(1.0, 3600.0, _POINTS)
    curves = []
    for hops in np.unique(depth).tolist():
        own = np.sort(arrival[depth == hops])
        share = 100 * np.searchsorted(own, grid, side="right") / len(own)
        label = f"{hops} hop{'s' if hops > 1 else ''}"
        curves.append(Curve(label=label, x=_short(grid), y=_short(share)))
    return Panel(
        curves=tuple(curves),
        x_label="delay in s",
        y_label="% of due values",
        title="Readings that had come",
        x_scale="log",
    )


def _air_panel(ground: Ground, result: Result) -> Panel:
    worst = np.sort(result.worst_hour[1:])[::-1]
    return Panel(
        curves=(Curve(label="meters", x=tuple(range(1, len(worst) + 1)), y=_short(np.maximum(worst, 1e-3))),),
        x_label="meters, the busiest first",
        y_label="s on the air in an hour",
        title="Air time in the worst hour",
        y_scale="log",
        limit=legal_seconds(ground.setting.mode),
        limit_label="allowed",
    )


def _relays(ground: Ground, result: Result) -> TableExhibit:
    meters, forwarded = ground.standing.table.meters, result.outcome.nodes["forwarded"]
    busiest = 1 + np.argsort(-result.outcome.air[1:], kind="stable")[:_RELAYS]
    allowed = legal_seconds(ground.setting.mode)
    rows = tuple(
        (
            meters[node - 1].meter,
            str(int(result.hops[node])),
            f"{result.outcome.air[node]:.2f}",
            f"{result.worst_hour[node]:.2f}",
            f"{100 * result.worst_hour[node] / allowed:.2f} %",
            f"{int(forwarded[node]):,}",
        )
        for node in busiest.tolist()
    )
    return TableExhibit(
        title="Worst relays",
        headers=("Meter", "Hops", "Sent, s in all", "Worst hour, s", "Of what is allowed", "Packets for others"),
        rows=rows,
        right=(1, 2, 3, 4, 5),
        caption=f"The meters of {ground.standing.table.concentrator} that sent longest.",
    )


def _short(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.5g}") for value in values)
