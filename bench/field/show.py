"""What a topology's field lets one expect, area by area: by asking it, as a run does."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.field.tables import burdens_for, with_tables
from bench.topology import Topology
from protocols.slots import SLOT_SECONDS
from twins.field.areas import AreaField, FieldOfAreas
from twins.field.causes import CAUSES
from twins.field.physics.phy import mode, plan_of
from twins.field.rules.parameters import SECOND, rule
from twins.field.statistics.burdens import air_shares
from twins.field.statistics.store import shipped
from twins.plan import FleetPlan

_SAMPLE = 50_000  # meters of an area that are asked, spread over its concentrators
_SLOTS = 8
_ROUNDS_PER_HOUR = 3600 // SLOT_SECONDS


class TrafficView(msgspec.Struct, frozen=True):
    """One class of other traffic: share delivered and p99 of the delay in s, and its share of a concentrator's air."""

    name: str
    air: float
    delivered: float
    delay_p99: float


class AreaView(msgspec.Struct, frozen=True):
    """One area. Shares are of single sendings; delays in s from the half-hour's end, of what arrived by itself."""

    area: str
    medium: str
    meters: int
    delivered: float
    worst_concentrator: float  # share that the worst of the asked concentrators delivers
    lost: dict[str, float]
    asked_delivered: float  # of requests and answers
    delay_p50: float
    delay_p99: float
    hops: tuple[float, ...]  # share of the meters by depth; 0 hops are without a way
    air_seconds_per_hour: float | None  # of the busiest meter, plain readings only, acknowledgements counted in
    air_limit: float | None  # s an hour that the rule allows
    traffic: tuple[TrafficView, ...]  # the classes beside readings that the area has
    warnings: tuple[str, ...]


def show(topology: Topology) -> tuple[AreaView, ...]:
    """Ask every area's field about some half-hours from the topology's start on."""
    plan = topology.fleet_plan()
    fields = with_tables(topology.field_plan(), plan)
    field = FieldOfAreas(plan, fields)
    return tuple(_area(topology, plan, field, number, fields[number]) for number in range(len(plan.areas)))


def _area(topology: Topology, plan: FleetPlan, field: FieldOfAreas, number: int, own: AreaField) -> AreaView:
    area = topology.areas[number]
    index = plan.first_meter_of_area(number) + _sample(area.concentrators, area.meters_per_concentrator)
    readings = [field.reading(index, plan.first_slot + slot) for slot in range(_SLOTS)]
    asked = field.exchange(index, 1, topology.clock.start.timestamp())
    cause = np.concatenate([reading.cause for reading in readings])
    delay = np.concatenate([reading.delay for reading in readings])[cause == 0]
    counts = np.bincount(cause, minlength=len(CAUSES)) / len(cause)
    by = np.tile(np.unique(plan.concentrator_of(index), return_inverse=True)[1], _SLOTS)
    air, limit = _air(own, area.medium, area.meters_per_concentrator)
    view = AreaView(
        area=area.name,
        medium=area.medium,
        meters=area.meters,
        delivered=float(counts[0]),
        worst_concentrator=float((np.bincount(by, cause == 0) / np.bincount(by)).min()),
        lost={CAUSES[c]: float(share) for c, share in enumerate(counts) if c and share},
        asked_delivered=float(asked.arrives.mean()),
        delay_p50=float(np.quantile(delay, 0.5)) if len(delay) else 0.0,
        delay_p99=float(np.quantile(delay, 0.99)) if len(delay) else 0.0,
        hops=tuple(np.round(np.bincount(readings[0].hops) / len(index), 6).tolist()),
        air_seconds_per_hour=air,
        air_limit=limit,
        traffic=_traffic(topology, field, own, index, area.meters_per_concentrator),
        warnings=(),
    )
    return msgspec.structs.replace(view, warnings=_warnings(view))


def _traffic(
    topology: Topology, field: FieldOfAreas, own: AreaField, index: NDArray[np.int64], meters: int
) -> tuple[TrafficView, ...]:
    """The classes that an area's mesh has, by asking for one message of each sampled meter."""
    if not own.traffic:
        return ()
    found = []
    shares = air_shares(burdens_for(own.mesh, meters), own.traffic)
    for number, (name, share) in enumerate(shares.items()):
        way = field.message(name, index, number, topology.clock.start.timestamp())
        came = way.delay[way.arrives]
        p99 = float(np.quantile(came, 0.99)) if len(came) else 0.0
        found.append(TrafficView(name, share, float(way.arrives.mean()), p99))
    return tuple(found)


def _sample(concentrators: int, size: int) -> NDArray[np.int64]:
    """Meters of an area, counted from its first: whole concentrators, evenly spread."""
    asked = min(concentrators, max(1, _SAMPLE // size))
    chosen = np.linspace(0, concentrators - 1, asked).astype(np.int64)
    return np.asarray((chosen[:, None] * size + np.arange(size)).ravel())


def _air(field: AreaField, medium: str, meters: int) -> tuple[float | None, float | None]:
    """Air time of the busiest meter in an hour, mean over the sites, and what the rule allows."""
    table = field.table or shipped(field.mesh, meters) if medium == "multihop" else None
    if table is None:
        return None, None
    law = rule("short", plan_of(mode(table.setting.mode)).spacing_khz)
    return sum(table.air) / len(table.air) * _ROUNDS_PER_HOUR, law.limit / SECOND


def _warnings(view: AreaView) -> tuple[str, ...]:
    found = []
    if view.medium == "multihop" and (view.lost.get("out of reach") or 0) > 0:
        found.append(f"out-of-reach: {view.lost['out of reach']:.2%} of the meters have no way and no fallback")
    if view.asked_delivered < 0.5:
        found.append(f"deaf: only {view.asked_delivered:.0%} of requests are answered; re-collection will not suffice")
    if view.air_limit and view.air_seconds_per_hour and view.air_seconds_per_hour > view.air_limit / 2:
        found.append("air-time: the busiest meter uses more than half of what the rule allows for readings alone")
    return tuple(found)
