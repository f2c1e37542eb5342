"""One run: from a topology and a campaign to a judged record. The campaign does the work; this keeps the record."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.broker.choose import choose_broker
from bench.campaigns import campaign_of
from bench.engine.local import LocalEngine
from bench.errors import InputError
from bench.measure import Measurement, Verdict, worst
from bench.progress import Progress
from bench.record.folder import RunFolder, new_run_id
from bench.record.model import Event, RunClock, RunRecord, TopologyRecord, iso_utc
from bench.record.provenance import git_commit, host, versions
from bench.record.scratch import clear_left, owning
from bench.stage import SPECS, Aborted, Stage
from bench.topology.load import LoadedTopology
from protocols.errors import MeterBenchError
from protocols.slots import jst
from twins.clock import ClockSpec, ScaledClock, VirtualClock, make_clock


@dataclass
class Run:
    """One run on its way: the record grows with it, and is on disk at every step that matters."""

    folder: RunFolder
    record: RunRecord
    clock: ScaledClock | VirtualClock
    progress: Progress
    abort: threading.Event

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

    def fail(self, what: str) -> Verdict:
        """Put down why the bench itself failed; what failed first is the reason of all else."""
        self.record.reason = self.record.reason or what
        self.note(what)
        return Verdict.ERROR


class Campaign(Protocol):
    """What a run does and how it is judged. Made from a topology; all that can be refused is refused by then."""

    clock: ClockSpec

    @property
    def summary(self) -> dict[str, Any]:
        """What a record says from its first moment on: a run that is cut off must still say what was to be done."""

    def prepare(self, run: Run) -> None:
        """Put into the run folder what is known before anything happens."""

    def execute(self, run: Run, stage: Stage) -> None:
        """Do it, on a stage that stands. Raises Aborted, MeterBenchError."""

    def judge(self, run: Run, seconds: float) -> list[Measurement]:
        """Measure what the folder holds, however :meth:`execute` ended after so many real seconds.

        Adds to the record's summary; raises InputError when the folder cannot be read.
        """


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
    doing = campaign_of(campaign, loaded, time.time())
    broker = choose_broker(loaded.topology.bus, loaded.path.parent)
    record = _first_record(loaded, campaign, command, doing)
    folder = RunFolder.create(results, record)
    clock = make_clock(doing.clock)
    run = Run(folder, record, clock, show(clock), abort)
    began = clock.monotonic()
    verdict = Verdict.PASS
    try:
        doing.prepare(run)
        work = folder.path / "processes"
        work.mkdir()
        clear_left(results.glob("*/processes"), SPECS)  # of runs that were killed outright; they hold keys
        with owning(work), Stage(record.run_id, broker, work, LocalEngine(work, run.note), abort) as stage:
            doing.execute(run, stage)
    except Aborted:
        verdict = Verdict.ABORTED
        run.note("aborted by the user")
    except InputError as error:
        verdict = run.fail(str(error))
        raise
    except (MeterBenchError, OSError) as error:
        verdict = run.fail(f"bench error: {error}")
    except Exception as error:  # a fault in the bench's own code must not cost the record
        verdict = run.fail(f"bench error, please report it: {type(error).__name__}: {error}; see {folder.log_path}")
        with folder.log_path.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
    finally:
        run.progress.close()
        _finish(run, doing, verdict, clock.monotonic() - began)
    return folder, record


def _first_record(loaded: LoadedTopology, campaign: str, command: str, doing: Campaign) -> RunRecord:
    spec = doing.clock
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
        summary=doing.summary,
    )


def _finish(run: Run, doing: Campaign, verdict: Verdict, seconds: float) -> None:
    """Judge what is stored, and finish the record."""
    record = run.record
    record.summary["wall_seconds"] = round(seconds, 3)
    try:
        record.measurements = doing.judge(run, seconds)
    except InputError as error:  # the disk is full, a part is damaged: the record is finished all the same
        verdict = run.fail(f"bench error: {error}")
    record.verdict = str(worst([verdict, *(m.verdict for m in record.measurements)]))
    record.state = "finished"
    record.ended = iso_utc(time.time())
    record.clock.end = jst(run.clock.now()).isoformat(timespec="seconds")
    run.folder.save(record)
