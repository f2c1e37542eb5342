"""The rack of a night: who serves it, which places are fit, and their safe state between sessions.

A real rack that a gateway serves is used as it is. Else the night serves it; an emulated one lives as long as the night
does, for all its sessions (:data:`bench.rack.hosting.JOINED`). A place that is found bad is retired: nothing uses it
again until a person says that it is good.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from bench.broker.choose import choose_broker
from bench.engine.local import LocalEngine
from bench.errors import BenchFault
from bench.night.model import Incident
from bench.rack.client import RackClient
from bench.rack.hosting import JOINED, HostedRack
from bench.rack.inventory import Inventory, inventory_of, taps
from bench.rack.messages import Doctor, Places, Request, Safe, SetHealth
from bench.record.model import iso_utc
from bench.stage import Stage
from bench.topology.load import LoadedTopology
from protocols.errors import MeterBenchError
from twins.clock import ClockSpec
from twins.plan import FleetPlan

_UNFIT: Final = ("bad", "maintenance")
_GONE_WITHIN: Final = 60.0  # real s


class RackCare:
    """Gateway and health of the rack during a night; a context. ``note`` is told what happens to its processes.

    ``work`` is a folder of its own. Raises InputError, BenchFault, BusError, Aborted.
    """

    def __init__(
        self,
        loaded: LoadedTopology,
        work: Path,
        clock: ClockSpec,
        plan: FleetPlan,
        abort: threading.Event,
        note: Callable[[str], None],
    ) -> None:
        self.inventory: Inventory = inventory_of(loaded)
        self._work, self._clock, self._plan = work, clock, plan
        _await_gone(work.parent)
        processes = work / "processes"
        processes.mkdir(parents=True)
        broker = choose_broker(loaded.topology.bus, loaded.path.parent)
        self._stage = Stage(f"night-{work.name}", broker, processes, LocalEngine(processes, note), abort)
        self._hosted = HostedRack(self._stage, self.inventory, work)
        self._asking = threading.Lock()

    def __enter__(self) -> RackCare:
        self._stage.__enter__()
        try:
            self._hosted.start(self._clock, self._plan)
        except BaseException:
            self._stage.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.__exit__(None, None, None)

    @property
    def environment(self) -> dict[str, str]:
        """What sessions need in their environment to join."""
        return {JOINED: str(self._hosted.folder.resolve())} if self._hosted.emulated else {}

    def look(self) -> None:
        """Start again what has ended. Raises BenchFault when it does not stay up, Aborted."""
        self._stage.look()

    def safe(self, places: Iterable[str] | None = None) -> list[Incident]:
        """Safe state of these places, or of the whole rack: what could not be proved. Leases there end."""
        found: list[Incident] = []
        for place in [None] if places is None else places:
            try:
                done = self._ask(Safe(place))
            except MeterBenchError as error:
                found.append(incident(f"safe state: {error}", place or ""))
                continue
            found += [
                incident(f"safe state not proved: {step['name']} {step['instrument']}: {step['error']}", place or "")
                for step in done["steps"]
                if step["error"]
            ]
        return found

    def examine(self, places: Sequence[str]) -> list[Incident]:
        """Doctor and health of these places: an incident for each that is not fit, which it retires."""
        found: dict[str, str] = {}
        for finding in self._ask(Doctor()):
            for place in self._wired_to(finding["instrument"]):
                if finding["problems"]:
                    found.setdefault(place, "; ".join(finding["problems"]))
        for each in self._places():
            if each["health"] in _UNFIT:
                found[each["place"]] = f"{each['health']}: {each['reason']}"
        return [self.retire(place, found[place]) for place in places if place in found]

    def retire(self, place: str, why: str) -> Incident:
        """Nobody uses this place again until a person says that it is good."""
        if next(each["health"] for each in self._places() if each["place"] == place) not in _UNFIT:
            self._ask(SetHealth(place, "bad", f"retired by the night: {why}"))
        return incident(why, place, retired=True)

    def _places(self) -> list[dict[str, Any]]:
        found = self._ask(Places())
        return list(found)

    def _wired_to(self, instrument: str) -> list[str]:
        return [
            name
            for name, place in self.inventory.places.items()
            if instrument in {wired for _kind, wired, _channel in taps(place)}
        ]

    def _ask(self, request: Request) -> Any:
        """Ask whatever gateway serves now; one that was started again is found again."""
        with self._asking:
            self._stage.look()
            with RackClient(self._hosted.gateway(), f"night {self._work.parent.name}") as client:
                return client.ask(request)


def incident(what: str, place: str = "", retired: bool = False) -> Incident:
    """Something that the bench could not do, now."""
    return Incident(time=iso_utc(time.time()), what=" ".join(what.split()), place=place, retired=retired)


def _await_gone(folder: Path) -> None:
    """Wait for the processes of an earlier try at this night, which end with it: they have our addresses.

    Raises BenchFault when they do not.
    """
    deadline = time.monotonic() + _GONE_WITHIN
    while left := [process for listed in folder.glob("*/processes/processes.json") for process in _of_ours(listed)]:
        if time.monotonic() > deadline:
            raise BenchFault(f"processes of this night's first try do not end: {left}; end them, then start again")
        time.sleep(0.1)


def _of_ours(listed: Path) -> list[int]:
    import msgspec

    found = []
    for name, pid in msgspec.json.decode(listed.read_bytes(), type=dict[str, int]).items():
        try:
            process = psutil.Process(pid)
            same = process.create_time() <= listed.stat().st_mtime + 1 and process.status() != psutil.STATUS_ZOMBIE
            if same and name != "broker" and any("bench" in word for word in process.cmdline()):
                found.append(pid)
        except psutil.Error:
            continue
    return found
