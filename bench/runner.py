"""One run: from a topology and a campaign to a judged record. The processes do the work; this puts them together."""

from __future__ import annotations

import hashlib
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from bench.broker.choose import Broker, choose_broker
from bench.campaigns import collection
from bench.conductor import Aborted, Conductor
from bench.engine.local import LocalEngine
from bench.errors import BenchFault, InputError
from bench.head_end.spec import HeadEndSpec
from bench.measure import Verdict, judge, worst
from bench.progress import Progress, Snapshot
from bench.record.folder import RunFolder, new_run_id
from bench.record.model import Event, RunClock, RunRecord, TopologyRecord, iso_utc
from bench.record.provenance import git_commit, host, versions
from bench.topology.load import LoadedTopology
from bench.topology.plan import RunPlan, plan_run
from protocols.errors import MeterBenchError
from protocols.slots import jst, slot_end
from protocols.topics import HEAD_END, TopicTree
from twins.bus.control import ControlLink
from twins.clock import ScaledClock, VirtualClock, make_clock
from twins.plan import FleetPlan, concentrator_id, meter_id
from twins.shard.spec import ShardSpec

CAMPAIGNS = ("collection",)
_STAGES = ("meter", "cipher", "frame", "send", "receive", "verify", "store")
_BROKER_PATIENCE = {"ours": 15.0, "external": 3.0}  # real s that a broker has to accept connections


@dataclass(frozen=True)
class Effort:
    """What the processes of a run have told: overruns, real seconds of collecting, processor seconds by stage."""

    overruns: float | None = None
    seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)


@dataclass
class Run:
    """One run on its way: the record grows with it, and is on disk at every step that matters."""

    folder: RunFolder
    record: RunRecord
    plan: RunPlan
    clock: ScaledClock | VirtualClock
    progress: Progress
    abort: threading.Event
    effort: Effort = field(default_factory=Effort)

    def note(self, what: str) -> None:
        """Put an event into record, log and display."""
        event = Event(
            time=iso_utc(time.time()), sim_time=jst(self.clock.now()).isoformat(timespec="seconds"), what=what
        )
        self.record.events.append(event)
        with self.folder.log_path.open("a", encoding="utf-8") as log:
            log.write(f"{event.time} [{event.sim_time}] {what}\n")
        self.folder.save(self.record)
        self.progress.say(what)


def run_campaign(
    loaded: LoadedTopology,
    campaign: str,
    results: Path,
    command: str,
    show: Callable[[ScaledClock | VirtualClock], Progress],
    abort: threading.Event,
) -> tuple[RunFolder, RunRecord]:
    """Run a campaign and return its folder and finished record.

    Raises InputError for what the user can mend before anything has begun; what happens later ends in the record's
    verdict: *aborted* when ``abort`` was set, *error* when the bench failed.
    """
    if campaign not in CAMPAIGNS:
        raise InputError(f"{campaign}: no such campaign; there is {', '.join(CAMPAIGNS)}")
    plan = plan_run(loaded.topology, time.time())
    broker = choose_broker(loaded.topology.bus, loaded.path.parent)
    record = _first_record(loaded, campaign, command, plan)
    folder = RunFolder.create(results, record)
    clock = make_clock(plan.clock)
    run = Run(folder, record, plan, clock, show(clock), abort)
    began = clock.monotonic()
    verdict = Verdict.PASS
    try:
        _write_meters(folder, plan.fleet)
        _execute(run, broker)
    except Aborted:
        verdict = Verdict.ABORTED
        run.note("aborted by the user")
    except InputError as error:
        verdict = Verdict.ERROR
        run.note(str(error))
        raise
    except (MeterBenchError, OSError) as error:
        verdict = Verdict.ERROR
        run.note(f"bench error: {error}")
    except Exception as error:  # a fault in the bench's own code must not cost the record
        verdict = Verdict.ERROR
        run.note(f"bench error, please report it: {type(error).__name__}: {error}; see {folder.log_path}")
        with folder.log_path.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
    finally:
        run.progress.close()
        _judge(run, verdict, clock.monotonic() - began)
    return folder, record


