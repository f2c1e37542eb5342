"""The campaign itself: head-end and shards, and time that passes until everything is there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from bench.campaigns.collection.areas import area_results, exhibits, losses_of, plain
from bench.campaigns.collection.measure import measure, unrecovered
from bench.campaigns.collection.places import ENGINE_UP, PLACES_UP, RACK_UP, Places, table
from bench.campaigns.collection.places import NAME as PLACES
from bench.campaigns.collection.radios import Radios
from bench.conductor import Conductor
from bench.errors import BenchFault
from bench.field.live import warm_up
from bench.head_end.spec import HeadEndSpec
from bench.keys import master_key
from bench.measure import Measurement, judge
from bench.progress import Snapshot
from bench.rack.inventory import inventory_of
from bench.record import exhibits as shown
from bench.record.columns import Columns
from bench.runner import Run
from bench.stage import Stage
from bench.topology.load import LoadedTopology
from bench.topology.plan import begun, plan_run
from protocols.slots import slot_end
from protocols.topics import HEAD_END
from twins.clock import ScaledClock
from twins.plan import FleetPlan, concentrator_id, meter_id
from twins.shard.spec import ShardSpec

_STAGES = ("meter", "cipher", "frame", "send", "receive", "verify", "store")


@dataclass(frozen=True)
class Effort:
    """What the processes of a run have told: overruns, real seconds of collecting, processor seconds by stage, and what
    the shards' readings were lost by (``lost:AREA:CAUSE``)."""

    overruns: float | None = None
    seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    lost: dict[str, float] = field(default_factory=dict)


