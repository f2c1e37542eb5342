"""Concentrators of a topology in the event engine, with their own sites and meters, and what a load does to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.field.errands import Work, arrivals
from bench.field.links import Standing, link_table_of
from bench.topology import Topology
from twins.field.classes import area_class
from twins.field.mesh.codes import READING
from twins.field.mesh.concentrator import Medium, Mesh, build_mesh, depth
from twins.field.mesh.disturbances import Outage
from twins.field.mesh.simulation import Outcome, simulate
from twins.field.mesh.state import Law
from twins.field.rules.parameters import SECOND
from twins.field.settings import MeshSetting
from twins.plan import concentrator_id

NO_LIMIT: Final = 10**15
"""ns of air time in an hour that nobody uses up: for meters that heed no rule."""


class Ground(NamedTuple):
    """One concentrator: the number of its area, its link table, the kind of mesh, the fleet's index of its node 1."""

    area: int
    standing: Standing
    setting: MeshSetting
    first: int

    @property
    def meters(self) -> int:
        """How many."""
        return len(self.standing.table.meters)

    def mesh(self, outages: Sequence[Outage] = (), living: bool = False) -> Mesh:
        """The mesh as it stands on its site."""
        return mesh_of(self.setting, self.standing, outages, living)

    def nodes(self, meters: Sequence[int]) -> NDArray[np.int64]:
        """Nodes of those of the meters (fleet's indices) that stand here."""
        own = np.asarray(meters, dtype=np.int64) - self.first + 1
        return own[(own >= 1) & (own <= self.meters)]


class Result(NamedTuple):
    """What became of a load. Times in s; arrays over errands, then over nodes."""

    work: Work
    arrival: NDArray[np.float64]  # after the value was due; infinite for what did not come
    outcome: Outcome
    hops: NDArray[np.int64]
    worst_hour: NDArray[np.float64]
    seconds: float

    def of(self, group: int) -> NDArray[np.bool_]:
        """Which errands are of a class of traffic, and of meters that have a way."""
        errands = self.work.errands
        return np.asarray((errands.group == group) & (self.hops[errands.node] > 0))

    def within(self, seconds: float, group: int = READING) -> float:
        """Share of the values of a class that came within so long; of meters that have a way. 1 of none."""
        mine = self.of(group)
        return float((self.arrival[mine] <= seconds).mean()) if mine.any() else 1.0


def grounds(topology: Topology, most: int) -> list[Ground]:
    """Up to ``most`` concentrators of each mesh area, evenly spread; raises InputError where there is no mesh."""
    plan = topology.fleet_plan()
    found = []
    for number, area in enumerate(topology.areas):
        if area.medium != "multihop":
            continue
        chosen = np.unique(np.linspace(0, area.concentrators - 1, most).astype(int)).tolist()
        for own in chosen:
            standing = link_table_of(topology, concentrator_id(plan.first_concentrator_of_area(number) + own))
            first = plan.first_meter_of_area(number) + own * area.meters_per_concentrator
            found.append(Ground(number, standing, area.field.plan().mesh.resolved(), first))
    if not found:
        raise InputError("no area of this topology has a mesh; this campaign is about meshes")
    return found


def mesh_of(setting: MeshSetting, standing: Standing, outages: Sequence[Outage] = (), living: bool = False) -> Mesh:
    """The mesh of a link table."""
    site, received, medium = standing.site, standing.links.received_dbm, medium_of(setting)
    return build_mesh(site.positions, medium, site.seed, received_dbm=received, outages=outages, living=living)


def medium_of(setting: MeshSetting) -> Medium:
    """A kind of mesh as the event engine is told it."""
    return Medium(area=area_class(setting.area_class).model, mode=setting.mode, spread=setting.retry_spread_s)


def run_work(mesh: Mesh, work: Work, seed: int, seconds: float, *, lawless: bool = False) -> Result:
    """Let traffic run for so many seconds. ``lawless``: nobody heeds the air-time rule (neither sum nor pause)."""
    network = mesh.network
    if lawless:
        law = network.law
        network = network._replace(law=Law(0, NO_LIMIT, law.window, law.answers_count))
    outcome = simulate(network, work.traffic, seed, seconds, conditions=mesh.conditions)
    return Result(
        work,
        arrivals(work.errands, outcome),
        outcome,
        depth(outcome.nodes["parent"]),
        outcome.nodes["hour"] / SECOND,
        seconds,
    )
