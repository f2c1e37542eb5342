"""A night: health of the rack, the suites in shards, and what came of them; on the disk at every step.

A night that is killed and started again goes on: results of tests stand in its folder one by one, so nothing is done
twice and nothing is counted twice. In between the rack is brought into its safe state.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.errors import BenchFault, InputError
from bench.measure import load_parameters
from bench.night.folder import NIGHTS, NightFolder, Plan, Shard, Step, alone, nights_in
from bench.night.model import Incident
from bench.night.rack_care import RackCare
from bench.night.session import RESULTS, SessionEnd, forget_dying_words, run_session
from bench.night.shards import in_turn, rack_shards, twin_shards
from bench.night.shift import Shift
from bench.rack.inventory import inventory_of
from bench.record.folder import new_run_id
from bench.record.model import iso_utc
from bench.record.provenance import git_commit, host, versions
from bench.stage import Aborted
from bench.topology.load import LoadedTopology
from protocols.errors import MeterBenchError
from twins.clock import ClockSpec

PACE: Final = 60.0
"""How fast emulated racks and twins live where nothing else is said: a minute is a second."""

_LOOK: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user wants of a night.

    ``places`` are names of places and of twin kinds, ``only`` files and ids of tests; all where none is given.
    ``scale`` is the pace of emulated time, ``workers`` how many sessions go side by side. ``fresh``: begin a new night
    (true), or continue the last one (false), however old it is; else its age decides.
    """

    results: Path
    command: str
    quarantine: Path
    only: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset({"rack", "twin"})
    scale: float = PACE
    workers: int = 2
    fresh: bool | None = None


