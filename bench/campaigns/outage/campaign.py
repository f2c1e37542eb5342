"""The campaign as a run: rejoining in the event engine, then a collection through the outage over the wires."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Final

import msgspec
import numpy as np

from bench.campaigns.collection.campaign import Collection
from bench.campaigns.mesh import defective, policy_of, portrait
from bench.campaigns.outage.rejoin import Rejoin, dark_concentrators, of_medium, quantiles, rejoin_mesh
from bench.errors import InputError
from bench.field.ground import grounds
from bench.measure import Measurement, judge, load_limits, load_parameters
from bench.record import exhibits as shown
from bench.record.columns import Columns
from bench.record.exhibits import Curve, CurvesExhibit, Exhibit, Panel
from bench.runner import Run
from bench.stage import Stage
from bench.topology.campaigns import Collection as Length
from bench.topology.load import LoadedTopology
from protocols.slots import SLOT_SECONDS, slot_end
from twins.field.dark import Dark
from twins.plan import concentrator_id

_KEPT: Final = (
    "final_share",
    "duplicate_values",
    "conflicting_values",
    "rejected_messages",
    "register_falls",
    "pacing_overruns",
)
"""Measurements of ``collection`` that no outage excuses."""

_COUNTS = """
WITH dark AS (SELECT index FROM meters WHERE list_contains(?::VARCHAR[], concentrator)),
firsts AS (
    SELECT meter, slot, min(arrival) AS arrival, meter IN (SELECT index FROM dark) AS dark
    FROM readings GROUP BY meter, slot
)
SELECT
    (SELECT count(*) FROM dark),
    (SELECT count(*) FROM meters),
    count(*) FILTER (dark AND slot BETWEEN ? AND ?),
    max(arrival) FILTER (dark AND slot BETWEEN ? AND ?),
    count(*) FILTER (NOT (dark AND slot BETWEEN ? AND ?) AND arrival - (slot::BIGINT + 1) * 1800 <= ?)
