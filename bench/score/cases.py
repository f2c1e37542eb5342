"""What a score runs: each defect planted alone, the same tests on sound meters, and clean nights with other seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from bench.errors import InputError
from bench.night.nightly import PACE
from bench.pytest_plugin.targets import Target, targets
from bench.score.catalogue import Lane, Planted, finder_tests
from bench.topology.load import LoadedTopology
from bench.topology.yamltree import read_yaml
from hil_drivers.registry import Kind as InstrumentKind

What: TypeAlias = Literal["defect", "control", "clean"]
"""*control*: what finds defects, on the topology as it is; a test that fails there proves nothing. *clean*: the same
with another seed, so other meters; what fails there is a false alarm."""

_FINENESS: Final = 0.3
"""What one count of a register may make of a dose, in %: the planted errors are five times that, and more."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One topology to run something on. ``tests`` are run by pytest at ``places``, ``metrology`` by the campaign."""

    name: str
    what: What
    lane: Lane
    content: dict[str, Any]
    places: tuple[str, ...]
    tests: tuple[str, ...] = ()
    metrology: tuple[str, ...] = ()
    scale: float = PACE


class Bench:
    """What a topology has to plant defects in. Raises InputError for a rack that is not emulated."""

    def __init__(self, loaded: LoadedTopology) -> None:
        self.loaded = loaded
        topology = loaded.topology
        if topology.rack is not None and topology.rack.emulation is None:
            raise InputError(f"{loaded.path}: its rack is real; defects are planted in emulated meters and twins only")
        if topology.defects:
            raise InputError(f"{loaded.path}: has defects of its own; a score plants each alone, so take them out")
        root = read_yaml(loaded.text).root
        assert root is not None  # it was loaded
        self._plain: dict[str, Any] = root.plain()  # type: ignore[assignment]
        plan = topology.fleet_plan()
        self.twins = targets(topology, plan, racks=False, twins=True)
        self.place = self._measurable(targets(topology, plan, racks=True, twins=False))

    def _measurable(self, places: Sequence[Target]) -> Target | None:
        """A place at which meters of class LV are measured."""
        needed = ("LV", "current", *(kind.value for kind in (InstrumentKind.SOURCE, InstrumentKind.ANALYSER)))
        return next((each for each in places if each.lacks(needed) is None), None)

    def defect(self, planted: Planted) -> Case | None:
        """A defect alone; None where the topology has nothing to plant it in."""
        at = self._at(planted.lane)
        if not at:
            return None
        defect = {"kind": planted.kind, "meters": [each.meter for each in at], **planted.fields}
        return self._case(f"defect {planted.name}", "defect", planted.lane, planted.tests, planted.metrology, [defect])

    def control(self, lane: Lane, planted: Sequence[Planted]) -> Case | None:
        """All that finds something there, on sound meters."""
        mine = [each for each in planted if each.lane == lane]
        tests = tuple(dict.fromkeys(test for each in mine for test in each.tests))
        metrology = tuple(dict.fromkeys(test for each in mine for test in each.metrology))
        if not self._at(lane) or not (tests or metrology):
            return None
        return self._case(f"control {lane}", "control", lane, tests, metrology, [])

    def clean(self, lane: Lane, number: int, quick: bool) -> Case | None:
        """A clean night with another seed: quick ones run what finds defects, others all suites."""
        if not self._at(lane):
            return None
        seed = self.loaded.topology.seed + number
        tests = tuple(finder_tests()) if quick else ()
        return self._case(f"clean {lane} {number}", "clean", lane, tests, (), [], seed)

    def _at(self, lane: Lane) -> list[Target]:
        return self.twins if lane == "twin" else [self.place] if self.place is not None else []

    def _case(
        self,
        name: str,
        what: What,
        lane: Lane,
        tests: tuple[str, ...],
        metrology: tuple[str, ...],
        defects: list[dict[str, Any]],
        seed: int | None = None,
    ) -> Case:
        content = dict(self._plain) | ({"defects": defects} if defects else {})
        content |= {} if seed is None else {"seed": seed}
        at = self._at(lane)
        if metrology:
            campaigns = dict(content.get("campaigns") or {})
            own = dict(campaigns.get("metrology") or {})
            own |= {"places": [each.place for each in at], "tests": list(metrology), "fineness": _FINENESS}
            content["campaigns"] = campaigns | {"metrology": own}
        places = () if lane == "twin" else tuple(each.id for each in at)  # twins: the head-end's fleet belongs to them
        return Case(name=name, what=what, lane=lane, content=content, places=places, tests=tests, metrology=metrology)


def write_topology(case: Case, folder: Path) -> Path:
    """The topology of a case as a file: JSON, which is YAML."""
    path = folder / "topology.yaml"
    path.write_text(json.dumps(case.content, indent=1, default=str), "utf-8")
    return path