def _first_record(loaded: LoadedTopology, campaign: str, command: str, plan: RunPlan) -> RunRecord:
    spec = plan.clock
    return RunRecord(
        run_id=new_run_id(loaded.topology.name),
        name=loaded.topology.name,
        campaign=campaign,
        started=iso_utc(time.time()),
        command=command,
        topology=TopologyRecord(path=str(loaded.path), sha256=loaded.sha256, content=loaded.text),
        seed=loaded.topology.seed,
        clock=RunClock(mode=spec.mode, scale=spec.scale, start=jst(spec.start).isoformat()),
        versions=versions(),
        host=host(),
        git=git_commit(),
        # From the first moment on: a run that is cut off must still say what was due.
        summary={
            "twins": plan.fleet.meters,
            "concentrators": plan.fleet.concentrators,
            "shards": plan.shards,
            "first_slot": plan.fleet.first_slot,
            "slots": plan.slots,
            "due": plan.due,
            "tick_seconds": plan.tick if spec.mode == "virtual" else None,
        },
    )


def _write_meters(folder: RunFolder, fleet: FleetPlan) -> None:
    index = np.arange(fleet.meters)
    areas = [fleet.areas[i] for i in fleet.area_of(index)]
    folder.write_meters(
        {
            "index": index.astype(np.uint32),
            "meter": [meter_id(i) for i in range(fleet.meters)],
            "area": [area.name for area in areas],
            "concentrator": [concentrator_id(i) for i in fleet.concentrator_of(index).tolist()],
            "medium": [area.medium for area in areas],
            "utility": [area.utility for area in areas],
        }
    )


def _execute(run: Run, broker: Broker) -> None:
    """Start everything, let time pass, end everything; the effort is noted however it ends."""
    work = run.folder.path / "processes"
    work.mkdir()
    engine = LocalEngine(work, run.note)
    control = ControlLink(broker.address, f"{run.record.run_id}-conductor")
    tree = TopicTree(broker.address.root)
    conductor = Conductor(
        run.record.run_id, run.clock, control, tree, engine, run.abort, lambda: _show(run, engine, conductor)
    )
    began, broker_cpu = run.clock.monotonic(), 0.0
    try:
        if broker.command:
            engine.start("broker", broker.command(work))
        _await_broker(broker, engine, run)
        control.open()
        names = _start_processes(run, engine, broker, work)
        broker_cpu = engine.cpu_seconds("broker")
        conductor.wait_ready(names)
        began = run.clock.monotonic()
        conductor.conduct(run.plan.tick, run.plan.until)
    finally:
        seconds = run.clock.monotonic() - began
        broker_cpu = engine.cpu_seconds("broker") - broker_cpu
        engine.stop()
        control.close()
        for spec in work.glob("*.spec.json"):
            spec.unlink()  # a run folder is mailed around; keys do not belong in it
        cpu = {stage: round(conductor.figure(f"cpu_{stage}"), 3) for stage in _STAGES}
        run.effort = Effort(conductor.figure("overruns"), seconds, cpu | {"broker": round(broker_cpu, 3)})


def _await_broker(broker: Broker, engine: LocalEngine, run: Run) -> None:
    address = broker.address
    deadline = run.clock.monotonic() + _BROKER_PATIENCE["ours" if broker.command else "external"]
    while True:
        if run.abort.is_set():
            raise Aborted
        try:
            socket.create_connection((address.host, address.port), timeout=1.0).close()
        except OSError as error:
            if run.clock.monotonic() > deadline:
                raise BenchFault(f"no broker at {address}: {error}") from error
            engine.watch()
            run.abort.wait(0.02)
        else:
            return


