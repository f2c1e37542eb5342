"""A head-end that collects a small fleet of the session's topology: the campaign ``collection``, once, in virtual time.

The copy keeps areas, media, field, seed and planted defects, with few meters in each area, and asks again for every
value that came: a meter that tells another value the second time must be found among a hundred as among a million.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

from bench.measure import Measurement
from bench.progress import Silent
from bench.pytest_plugin.outcomes import BenchError
from bench.record.model import RunRecord
from bench.runner import run_campaign
from bench.topology.clock import Clock
from bench.topology.defects import Defect, index_of
from bench.topology.load import LoadedTopology
from bench.topology.model import Topology
from protocols.slots import SLOTS_PER_DAY
from twins.plan import FleetPlan, meter_id

_METERS: Final = 40  # of an area
_TICK: Final = 60  # s: a day in seconds; delays are judged by the hour


class HeadEnd:
    """The fixture ``head_end``; ``work`` gets the run's folder."""

    def __init__(self, loaded: LoadedTopology, work: Path) -> None:
        self._loaded = replace(loaded, topology=small(loaded.topology))
        self._work = work

    @property
    def collected(self) -> dict[str, Measurement]:
        """What a day of collection came to, by name of the measurement. Raises BenchError when it could not be run."""
        return {each.name: each for each in self._record.measurements}

    @property
    def by_medium(self) -> dict[str, float]:
        """Share of the values that are there at last, by the medium of the meters. Raises BenchError likewise."""
        counts: dict[str, Counter[str]] = {}
        for area in self._record.summary["areas"]:
            counts.setdefault(area["medium"], Counter()).update(stored=area["stored"], due=area["due"])
        return {medium: each["stored"] / each["due"] for medium, each in counts.items()}

    @cached_property
    def _record(self) -> RunRecord:
        self._work.mkdir(parents=True, exist_ok=True)
        silent = Silent()
        _folder, record = run_campaign(
            self._loaded,
            "collection",
            self._work,
            f"pytest, process {os.getpid()}",
            lambda _: silent,
            threading.Event(),
        )
        if record.verdict in ("error", "aborted"):
            raise BenchError(record.events[-1].what if record.events else "the collection could not be run")
        return record


def small(topology: Topology) -> Topology:
    """The copy."""
    areas = tuple(
        area.model_copy(
            update={"concentrators": 1, "meters_per_concentrator": min(area.meters_per_concentrator, _METERS)}
        )
        for area in topology.areas
    )
    made = topology.model_copy(update={"areas": areas, "rack": None, "defects": ()})
    defects = tuple(_moved(topology.defects, topology.fleet_plan(), made.fleet_plan()))
    collection = topology.campaigns.collection.model_copy(update={"slots": SLOTS_PER_DAY, "clock": None})
    recollection = topology.head_end.recollection.model_copy(update={"audit": 1.0})
    return made.model_copy(
        update={
            "defects": defects,
            "clock": Clock(mode="virtual", start=topology.clock.start, tick=_TICK),
            "campaigns": topology.campaigns.model_copy(update={"collection": collection}),
            "head_end": topology.head_end.model_copy(update={"recollection": recollection}),
        }
    )


def _moved(defects: Iterable[Defect], old: FleetPlan, new: FleetPlan) -> Iterable[Defect]:
    """Defects with the ids of the same meters in the small fleet; of those that are not in it, nothing is left."""
    for defect in defects:
        if isinstance(defect.meters, int):
            yield defect.model_copy(update={"meters": min(defect.meters, new.meters)})
            continue
        meters = [found for meter in defect.meters if (found := _new_id(meter, old, new)) is not None]
        if meters:
            yield defect.model_copy(update={"meters": tuple(meters)})


def _new_id(meter: str, old: FleetPlan, new: FleetPlan) -> str | None:
    index = index_of(meter)
    if index is None:
        return None
    for number, area in enumerate(old.areas):
        place = index - old.first_meter_of_area(number)
        if 0 <= place < area.meters:
            return meter_id(new.first_meter_of_area(number) + place) if place < new.areas[number].meters else None
    return None
