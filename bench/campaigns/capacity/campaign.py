"""The campaign as a run: numbers of meters by class and mode, then the topology's own concentrators."""

from __future__ import annotations

from itertools import product
from typing import Any

import msgspec

from bench.campaigns.capacity.core import LOADS, Trial, capacities, run_planned, try_meters
from bench.campaigns.mesh import defective, judged_at, policy_of, portrait, without
from bench.field.ground import Ground, Result, grounds
from bench.measure import Measurement, load_limits, load_parameters
from bench.record import exhibits as shown
from bench.record.exhibits import Curve, CurvesExhibit, Exhibit, Panel, TableExhibit
from bench.report import numbers
from bench.runner import Run
from bench.stage import Stage
from bench.topology.load import LoadedTopology
from bench.topology.plan import timed
from twins.field.settings import MeshSetting


class Capacity:
    """How many meters a concentrator bears. Raises InputError for a topology without a mesh."""

    def __init__(self, loaded: LoadedTopology, real_now: float) -> None:
        self._topology = loaded.topology
        self._settings = self._topology.campaigns.capacity
        _, spec = timed(self._topology, self._settings.clock or self._topology.clock, real_now)
        self.clock = msgspec.structs.replace(spec, mode="virtual")
        self._grounds = grounds(self._topology, self._settings.concentrators)
        given = load_parameters("capacity")
        self._within, self._rounds = given["on_time"].value, int(given["rounds"].value)
        self._trials: list[Trial] = []
        self._planned: list[tuple[Ground, Result]] = []

    @property
    def summary(self) -> dict[str, Any]:
        """What is tried."""
        own = self._settings
        what = (
            f"{own.meters[0]} to {own.meters[-1]} meters at a concentrator in {len(own.area_classes)} classes of areas"
        )
        modes = f"in {'modes' if len(own.modes) > 1 else 'mode'} {' and '.join(own.modes)}"
        return {"tested": f"{what}, {modes}, on {own.sites} sites each, frame by frame"}

    def prepare(self, run: Run) -> None:
        """Nothing is known before."""

    def execute(self, run: Run, stage: Stage) -> None:
        """Class by class and mode by mode, then what is planned."""
        own, policy, seed = self._settings, policy_of(self._topology), self._topology.seed
        for name, mode in product(own.area_classes, own.modes):
            setting = MeshSetting(area_class=name, mode=mode)
            for meters in own.meters:
                stage.look()
                self._trials += try_meters(setting, meters, own.sites, self._rounds, policy, self._within, seed)
            run.note(f"{name}, mode {mode}: tried up to {own.meters[-1]} meters")
        for ground in self._grounds:
            stage.look()
            lawless = defective(self._topology, "ignores-air-time")
            result = run_planned(ground, self._rounds, policy, self._within, seed, lawless)
            self._planned.append((ground, result))

    def judge(self, run: Run, seconds: float) -> list[Measurement]:
        """Judge what was simulated."""
        limits, found = load_limits("capacity"), list[Measurement]()
        reached = capacities(self._trials)
        for (name, mode, load), meters in reached.items():
            found += judged_at(limits, {"capacity": float(meters)}, f"{name}, mode {mode}", load)
        for ground, result in self._planned:
            values: dict[str, float | None] = {
                "planned_on_time": result.within(self._within),
                "planned_air_time": round(float(result.worst_hour.max()), 3),
            }
            found += judged_at(limits, values, f"{ground.standing.table.concentrator} ({ground.meters} meters)")
        run.record.summary["trials"] = [msgspec.to_builtins(each) for each in self._trials]
        exhibits = [_table(reached, self._settings.meters[-1]), *_curves(self._trials)]
        if self._planned:
            worst = max(self._planned, key=lambda each: float(each[1].worst_hour.max()))
            exhibits += portrait(*worst)
        shown.write(run.folder.path, exhibits)
        return without(limits, found)


def _table(reached: dict[tuple[str, str, str], int], most: int) -> Exhibit:
    kinds = list(dict.fromkeys((name, mode) for name, mode, _ in reached))
    rows = tuple((name, mode, *(_word(reached[name, mode, load.name], most) for load in LOADS)) for name, mode in kinds)
    return TableExhibit(
        title="Meters that a concentrator bears",
        headers=("Class", "Mode", *(load.name.capitalize() for load in LOADS)),
        rows=rows,
        right=tuple(range(2, 2 + len(LOADS))),
        caption="The largest number tried up to which every reading came within 60 minutes on every site; of meters "
        "that the mesh reaches. The event engine bears no more than 1,000.",
    )


def _word(meters: int, most: int) -> str:
    if meters == 0:
        return "none"
    return f"{numbers.count(meters)} or more" if meters == most else numbers.count(meters)


def _curves(trials: list[Trial]) -> list[Exhibit]:
    """Share in time over the number of meters: a panel for each class, a curve for each mode and load."""
    if not trials:
        return []
    panels = []
    for name in dict.fromkeys(each.area_class for each in trials):
        curves = []
        for mode, load in product(dict.fromkeys(each.mode for each in trials), LOADS):
            mine = [t for t in trials if (t.area_class, t.mode, t.load) == (name, mode, load.name)]
            if mine and (not load.asks or min(t.on_time for t in mine) < 1):
                missing = tuple(100 * (1 - t.on_time) for t in mine)
                curves.append(Curve(label=f"{mode}: {load.name}", x=tuple(float(t.meters) for t in mine), y=missing))
        panels.append(
            Panel(curves=tuple(curves), x_label="meters", y_label="% late or missing, worst site", title=name)
        )
    return [
        CurvesExhibit(
            title="What is late or missing, over the number of meters",
            panels=tuple(panels),
            caption="Loads under which everything came in time at every number have no curve.",
        )
    ]
