"""The campaign as a run: the radios of a topology's rack, swept, judged and shown."""

from __future__ import annotations

import threading
from typing import Any

import msgspec

from bench.campaigns.field_sweep.results import Found, Twins, examine, exhibits, measurements
from bench.campaigns.field_sweep.run import places_of, plan_of, sweep
from bench.campaigns.field_sweep.sweep import Sweep
from bench.errors import BenchFault
from bench.field.attenuators import measured, wanted_links
from bench.field.links import link_table_of
from bench.measure import Measurement
from bench.rack.hosting import HostedRack
from bench.rack.inventory import inventory_of
from bench.record import exhibits as shown
from bench.record.atomic import write_text
from bench.runner import Run
from bench.stage import Stage
from bench.topology.load import LoadedTopology
from bench.topology.plan import timed


class FieldSweep:
    """The radios of a rack over attenuation. Raises InputError for a rack without a place that can be swept."""

    def __init__(self, loaded: LoadedTopology, real_now: float) -> None:
        topology = loaded.topology
        settings = topology.campaigns.field_sweep
        self._topology, self._inventory = topology, inventory_of(loaded)
        self._places = places_of(self._inventory, settings.places)
        self._plan = plan_of(settings.requests)
        self._links = wanted_links(topology, self._inventory)
        self._fleet, self.clock = timed(topology, settings.clock or topology.clock, real_now)
        self._sweeps: list[Sweep] = []

    @property
    def summary(self) -> dict[str, Any]:
        """Where it is done."""
        emulated = self._inventory.rack.emulation is not None
        kind = "emulated radios" if emulated else "radios"
        return {
            "rack": self._inventory.name,
            "emulated": emulated,
            "tested": f"{kind} at {', '.join(self._places)} over the range of their attenuators",
        }

    def prepare(self, run: Run) -> None:
        """Nothing is known before."""

    def execute(self, run: Run, stage: Stage) -> None:
        """Sweep all places; what is found is kept however this ends."""
        rack = HostedRack(stage, self._inventory, run.folder.path / "rack")
        rack.start(self.clock, self._fleet)
        with rack.client() as client:

            def work(stop: threading.Event) -> None:
                self._sweeps = sweep(client, self._inventory, self._places, self._links, self._plan, run.note, stop)

            stage.attend(work)
        faults = [f"{each.place}: {each.fault}" for each in self._sweeps if each.fault]
        if faults:
            raise BenchFault("; ".join(faults))

    def judge(self, run: Run, seconds: float) -> list[Measurement]:
        """Judge what was found, and put the measured levels into the link tables of their concentrators."""
        if not self._sweeps:
            return []
        twins = Twins(self._plan.tries, self._topology.seed)
        found = [examine(each, self._plan, twins) for each in self._sweeps]
        run.record.summary |= {
            "radios": [msgspec.to_builtins(each) for each in found],
            "twins_off_theory_db": round(twins.shift, 2),
        }
        shown.write(run.folder.path, exhibits(self._sweeps, found, self._plan, twins))
        write_text(run.folder.path / "sweeps.json", msgspec.json.encode(self._sweeps).decode() + "\n")
        self._write_links(run, found)
        return measurements(found)

    def _write_links(self, run: Run, found: list[Found]) -> None:
        """``links.json``: the link tables of the places' concentrators, with the levels that were heard in them."""
        heard = {each.place: each.link_residual_db for each in found if each.link_residual_db is not None}
        levels = {each.meter: each.level_dbm + heard[name] for name, each in self._links.items() if name in heard}
        concentrators = sorted({link.concentrator for link in self._links.values() if link.meter in levels})
        updated = [measured(link_table_of(self._topology, each).table, levels) for each in concentrators]
        write_text(run.folder.path / "links.json", msgspec.json.encode(updated).decode() + "\n")
