"""The campaign as a run: the rack of the topology, measured, judged and written down."""

from __future__ import annotations

import threading
from typing import Any

from bench.campaigns.metrology.plan import MetrologyPlan
from bench.campaigns.metrology.record import Findings
from bench.campaigns.metrology.results import measurements
from bench.campaigns.metrology.run import run as measure_rack
from bench.errors import BenchFault
from bench.measure import Measurement
from bench.rack.hosting import HostedRack
from bench.rack.inventory import inventory_of
from bench.runner import Run
from bench.stage import Stage
from bench.topology.load import LoadedTopology
from bench.topology.plan import timed


class Metrology:
    """Metrology of the rack of a topology. Raises InputError for one without a rack."""

    def __init__(self, loaded: LoadedTopology, real_now: float) -> None:
        topology = loaded.topology
        self._settings = topology.campaigns.metrology
        self._inventory = inventory_of(loaded)
        for name in self._settings.places:
            self._inventory.place(name)
        self._fleet, self.clock = timed(topology, self._settings.clock or topology.clock, real_now)
        self._findings: Findings | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """Where it is done."""
        return {"rack": self._inventory.name, "emulated": self._inventory.rack.emulation is not None}

    def prepare(self, run: Run) -> None:
        """Nothing is known before."""

    def execute(self, run: Run, stage: Stage) -> None:
        """Measure; what is found is kept however this ends."""
        rack = HostedRack(stage, self._inventory, run.folder.path / "rack")
        rack.start(self.clock, self._fleet)
        plan = MetrologyPlan(self._settings, run.clock, self.clock.scale)
        with rack.client() as client:

            def work(stop: threading.Event) -> None:
                self._findings = measure_rack(client, self._inventory, plan, run.note, stop)

            stage.attend(work)
        assert self._findings is not None
        if self._findings.faults:
            raise BenchFault("; ".join(self._findings.faults))

    def judge(self, run: Run, seconds: float) -> list[Measurement]:
        """Judge what was found."""
        findings = self._findings
        if findings is None:
            return []
        findings.write(run.folder.path)
        run.record.summary |= {
            "points": len(findings.rows),
            "places_measured": len({row.place for row in findings.rows}),
            "skipped": findings.skipped,
        }
        return measurements(findings)