def _start_processes(run: Run, engine: LocalEngine, broker: Broker, work: Path) -> set[str]:
    plan, run_id = run.plan, run.record.run_id
    key = master_key(run.record.seed)
    cuts = np.linspace(0, plan.fleet.meters, plan.shards + 1).astype(int).tolist()
    shards = tuple(f"shard-{i}" for i in range(plan.shards))
    head_end = HeadEndSpec(
        run=run_id,
        plan=plan.fleet,
        first_slot=plan.fleet.first_slot,
        last_slot=plan.last_slot,
        shards=shards,
        recollection=plan.recollection,
        bus=broker.address,
        clock=plan.clock,
        master_key=key,
        folder=str(run.folder.path.resolve()),
        journal=str((work / f"{HEAD_END}.journal").resolve()),
    )
    _start(engine, work, HEAD_END, "bench.head_end.process", head_end)
    for name, start, stop in zip(shards, cuts, cuts[1:], strict=False):
        spec = ShardSpec(
            run=run_id,
            name=name,
            plan=plan.fleet,
            start=start,
            stop=stop,
            field=plan.field,
            defects=plan.defects,
            bus=broker.address,
            clock=plan.clock,
            master_key=key,
            last_slot=plan.last_slot,
            window=max(4, plan.window // plan.shards),
            journal=str((work / f"{name}.journal").resolve()),
        )
        _start(engine, work, name, "twins.shard.process", spec)
    return {HEAD_END, *shards}


def _start(engine: LocalEngine, work: Path, name: str, module: str, spec: msgspec.Struct) -> None:
    path = work / f"{name}.spec.json"
    path.touch(mode=0o600)  # it holds the twins' master key
    path.write_bytes(msgspec.json.encode(spec))
    engine.start(name, (sys.executable, "-m", module, str(path.resolve())))


def master_key(seed: int) -> bytes:
    """The twins' master key. It comes from the seed, so that a run can be repeated: twins have nothing to hide."""
    return hashlib.sha256(f"meter-bench twins' master key {seed}".encode()).digest()[:16]


def _show(run: Run, engine: LocalEngine, conductor: Conductor) -> None:
    state = conductor.states.get(HEAD_END)
    figures = state.figures if state else {}
    first, last = slot_end(run.plan.fleet.first_slot - 1), slot_end(run.plan.last_slot)
    now = run.clock.now()
    run.progress.show(
        Snapshot(
            now=now,
            share=min(1.0, max(0.0, (now - first) / (last - first))),
            stored=int(figures.get("stored", 0)),
            due=run.plan.due,
            on_time=int(figures.get("on_time", 0)),
            rejected=int(conductor.figure("rejected")),
            asked=int(conductor.figure("requests")),
            restarts=engine.restarts,
        )
    )


def _judge(run: Run, verdict: Verdict, seconds: float) -> None:
    """Measure what is stored, judge it, and finish the record."""
    record, plan, effort = run.record, run.plan, run.effort
    stored, values = 0, {}
    try:
        with run.folder.columns() as columns:
            values = collection.measure(columns, plan.due, effort.overruns)
            record.unrecovered = collection.unrecovered(columns, plan.fleet.first_slot, plan.slots)
            ((stored,),) = columns.query("SELECT count(*) FROM readings")
    except InputError as error:  # the disk is full, a part is damaged: the record is finished all the same
        verdict = Verdict.ERROR
        run.note(f"bench error: {error}")
    record.measurements = judge(plan.limits, values)
    record.verdict = str(worst([verdict, *(m.verdict for m in record.measurements)]))
    record.state = "finished"
    record.ended = iso_utc(time.time())
    record.clock.end = jst(run.clock.now()).isoformat(timespec="seconds")
    record.summary |= {
        "stored": stored,
        "wall_seconds": round(seconds, 3),
        "collection_seconds": round(effort.seconds, 3),
        "readings_per_second": round(stored / (effort.seconds or seconds), 1),
        "cpu_seconds": effort.cpu_seconds,
    }
    run.folder.save(record)
