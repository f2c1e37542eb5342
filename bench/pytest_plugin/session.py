"""A session of the bench: what it tests, in whose time, with twins and rack begun when a test first needs them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from bench.errors import InputError
from bench.pytest_plugin.outcomes import BenchError
from bench.pytest_plugin.targets import Target, targets
from bench.record.scratch import scratch
from bench.serving.choose import serving_plan
from bench.topology.load import LoadedTopology, load_topology
from twins.clock import ClockSpec, ScaledClock
from twins.plan import FleetPlan
from twins.serving.endpoint import Endpoint

if TYPE_CHECKING:
    from bench.pytest_plugin.collector import Collector
    from bench.pytest_plugin.fleet import HeadEnd
    from bench.pytest_plugin.places import Place, RackHouse
    from bench.pytest_plugin.specimen import Specimen
    from bench.pytest_plugin.stages import SessionStage
    from bench.pytest_plugin.twin_house import TwinHouse

_PACE: Final = 60.0
"""How fast a virtual topology's twins are served where nothing else is said: a minute is a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for."""

    topology: Path
    mode: Literal["rack", "twin", "mixed"] | None = None
    places: tuple[str, ...] = ()
    scale: float | None = None
    patience: float = 40.0


@dataclass
class Occupied:
    """What a test has for itself: the meter; at a place of the rack, the place."""

    specimen: Specimen
    _place: Place | None
    _unsound: Callable[[], str | None]

    @property
    def place(self) -> Place:
        """The place; raises BenchError for a twin, which has none."""
        if self._place is None:
            raise BenchError(f"{self.specimen} stands in no place")
        return self._place

    def unsound(self) -> str | None:
        """What is wrong with the bench here, if anything is."""
        return self._unsound()