FROM firsts
"""


class Outage(Collection):
    """An outage of the network, and what becomes of its values. Raises InputError for a topology without a mesh."""

    def __init__(self, loaded: LoadedTopology, real_now: float) -> None:
        topology = loaded.topology
        own = topology.campaigns.outage
        if topology.rack is not None:
            raise InputError(f"{loaded.path}: outage is about twins; take a topology without a rack")
        length = Length(slots=own.slots, clock=own.clock)
        campaigns = topology.campaigns.model_copy(update={"collection": length})
        super().__init__(
            dataclasses.replace(loaded, topology=topology.model_copy(update={"campaigns": campaigns})), real_now
        )
        given = load_parameters("outage")
        self._hours, self._patience = given["rejoin_hours"].value, given["patience"].value * 3600.0
        self._interval = given["interval"].value
        first = slot_end(self.plan.fleet.first_slot - 1)
        self._begin, self._end = first + own.begin, first + own.begin + own.minutes * 60
        if self._end >= slot_end(self.plan.last_slot):
            raise InputError(
                f"{loaded.path}: the outage lasts longer than values are due; give campaigns.outage more slots"
            )
        self._dark = dark_concentrators(self.plan.fleet.areas, own.meters)
        if not self._dark:
            raise InputError(f"{loaded.path}: no concentrator has as few as {own.meters} meters; let more go dark")
        self._grounds = [ground for ground in grounds(self._topology, 1) if ground.area in self._dark]
        self._rejoined: list[Rejoin] = []

    @property
    def summary(self) -> dict[str, Any]:
        """What is due, and who goes dark."""
        areas = self.plan.fleet.areas
        dark = sum(len(own) * areas[number].meters_per_concentrator for number, own in self._dark.items())
        return {**super().summary, "meters_dark": dark, "dark_from": self._begin, "dark_until": self._end}

    def execute(self, run: Run, stage: Stage) -> None:
        """Rejoin in the event engine first: what it finds is how the twins' meters come back."""
        policy, seed = policy_of(self._topology), self._topology.seed
        for ground in self._grounds:
            stage.look()
            found = rejoin_mesh(ground, self._end - self._begin, self._hours, policy, 3600.0, seed)
            self._rejoined.append(found)
            median = float(np.nanmedian(found.seconds))
            run.note(f"{ground.standing.table.concentrator}: half of its meters are back after {median:.0f} s")
        fields = tuple(self._darkened(number, field) for number, field in enumerate(self.plan.field))
        # A head-end that gives up before the network is back recovers nothing; one that goes on every few minutes asks
        # for what cannot come. What is no longer in time waits for the next round of all that is missing.
        more = math.ceil((self._end - self._begin + self._patience) / self._interval)
        ask = msgspec.structs.replace(self.plan.recollection, late_interval=self._interval, late_tries=more)
        self.plan = msgspec.structs.replace(
            self.plan,
            field=fields,
            recollection=ask,
            until=max(self.plan.until, self._end + self._patience),
        )
        super().execute(run, stage)

    def judge(self, run: Run, seconds: float) -> list[Measurement]:
        """What no outage excuses, and what came of the missed values."""
        kept = [each for each in super().judge(run, seconds) if each.name in _KEPT]
        with run.folder.columns() as columns:
            values = self._values(columns)
        shown.write(run.folder.path, [*self._exhibits(), *shown.read(run.folder.path)])
        return [*judge(load_limits("outage"), values), *kept]

    def _darkened(self, number: int, field: Any) -> Any:
        if number not in self._dark:
            return field
        mine = [each for each in self._rejoined if each.ground.area == number]
        rejoin = quantiles(mine, self._hours * 3600) if mine else of_medium(self.plan.fleet.areas[number])
        never = defective(self._topology, "never-rejoins")
        dark = Dark(begin=self._begin, end=self._end, concentrators=self._dark[number], rejoin=rejoin, never=never)
        return msgspec.structs.replace(field, dark=(dark,))

    def _values(self, columns: Columns) -> dict[str, float | None]:
        """The campaign's own measurements; of the outage are half-hours that ended while not all were back."""
        fleet = self.plan.fleet
        names = [
            concentrator_id(fleet.first_concentrator_of_area(number) + own)
            for number, concentrators in self._dark.items()
            for own in concentrators
        ]
        # A reading that leaves just before the dark is lost too, if it is still on its way.
        first = max(fleet.first_slot, int(self._begin // SLOT_SECONDS) - 1)
        last = min(self.plan.last_slot, int((self._end + self._hours * 3600) // SLOT_SECONDS) - 1)
        dark_last = int(self._end // SLOT_SECONDS) - 1
        spell, until_back = (first, dark_last), (first, last)
        row = columns.query(_COUNTS, (names, *spell, *spell, *until_back, 3600))[0]
        dark, meters, recovered, newest, on_time = row
        missed = dark * (dark_last - first + 1)
        others = meters * self.plan.slots - dark * (last - first + 1)
        back = np.concatenate([each.seconds for each in self._rejoined]) if self._rejoined else np.zeros(0)
        back = back[~np.isnan(back)]
        came = back[np.isfinite(back)]
        never = set(defective(self._topology, "never-rejoins"))
        silent = sum(len(each.ground.nodes(tuple(never))) for each in self._rejoined)
        return {
            "recovered_share": recovered / missed if missed else None,
            "elsewhere_on_time": on_time / others if others else 1.0,
            "rejoined_share": (len(came) - silent) / len(back) if len(back) else 1.0,
            "rejoin_p50": float(np.quantile(came, 0.5)) if len(came) else 0.0,
            "rejoin_p99": float(np.quantile(came, 0.99)) if len(came) else 0.0,
            "recovered_after": None if newest is None else float(newest) - self._end,
            "meters_dark": float(dark),
        }

    def _exhibits(self) -> list[Exhibit]:
        """Who was back when, and the mesh that took longest."""
        if not self._rejoined:
            return []
        grid = np.linspace(0, self._hours * 3600, 200)
        curves = []
        for each in self._rejoined:
            own = np.sort(each.seconds[~np.isnan(each.seconds)])
            share = 100 * np.searchsorted(own, grid, side="right") / max(1, len(own))
            table = each.ground.standing.table
            x, y = (tuple(float(f"{value:.5g}") for value in values) for values in (grid / 60, share))
            curves.append(Curve(label=f"{table.concentrator} ({table.area})", x=x, y=y))
        panel = Panel(curves=tuple(curves), x_label="minutes after the outage", y_label="% of the meters back")
        slowest = max(
            self._rejoined, key=lambda each: float(np.nanmax(np.where(np.isinf(each.seconds), 1e9, each.seconds)))
        )
        return [
            CurvesExhibit(
                title="Back in the network",
                panels=(panel,),
                caption="Meters of one concentrator of each dark mesh that joined again, event engine: all lose their "
                "power at once and get it back at once, with the keys that they had.",
            ),
            *portrait(slowest.ground, slowest.result),
        ]
