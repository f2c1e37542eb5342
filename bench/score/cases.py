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

_SIXTY: Final = {"utility": "tepco", "medium": "multihop", "concentrators": 1, "meters_per_concentrator": 60}
_AREAS: Final[dict[str, dict[str, Any]]] = {
    "mesh": _SIXTY | {"name": "mesh", "generation_mix": {"next": 1}},
    "shops": _SIXTY | {"name": "shops", "load_mix": {"shop": 1}},
}
"""Where defects are planted for which a rack has no meters: in a mesh; in shops, some of whose registers have begun
again behind their digits."""

_WITH_DEFECT: Final = {"mesh": 6, "shops": 60}
"""Meters of an area that have the defect."""

_WITH_TESTS: Final[tuple[Lane, ...]] = ("twin", "rack")

_FINENESS: Final = 0.3
"""What one count of a register may make of a dose, in %: the planted errors are five times that, and more."""

_REQUESTS: Final = 40
"""Requests at each step of a field sweep: a planted deafness is many steps."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One topology to run something on: ``tests`` by pytest at ``places``, and a ``campaign``."""

    name: str
    what: What
    lane: Lane
    content: dict[str, Any]
    places: tuple[str, ...]
    tests: tuple[str, ...] = ()
    campaign: str = ""
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
        name = f"defect {planted.name}"
        if planted.area:
            defect = {"kind": planted.kind, "meters": _WITH_DEFECT[planted.area], **planted.fields}
            return self._elsewhere(name, "defect", planted, [defect])
        at = self._at(planted.lane)
        if not at:
            return None
        defect = {"kind": planted.kind, "meters": [each.meter for each in at], **planted.fields}
        settings = self._settings(planted.campaign, planted.metrology)
        return self._case(name, "defect", planted.lane, planted.tests, planted.campaign, settings, [defect])

    def controls(self, planted: Sequence[Planted]) -> list[Case]:
        """All that finds something, on sound meters: of twins, of the place, of the mesh by campaign."""
        found = []
        for lane in _WITH_TESTS:
            mine = [each for each in planted if each.lane == lane and not each.area]
            tests = tuple(dict.fromkeys(test for each in mine for test in each.tests))
            if self._at(lane) and tests:
                found.append(self._case(f"control {lane}", "control", lane, tests))
        elsewhere = {(each.area, each.campaign): each for each in planted if each.area and each.findable}
        for (area, campaign), each in elsewhere.items():
            found.append(self._elsewhere(f"control {campaign or area}", "control", each, []))
        here = [each for each in planted if not each.area and each.campaign]
        for name, lane in dict.fromkeys((each.campaign, each.lane) for each in here):
            if self._at(lane):
                wanted = dict.fromkeys(test for each in planted for test in each.metrology)
                found.append(
                    self._case(f"control {name}", "control", lane, (), name, self._settings(name, tuple(wanted)))
                )
        return found

    def clean(self, number: int, quick: bool) -> list[Case]:
        """A clean night with another seed: quick ones run what finds defects, others all suites."""
        seed = self.loaded.topology.seed + number
        tests = tuple(finder_tests()) if quick else ()
        lanes = [lane for lane in _WITH_TESTS if self._at(lane)]
        return [self._case(f"clean {lane} {number}", "clean", lane, tests, seed=seed) for lane in lanes]

    def _settings(self, campaign: str, metrology: tuple[str, ...]) -> dict[str, Any]:
        """Settings of a campaign for the place: what is planted is large, so coarse and short will do."""
        place = {"places": [each.place for each in self._at("rack")]}
        if campaign == "metrology":
            return place | {"tests": list(metrology), "fineness": _FINENESS}
        return place | {"requests": _REQUESTS}

    def _elsewhere(self, name: str, what: What, planted: Planted, defects: list[dict[str, Any]]) -> Case:
        """Meters of an area of the score's own in place of the topology's, in virtual time."""
        clock = {"mode": "virtual", "start": self.loaded.topology.clock.start.isoformat()}
        area = _AREAS[planted.area]
        content: dict[str, Any] = {"name": planted.area, "seed": self.loaded.topology.seed, "clock": clock}
        content |= {"areas": [area]} | ({"defects": defects} if defects else {})
        return Case(
            name=name,
            what=what,
            lane=planted.lane,
            content=content,
            places=(),
            tests=planted.tests,
            campaign=planted.campaign,
        )

    def _at(self, lane: Lane) -> list[Target]:
        return self.twins if lane == "twin" else [self.place] if self.place is not None else []

    def _case(
        self,
        name: str,
        what: What,
        lane: Lane,
        tests: tuple[str, ...],
        campaign: str = "",
        settings: dict[str, Any] | None = None,
        defects: Sequence[dict[str, Any]] = (),
        seed: int | None = None,
    ) -> Case:
        content = dict(self._plain) | ({"defects": list(defects)} if defects else {})
        content |= {} if seed is None else {"seed": seed}
        if campaign:
            campaigns, key = dict(content.get("campaigns") or {}), campaign.replace("-", "_")
            content["campaigns"] = campaigns | {key: dict(campaigns.get(key) or {}) | (settings or {})}
        # Of twins all are tested, with the head-end's fleet, which belongs to no one of them.
        places = () if lane == "twin" else tuple(each.id for each in self._at(lane))
        return Case(name=name, what=what, lane=lane, content=content, places=places, tests=tests, campaign=campaign)


def write_topology(case: Case, folder: Path) -> Path:
    """The topology of a case as a file: JSON, which is YAML."""
    path = folder / "topology.yaml"
    path.write_text(json.dumps(case.content, indent=1, default=str), "utf-8")
    return path