class BenchSession:
    """The bench of a pytest session. ``note(what, place)`` keeps what the bench itself could not do.

    Raises InputError for options that do not fit the topology, TopologyError for that.
    """

    def __init__(self, options: Options, note: Callable[[str, str], None], real_now: float) -> None:
        self.options, self._note = options, note
        self.loaded: LoadedTopology = load_topology(options.topology)
        self.topology = self.loaded.topology
        self._check()
        self.plan, self.clock_spec = _timed(self.loaded, options.scale, real_now)
        self._closing = contextlib.ExitStack()
        self._current: Occupied | None = None

    @property
    def mode(self) -> Literal["rack", "twin", "mixed"]:
        """What is tested."""
        return self.options.mode or ("twin" if self.topology.rack is None else "mixed")

    @property
    def what(self) -> str:
        """The session in a few words."""
        only = f", only {', '.join(self.options.places)}" if self.options.places else ""
        return f"{self.options.topology.name} (--bench-mode {self.mode}{only})"

    @cached_property
    def targets(self) -> dict[str, Target]:
        """What there is to test, by id. Raises InputError for a place that there is not."""
        racks, twins = self.mode in ("rack", "mixed"), self.mode in ("twin", "mixed")
        found = targets(self.topology, self.plan, racks=racks, twins=twins)
        wanted = self.options.places
        names = {name for each in found for name in (each.place, each.id)}
        if unknown := [name for name in wanted if name not in names]:
            there = ", ".join(each.id for each in found)
            raise InputError(f"--bench-place {unknown[0]}: there is none; there are {there}")
        return {each.id: each for each in found if not wanted or each.place in wanted or each.id in wanted}

    def ids(self, *, places_only: bool = False) -> list[str]:
        """Ids of what there is to test."""
        return [each.id for each in self.targets.values() if each.kind == "rack" or not places_only]

    @property
    def clock(self) -> ScaledClock:
        """True time of twins and emulated meters, and of real ones."""
        return ScaledClock(self.clock_spec)

    @cached_property
    def work(self) -> Path:
        """A folder of this session."""
        return self._closing.enter_context(scratch("meter-bench-pytest-"))

    @cached_property
    def stage(self) -> SessionStage:
        """The bus, and processes around it."""
        from bench.pytest_plugin.stages import SessionStage

        stage = SessionStage(self.loaded, self.work, lambda what: self._note(what, ""))
        self._closing.callback(stage.close)
        return stage

    @cached_property
    def rack(self) -> RackHouse:
        """The rack with its gateway. Raises InputError, BenchFault."""
        from bench.pytest_plugin.places import RackHouse

        house = RackHouse(self.loaded, self.stage, self.work, self.clock_spec, self.plan)
        self._closing.callback(house.close)
        return house

    @cached_property
    def twins(self) -> TwinHouse:
        """The served twins. Raises InputError, BenchFault."""
        from bench.pytest_plugin.twin_house import TwinHouse

        meters = [each.meter for each in self.targets.values() if each.kind == "twin"]
        defects = self.topology.defect_plans()
        house = TwinHouse(
            self.plan, self.clock_spec, defects, meters, self.work / "twins", lambda what: self._note(what, "")
        )
        self._closing.callback(house.close)
        return house

    @cached_property
    def head_end(self) -> HeadEnd:
        """A head-end that collects a small fleet."""
        from bench.pytest_plugin.fleet import HeadEnd

        return HeadEnd(self.loaded, self.work / "collection")

    def collector(self, place: str) -> Collector:
        """A head-end that collects from a place over the A-route; a context. Raises InputError, BenchFault."""
        from bench.pytest_plugin.collector import Collector

        return Collector(self.rack, self.stage, self.plan, self.clock_spec, place)

    @contextlib.contextmanager
    def occupied(self, target_id: str, *, powered: bool) -> Iterator[Occupied]:
        """A place or twin for a test; at the end all connections are closed, and a place is in safe state."""
        target = self.targets[target_id]
        with self._leased(target) if target.kind == "rack" else self._served(target) as occupied:
            self._current = occupied
            try:
                if powered and target.kind == "rack":
                    occupied.place.supply()
                    occupied.specimen.comes_up()
                yield occupied
            finally:
                self._current = None
                occupied.specimen.close()

    def unsound(self) -> str | None:
        """What is wrong with the bench where the present test runs, if anything is."""
        return self._current.unsound() if self._current is not None else None

    def close(self) -> None:
        """End all that was begun."""
        self._closing.close()

    @contextlib.contextmanager
    def _leased(self, target: Target) -> Iterator[Occupied]:
        with self.rack.leased(target.place) as place:
            specimen = self._specimen(
                target, lambda: self.rack.endpoints(target.place), lambda: place.power("cycle", 1.0)
            )
            yield Occupied(specimen, place, place.unsound)

    @contextlib.contextmanager
    def _served(self, target: Target) -> Iterator[Occupied]:
        house = self.twins
        if (wrong := house.check()) is not None:
            raise BenchError(wrong)
        falls = house.falls

        def unsound() -> str | None:
            wrong = house.check(doubtful=True)
            fallen = "the process that serves the twins had to be started again" if house.falls > falls else None
            return wrong or fallen

        yield Occupied(self._specimen(target, lambda: house.endpoints(target.meter), house.lose_supply), None, unsound)

    def _specimen(self, target: Target, endpoints: Callable[[], list[Endpoint]], cut: Callable[[], None]) -> Specimen:
        from bench.pytest_plugin.specimen import Specimen

        scale = self.clock_spec.scale
        return Specimen(target, endpoints, self.clock, scale, self.options.patience, cut)

    def _check(self) -> None:
        options, rack = self.options, self.topology.rack
        if options.mode in ("rack", "mixed") and rack is None:
            raise InputError(f"{options.topology} describes no rack; leave --bench-mode out, or take twin")
        if options.scale is not None:
            if not 1 <= options.scale <= 3600:
                raise InputError(f"--bench-scale {options.scale:g}: take 1 to 3600")
            if rack is not None and rack.emulation is None and self.mode != "twin":
                raise InputError("--bench-scale: real instruments live in real time; leave it out, or test twins only")


def _timed(loaded: LoadedTopology, scale: float | None, now: float) -> tuple[FleetPlan, ClockSpec]:
    """Fleet and clock of a session that begins at ``now`` (Unix s, real)."""
    if loaded.topology.rack is not None:
        from bench.rack.hosting import hosting_to_join

        if (hosting := hosting_to_join()) is not None:
            return hosting.plan, hosting.clock
    clock = loaded.topology.clock
    plan, spec = serving_plan(loaded.topology, now)
    if scale is None and clock.mode == "virtual":
        scale = _PACE
    if scale is None:
        return plan, spec
    paced = ClockSpec(mode="scaled", start=clock.start.timestamp(), scale=scale, origin=now)
    return loaded.topology.fleet_plan(), paced
