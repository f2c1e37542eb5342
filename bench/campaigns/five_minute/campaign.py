"""The campaign as a run: concentrators frame by frame, other media by their statistics, twins by what they keep."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from bench.campaigns.five_minute.core import Shares, kept_share, other_media, run_ground
from bench.campaigns.mesh import defective, judged_at, policy_of, portrait, without
from bench.field.ground import Ground, Result, grounds
from bench.measure import Measurement, load_limits, load_parameters
from bench.record import exhibits as shown
from bench.record.exhibits import Curve, CurvesExhibit, Exhibit, Panel
from bench.runner import Run
from bench.stage import Stage
from bench.topology.load import LoadedTopology
from bench.topology.plan import timed
from twins.field.mesh.codes import FIVE_MINUTE, POLL, READING

_TWINS = 40


class FiveMinute:
    """5-minute values beside readings. Raises InputError for a topology without a mesh."""

    def __init__(self, loaded: LoadedTopology, real_now: float) -> None:
        self._topology = loaded.topology
        self._settings = self._topology.campaigns.five_minute
        self._fleet, spec = timed(self._topology, self._settings.clock or self._topology.clock, real_now)
        self.clock = msgspec.structs.replace(spec, mode="virtual")
        self._grounds = grounds(self._topology, self._settings.concentrators)
        self._given = {name: each.value for name, each in load_parameters("five-minute").items()}
        self._found: list[tuple[Ground, Result]] = []
        self._media: dict[str, float] = {}
        self._kept: float | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """What is simulated."""
        names = ", ".join(each.standing.table.concentrator for each in self._grounds)
        what = f"{self._settings.hours} hours of readings, live 5-minute values and records"
        return {"tested": f"{what} at {names}, frame by frame", "concentrators": len(self._grounds)}

    def prepare(self, run: Run) -> None:
        """Nothing is known before."""

    def execute(self, run: Run, stage: Stage) -> None:
        """Concentrator by concentrator, then the other media and the twins."""
        topology, given = self._topology, self._given
        policy = policy_of(topology)
        for ground in self._grounds:
            stage.look()
            result = run_ground(
                ground,
                Shares(given["live_share"], given["record_share"]),
                float(self._settings.hours),
                policy,
                given["on_time"],
                topology.seed,
                late=defective(topology, "five-minute-late"),
                late_by=given["late_by"],
                lawless=defective(topology, "ignores-air-time"),
            )
            self._found.append((ground, result))
            run.note(f"{ground.standing.table.concentrator}: {result.outcome.events:,} events")
        self._media = other_media(topology, given["live_share"], given["live_within"], topology.seed)
        self._kept = kept_share(self._fleet, _TWINS)

    def judge(self, run: Run, seconds: float) -> list[Measurement]:
        """Judge what was simulated."""
        limits, given = load_limits("five-minute"), self._given
        found: list[Measurement] = []
        for ground, result in self._found:
            values: dict[str, float | None] = {
                "five_minute_in_time": result.within(given["live_within"], FIVE_MINUTE),
                "five_minute_records": result.within(np.finfo(np.float64).max, POLL),
                "readings_beside": result.within(given["on_time"], READING),
                "worst_air_time": round(float(result.worst_hour.max()), 3),
            }
            found += judged_at(limits, values, ground.standing.table.concentrator)
        for area, share in self._media.items():
            found += judged_at(limits, {"five_minute_in_time": share}, f"area {area}")
        if self._kept is not None:
            found += judged_at(limits, {"five_minute_kept": self._kept}, "twins of the next generation")
        else:
            limits = {name: limit for name, limit in limits.items() if name != "five_minute_kept"}
            run.note("the fleet has no meters of the next generation: none keeps 5-minute values")
        if self._found:
            worst = max(self._found, key=lambda each: float(each[1].worst_hour.max()))
            shown.write(run.folder.path, [_arrivals(self._found), *portrait(*worst)])
        return without(limits, found)


def _arrivals(found: list[tuple[Ground, Result]]) -> Exhibit:
    """Share of the live values that had come, by concentrator."""
    grid = np.geomspace(1.0, 1200.0, 120)
    curves = []
    for ground, result in found:
        arrival = np.sort(result.arrival[result.of(FIVE_MINUTE)])
        share = 100 * np.searchsorted(arrival, grid, side="right") / max(1, len(arrival))
        table = ground.standing.table
        name = f"{table.concentrator} ({table.area})"
        x, y = (tuple(float(f"{value:.5g}") for value in values) for values in (grid, share))
        curves.append(Curve(label=name, x=x, y=y))
    panel = Panel(
        curves=tuple(curves),
        x_label="s after the end of its 5 minutes",
        y_label="% of the values",
        x_scale="log",
        limit=load_parameters("five-minute")["live_within"].value,
        limit_label="10 minutes",
        across=False,
    )
    return CurvesExhibit(
        title="Live 5-minute values",
        panels=(panel,),
        caption="Sent within a minute of the end of their 5 minutes, and asked for again 2, 4 and 6 minutes after it.",
    )
