"""The rack in a run: its gateway and, where it is emulated, the emulation too, as processes on the run's stage.

A real rack that a gateway serves already is used as it is, with its leases and its health. An emulated one lives in the
run's own time, so it begins and ends with the run. But where ``BENCH_HOSTED_RACK`` in the environment names the folder
of an emulated rack that somebody else hosts (a night, for all its sessions), that one is joined, in its time.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import msgspec

from bench.errors import BenchFault, InputError
from bench.rack import FOLDER
from bench.rack.client import RackClient, Served, find_gateway
from bench.rack.emulate_process import EmulateSpec
from bench.rack.emulator_client import EmulatorClient, EmulatorError
from bench.rack.inventory import Inventory
from bench.rack.serve import RackSpec
from bench.record.atomic import replacing
from bench.stage import Stage
from twins.clock import ClockSpec
from twins.plan import FleetPlan

JOINED: Final = "BENCH_HOSTED_RACK"
"""Variable of the environment: the folder of a rack that is hosted already."""

_HOSTING: Final = "hosting.json"
_READY: Final = 60.0  # real s
_LOOK: Final = 0.05


class Hosting(msgspec.Struct, frozen=True, kw_only=True):
    """In what time an emulated rack lives, and what fleet its meters are of: for all who join it."""

    clock: ClockSpec
    plan: FleetPlan


def tell_hosting(folder: Path, clock: ClockSpec, plan: FleetPlan) -> None:
    """Say in the folder of an emulated rack how it is hosted, so that others may join it."""
    with replacing(folder / _HOSTING) as beside:
        beside.write_bytes(msgspec.json.encode(Hosting(clock=clock, plan=plan)))


def hosting_to_join() -> Hosting | None:
    """How the rack that the environment names is hosted; None where it names none. Raises InputError."""
    if (folder := _joined()) is None:
        return None
    try:
        return msgspec.json.decode((folder / _HOSTING).read_bytes(), type=Hosting)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{folder / _HOSTING}: cannot be read ({error}); leave {JOINED} unset") from None


def _joined() -> Path | None:
    named = os.environ.get(JOINED)
    return Path(named) if named else None


class HostedRack:
    """The rack of a run: where its gateway is, and where the emulation is, if there is one."""

    def __init__(self, stage: Stage, inventory: Inventory, folder: Path) -> None:
        self._stage, self.inventory = stage, inventory
        self.emulated = inventory.rack.emulation is not None
        joined = _joined() if self.emulated else None
        self._joins = joined is not None
        self.folder = (joined or folder) if self.emulated else FOLDER

    def start(self, clock: ClockSpec, plan: FleetPlan) -> None:
        """Start what is needed and wait until it serves. Raises InputError, BenchFault, Aborted."""
        if self._joins:
            self.gateway()
            return
        if self.emulated:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._start_emulation(clock, plan)
            tell_hosting(self.folder, clock, plan)
        elif self._served_already():
            return
        spec = RackSpec(
            topology=str(self.inventory.file.resolve()), folder=str(self.folder.resolve()), bus=self._stage.bus
        )
        self._stage.start("gateway", "bench.rack.serve", spec)
        self.gateway()

    def gateway(self) -> Served:
        """Where the gateway is, as soon as it serves: it may be started again at any time."""
        deadline = time.monotonic() + _READY
        while True:
            self._stage.look()
            try:
                return find_gateway(self.folder)
            except InputError as error:
                if time.monotonic() > deadline:
                    raise BenchFault(f"the gateway does not come up: {error}; see its log in the run folder") from None
            self._stage.rest(_LOOK)

    def client(self) -> RackClient:
        """A client of the gateway, for a ``with``."""
        return RackClient(self.gateway(), f"run {self._stage.run}")

    def emulator(self) -> EmulatorClient:
        """Who tells the truth about an emulated rack."""
        return EmulatorClient(self.folder)

    def _served_already(self) -> bool:
        try:
            served = find_gateway(self.folder)
        except InputError:
            return False
        if served.rack != self.inventory.name:
            what = f"process {served.pid} serves the rack {served.rack} from {self.folder}"
            raise InputError(f"{what}; end it, or run from another folder")
        return True

    def _start_emulation(self, clock: ClockSpec, plan: FleetPlan) -> None:
        spec = EmulateSpec(
            topology=str(self.inventory.file.resolve()), folder=str(self.folder.resolve()), clock=clock, plan=plan
        )
        # Started again it would be another rack, whose meters begin anew, in another time.
        self._stage.start("emulation", "bench.rack.emulate_process", spec, restarts=0)
        deadline = time.monotonic() + _READY
        while True:
            self._stage.look()
            try:
                self.emulator().truth()
                return
            except EmulatorError as error:
                if time.monotonic() > deadline:
                    raise BenchFault(f"the emulated rack does not come up: {error}; see its log") from None
            self._stage.rest(_LOOK)