class Collection:
    """Periodic values of all meters of a topology. Raises InputError as :func:`bench.topology.plan.plan_run`."""

    def __init__(self, loaded: LoadedTopology, real_now: float) -> None:
        topology = loaded.topology
        self.plan = plan_run(topology, real_now)
        self._topology, self._seed = topology, topology.seed
        self._effort = Effort()
        self._places: Places | None = None
        if topology.rack is not None:
            inventory, amps = inventory_of(loaded), topology.campaigns.collection.amps
            radios = Radios(topology, inventory, self.plan.field, self.plan.fleet)
            self.plan = msgspec.structs.replace(self.plan, field=radios.fields)
            warm_up(self.plan.field, self.plan.fleet)
            if self.plan.clock.mode == "scaled":
                # The rack comes first; time leaps to the run's begin when it is ready.
                early = msgspec.structs.replace(self.plan.clock, origin=time.time() + RACK_UP)
                self.plan = msgspec.structs.replace(self.plan, clock=early)
            self._places = Places(inventory, self.plan, amps, self._seed, radios)
        self.clock = self.plan.clock

    @property
    def summary(self) -> dict[str, Any]:
        """What is due, and from whom."""
        plan = self.plan
        return {
            "twins": plan.fleet.meters - (len(self._places.meters) if self._places else 0),
            "concentrators": plan.fleet.concentrators,
            "shards": plan.shards,
            "first_slot": plan.fleet.first_slot,
            "slots": plan.slots,
            "due": plan.due,
            "tick_seconds": plan.tick if plan.clock.mode == "virtual" else None,
        }

    def prepare(self, run: Run) -> None:
        """Who is there."""
        _write_meters(run, self.plan.fleet)

    def execute(self, run: Run, stage: Stage) -> None:
        """Start everybody and let time pass; the effort is noted however it ends."""
        conductor = Conductor(run.clock, stage, lambda: self._look(run, stage, conductor))
        began, broker_cpu = run.clock.monotonic(), 0.0
        try:
            stage.control.open()
            with self._held(run, stage, self._places) if self._places else contextlib.nullcontext():
                names = self._start_processes(stage, str(run.folder.path.resolve()))
                broker_cpu = stage.engine.cpu_seconds("broker")
                conductor.wait_ready(names)
                began = run.clock.monotonic()
                conductor.conduct(self.plan.tick, self.plan.until)
                if self._places:
                    self._places.read_back(run)
        finally:
            seconds = run.clock.monotonic() - began
            broker_cpu = stage.engine.cpu_seconds("broker") - broker_cpu
            stage.engine.stop()  # their last words tell what they used
            cpu = {name: round(conductor.figure(f"cpu_{name}"), 3) for name in _STAGES}
            cpu["broker"] = round(broker_cpu, 3)
            self._effort = Effort(conductor.figure("overruns"), seconds, cpu, conductor.figures("lost:"))

    def judge(self, run: Run, seconds: float) -> list[Measurement]:
        """Measure what is stored."""
        plan, effort, record = self.plan, self._effort, run.record
        record.summary |= {"collection_seconds": round(effort.seconds, 3), "cpu_seconds": effort.cpu_seconds}
        stored, values, places = 0, {}, []
        try:
            with run.folder.columns() as columns:
                values = measure(columns, plan.due, effort.overruns)
                record.unrecovered = unrecovered(columns, plan.fleet.first_slot, plan.slots)
                ((stored,),) = columns.query("SELECT count(*) FROM readings")
                self._show_field(run, columns)
                if self._places:
                    places = self._places.results(columns)
                    record.summary["places"] = table(places)
        finally:
            record.measurements = judge(plan.limits, values)
            if self._places:
                record.measurements += self._places.judge(places) + self._places.radios.judge()
            rate = round(stored / (effort.seconds or seconds), 1)
            record.summary |= {"stored": stored, "readings_per_second": rate}
        return record.measurements

    def _show_field(self, run: Run, columns: Columns) -> None:
        """How each area did, and what was lost there by what, for record and report."""
        areas = area_results(columns, self.plan.slots, self._places.indices if self._places else ())
        lost = losses_of(self._effort.lost, areas, self.plan)
        run.record.summary |= {"areas": plain(areas), "lost": plain(lost)}
        shown_here = exhibits(self._topology, self.plan, columns, areas, lost)
        if self._places:
            radios = self._places.radios
            run.record.summary["radios"] = radios.summary
            radios.write(run.folder.path)
            shown_here += radios.exhibits()
        shown.write(run.folder.path, shown_here)

    def _start_processes(self, stage: Stage, folder: str) -> set[str]:
        plan = self.plan
        cuts = np.linspace(0, plan.fleet.meters, plan.shards + 1).astype(int).tolist()
        shards = tuple(f"shard-{i}" for i in range(plan.shards))
        self._start_head_end(stage, shards, folder)
        for name, start, stop in zip(shards, cuts, cuts[1:], strict=False):
            self._start_shard(stage, name, start, stop)
        return {HEAD_END, *shards, *((PLACES,) if self._places else ())}

    @contextlib.contextmanager
    def _held(self, run: Run, stage: Stage, places: Places) -> Iterator[None]:
        """The rack comes up, then the run's time begins, then the places are powered and fed for the block."""
        places.start(run, stage)
        if self.plan.clock.mode == "scaled":
            up = PLACES_UP + (ENGINE_UP if any(area.live for area in self.plan.field) else 0.0)
            clock = begun(self.plan.clock, time.time(), up)
            if not (isinstance(run.clock, ScaledClock) and run.clock.leap(clock)):
                raise BenchFault(f"the rack took longer than {RACK_UP:g} s to come up")
            self.plan = msgspec.structs.replace(self.plan, clock=clock)
        with places.held(run, stage, self.plan):
            self.plan = msgspec.structs.replace(self.plan, field=places.radios.fields)
            yield

    def _start_head_end(self, stage: Stage, shards: tuple[str, ...], folder: str) -> None:
        plan = self.plan
        spec = HeadEndSpec(
            run=stage.run,
            plan=plan.fleet,
            first_slot=plan.fleet.first_slot,
            last_slot=plan.last_slot,
            shards=shards,
            recollection=plan.recollection,
            bus=stage.bus,
            clock=plan.clock,
            master_key=master_key(self._seed),
            folder=folder,
            journal=stage.journal(HEAD_END),
        )
        stage.start(HEAD_END, "bench.head_end.process", spec)

    def _start_shard(self, stage: Stage, name: str, start: int, stop: int) -> None:
        plan = self.plan
        spec = ShardSpec(
            run=stage.run,
            name=name,
            plan=plan.fleet,
            start=start,
            stop=stop,
            field=plan.field,
            defects=plan.defects,
            bus=stage.bus,
            clock=plan.clock,
            master_key=master_key(self._seed),
            last_slot=plan.last_slot,
            window=max(4, plan.window // plan.shards),
            journal=stage.journal(name),
            elsewhere=self._places.indices if self._places else (),
        )
        stage.start(name, "twins.shard.process", spec)

    def _look(self, run: Run, stage: Stage, conductor: Conductor) -> None:
        plan = self.plan
        if self._places:
            self._places.tend(run.clock.now(), run.clock.monotonic())
        state = conductor.states.get(HEAD_END)
        figures = state.figures if state else {}
        first, last = slot_end(plan.fleet.first_slot - 1), slot_end(plan.last_slot)
        now = run.clock.now()
        run.progress.show(
            Snapshot(
                now=now,
                share=min(1.0, max(0.0, (now - first) / (last - first))),
                stored=int(figures.get("stored", 0)),
                due=plan.due,
                on_time=int(figures.get("on_time", 0)),
                rejected=int(conductor.figure("rejected")),
                asked=int(conductor.figure("requests")),
                restarts=stage.engine.restarts,
            )
        )


def _write_meters(run: Run, fleet: FleetPlan) -> None:
    index = np.arange(fleet.meters)
    areas = [fleet.areas[i] for i in fleet.area_of(index)]
    run.folder.write_meters(
        {
            "index": index.astype(np.uint32),
            "meter": [meter_id(i) for i in range(fleet.meters)],
            "area": [area.name for area in areas],
            "concentrator": [concentrator_id(i) for i in fleet.concentrator_of(index).tolist()],
            "medium": [area.medium for area in areas],
            "utility": [area.utility for area in areas],
        }
    )