@dataclass
class Nightly:
    """A night on its way. ``say`` gets a line for every step; ``now`` is real time (Unix s)."""

    loaded: LoadedTopology
    wish: Wish
    say: Callable[[str], None]
    abort: threading.Event
    now: Callable[[], float] = time.time
    _retired: set[str] = field(default_factory=set)
    _noting: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> tuple[NightFolder, bool]:
        """Do it, or go on with it: its folder, and whether it came to its end.

        Raises InputError for what the user can mend, BenchFault and other MeterBenchErrors for what makes a night
        impossible; it can be continued then.
        """
        with alone(self.wish.results / NIGHTS) as lock:
            folder, continued = self._folder()
            if folder.result() is not None:
                return folder, True  # it was cut off behind its end
            if continued:
                forget_dying_words(folder.path / RESULTS)
            self._note(folder, "continued" if continued else "begun")
            journal = folder.journal()
            done = {entry.shard for entry in journal if entry.step == "shard"}
            self._retired |= {each.incident.place for each in journal if each.incident and each.incident.retired}
            left = [shard for shard in in_turn(folder.plan.shards) if shard.name not in done]
            try:
                with self._rack(folder, left, continued) as care:
                    self._work(folder, left, care, lock)
            except Aborted:
                self.abort.set()
            return folder, not self.abort.is_set()

    def _folder(self) -> tuple[NightFolder, bool]:
        """The night to continue, or a new one; and whether it was there."""
        nights, fresh = self.wish.results / NIGHTS, self.wish.fresh
        last = next((each for each in nights_in(nights) if each.plan.topology_sha256 == self.loaded.sha256), None)
        cut = last if last is not None and not last.ended else None
        if fresh is False and cut is None:
            raise InputError(f"{nights}: no night on {self.loaded.path} was cut off; leave --resume out")
        if cut is not None and (fresh is False or (fresh is None and self._same(cut))):
            return cut, True
        return NightFolder.create(nights, self._plan(), self.loaded.text), False

    def _same(self, cut: NightFolder) -> bool:
        """Whether a night that was cut off is the one that is wanted now."""
        plan, hours = cut.plan, load_parameters("night")["resume_within"].value
        age = self.now() - datetime.fromisoformat(plan.started).timestamp()
        return age < 3600 * hours and (plan.only, plan.shards) == (self.wish.only, self._shards())

    def _plan(self) -> Plan:
        topology, now = self.loaded.topology, self.now()
        shards = self._shards()
        if not shards:
            raise InputError(f"{self.loaded.path}: there is nothing to test; it has no such places and no twins")
        return Plan(
            night=new_run_id(topology.name),
            started=iso_utc(now),
            topology=topology.name,
            file=str(self.loaded.path.resolve()),
            topology_sha256=self.loaded.sha256,
            command=self.wish.command,
            shards=shards,
            only=self.wish.only,
            quarantine=str(self.wish.quarantine.resolve()),
            git=git_commit(),
            environment=versions(),
            host=host(),
        )

    def _shards(self) -> tuple[Shard, ...]:
        rack, wish = self.loaded.topology.rack, self.wish
        names = [place.id for place in rack.places] if rack is not None else []
        kinds = [name for name in wish.places if name not in names]
        found: list[Shard] = []
        if rack is not None and "rack" in wish.kinds and (not wish.places or len(kinds) < len(wish.places)):
            pace = wish.scale if rack.emulation is not None else None
            found += rack_shards(inventory_of(self.loaded), [name for name in wish.places if name in names], pace)
        if "twin" in wish.kinds and (not wish.places or kinds):
            found += twin_shards(wish.workers, kinds, wish.scale)
        return tuple(found)

    @contextlib.contextmanager
    def _rack(self, folder: NightFolder, left: Sequence[Shard], continued: bool) -> Iterator[RackCare | None]:
        """The rack in safe state and looked at, if any shard that is left needs one."""
        places = [place for shard in left if shard.kind == "rack" for place in shard.places]
        if not places:
            yield None
            return
        topology = self.loaded.topology
        clock = ClockSpec(
            mode="scaled", start=topology.clock.start.timestamp(), scale=self.wish.scale, origin=self.now()
        )
        tries = sum(entry.step in ("begun", "continued") for entry in folder.journal())
        work = folder.path / f"rack-{tries}"
        with RackCare(self.loaded, work, clock, topology.fleet_plan(), self.abort, self._teller(folder)) as care:
            found = care.safe()
            self._note(folder, "safe", what="continued" if continued else "")
            for each in (*found, *care.examine([place for place in places if place not in self._retired])):
                self._tell(folder, each)
            yield care

    def _work(self, folder: NightFolder, left: Sequence[Shard], care: RackCare | None, lock: int) -> None:
        """Run the shards, as many side by side as there are workers."""
        waiting: queue.SimpleQueue[Shard] = queue.SimpleQueue()
        for shard in left:
            waiting.put(shard)
        faults: list[BaseException] = []

        def run(line: Sequence[str], shard: Shard) -> SessionEnd:
            environment = care.environment if care is not None and shard.kind == "rack" else {}
            ended = run_session(line, folder, shard, environment, lock, self.abort)
            self._note(folder, "session", shard.name, f"{ended.ending}, exit code {ended.code} {ended.words}".strip())
            return ended

        def worker() -> None:
            while not self.abort.is_set():
                try:
                    shard = waiting.get_nowait()
                    at = care if shard.kind == "rack" else None
                    shift = Shift(
                        folder.plan, folder, shard, at, self._retired, run, lambda each: self._tell(folder, each)
                    )
                    if shift.work():
                        self._note(folder, "shard", shard.name)
                except queue.Empty:
                    return
                except BaseException as error:  # the main thread tells it, when all sessions have ended
                    faults.append(error)
                    self.abort.set()

        threads = [threading.Thread(target=worker, name=f"shift-{n}") for n in range(self.wish.workers)]
        for thread in threads:
            thread.start()
        self._watch(threads, care, faults)
        if faults:
            raise faults[0]

    def _watch(self, threads: Sequence[threading.Thread], care: RackCare | None, faults: list[BaseException]) -> None:
        """Keep the rack's processes up until all threads have ended."""
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(_LOOK / len(threads))
            if care is not None and not self.abort.is_set():
                try:
                    care.look()
                except (BenchFault, MeterBenchError) as error:
                    faults.append(error)
                    self.abort.set()

    def _teller(self, folder: NightFolder) -> Callable[[str], None]:
        from bench.night.rack_care import incident

        return lambda what: self._tell(folder, incident(what))

    def _tell(self, folder: NightFolder, each: Incident) -> None:
        self._note(folder, "incident", incident=each)

    def _note(
        self, folder: NightFolder, step: Step, shard: str = "", what: str = "", incident: Incident | None = None
    ) -> None:
        with self._noting:
            folder.note(step, shard, what, incident)
        told = f"{incident.place or 'bench'}: {incident.what}" if incident is not None else what
        self.say(" ".join(part for part in (step, shard, told) if part))
