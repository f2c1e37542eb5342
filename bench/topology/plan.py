"""From a checked topology to what a run needs: numbers and plans, no more words of the file."""

from __future__ import annotations

import os

import msgspec

from bench.field.tables import with_tables
from bench.head_end.spec import RecollectionPolicy
from bench.measure import Limit
from bench.topology.clock import Clock
from bench.topology.model import Topology
from protocols.slots import SLOT_SECONDS, slot_end, slot_of
from twins.clock import ClockSpec
from twins.field.areas import AreaField
from twins.plan import FleetPlan
from twins.shard.spec import DefectPlan

START_UP = 8.0
"""Real seconds that processes may take to come up before the first reading is due in scaled time."""


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One run in numbers. Slots ``fleet.first_slot … last_slot``; ``until``: simulated time at which waiting ends."""

    fleet: FleetPlan
    field: tuple[AreaField, ...]
    defects: tuple[DefectPlan, ...]
    clock: ClockSpec
    tick: float
    slots: int
    until: float
    recollection: RecollectionPolicy
    limits: dict[str, Limit]
    shards: int
    window: int

    @property
    def last_slot(self) -> int:
        """The last slot that is collected."""
        return self.fleet.first_slot + self.slots - 1

    @property
    def due(self) -> int:
        """How many values there should be in the end."""
        return self.fleet.meters * self.slots


def timed(topology: Topology, clock: Clock, real_now: float) -> tuple[FleetPlan, ClockSpec]:
    """The fleet and the running clock of a run that begins at ``real_now`` (Unix s)."""
    fleet = topology.fleet_plan(clock)
    if clock.mode == "wall":
        now = ClockSpec(mode="wall", start=real_now, origin=real_now)
        return msgspec.structs.replace(fleet, first_slot=slot_of(real_now)), now
    spec = ClockSpec(mode=clock.mode, start=clock.start.timestamp(), scale=clock.scale)
    return fleet, begun(spec, real_now)


def begun(clock: ClockSpec, real_now: float, start_up: float = START_UP) -> ClockSpec:
    """This clock, begun so that its first half-hour ends in ``start_up`` real seconds at the earliest."""
    return msgspec.structs.replace(clock, origin=real_now + max(0.0, start_up - SLOT_SECONDS / clock.scale))


def plan_run(topology: Topology, real_now: float) -> RunPlan:
    """The plan of a ``collection`` run that begins at ``real_now`` (Unix s)."""
    campaign, head_end = topology.campaigns.collection, topology.head_end
    clock = campaign.clock or topology.clock
    fleet, spec = timed(topology, clock, real_now)
    slots = campaign.slot_count
    ask = head_end.recollection
    shards = topology.engine.shards
    return RunPlan(
        fleet=fleet,
        field=with_tables(topology.field_plan(), fleet),
        defects=topology.defect_plans(),
        clock=spec,
        tick=float(clock.tick),
        slots=slots,
        until=slot_end(fleet.first_slot + slots - 1) + float(head_end.settle),
        recollection=RecollectionPolicy(
            first_after=ask.first_after, interval=ask.interval, tries=ask.tries, audit=ask.audit
        ),
        limits=campaign.judged_by(),
        # One core is left to broker and head-end.
        shards=min(fleet.meters, max(1, (os.cpu_count() or 2) - 1) if shards == "auto" else shards),
        window=topology.bus.window,
    )
