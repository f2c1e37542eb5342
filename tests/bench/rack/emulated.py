"""The shipped rack topology, emulated in an event loop of its own, on addresses that no other test process uses."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bench.meters.readers import reader_of
from bench.rack.credentials import endpoints_of_place
from bench.rack.emulate import EmulatedRack, EmulateSpec
from bench.rack.emulator import ControlSocket
from bench.rack.emulator_client import EmulatorClient
from bench.serving.choose import serving_plan
from bench.topology.load import load_topology
from hil_drivers.meter import Meter
from tests.bench.rack.virtual import PACE
from twins.rack.faults import Fault

T = TypeVar("T")
TOPOLOGY = Path(__file__).parents[3] / "topologies" / "rack.yaml"
NET = f"127.{96 + os.getpid() // 256 % 32}.{os.getpid() % 256}"
"""Addresses of this test process: a port that was free when it was asked for may be taken by the time it is wanted."""


def topology(folder: Path, scale: float | None = None, more: str = "", shipped: Path = TOPOLOGY, **rack: str) -> Path:
    """The topology as a file: on addresses of our own, with another clock, keys of the rack, and more at its end."""
    text = shipped.read_text("utf-8")
    text = (
        text.replace("127.2.0.", f"{NET}.")
        .replace("127.2.1.", f"{NET}.")
        .replace("results/.rack/sticks", str(folder / "sticks"))
    )
    if scale is not None:
        text = text.replace("mode: wall,", f"mode: scaled, scale: {scale},")
    for key, value in rack.items():
        text, found = re.subn(rf"(?m)^  {key}:.*$", f"  {key}: {value}", text)
        text += "" if found else f"  {key}: {value}\n"
    path = folder / "rack.yaml"
    path.write_text(text + more, encoding="utf-8")
    return path


class Emulation:
    """The emulated rack of a topology; use as a context."""

    def __init__(self, path: Path) -> None:
        loaded = load_topology(path)
        plan, clock = serving_plan(loaded.topology, time.time())
        self.path, self.folder = path, path.parent / "state"
        self.spec = EmulateSpec(topology=str(path), folder=str(self.folder), clock=clock, plan=plan)
        self.rack = EmulatedRack(self.spec, PACE)
        self.inventory, self.clock = self.rack.inventory, self.rack.clock
        self._control = ControlSocket(self.rack, self.folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Emulation:
        self._thread.start()
        try:
            self._do(self.rack.open())
            self._do(self._control.open())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._control.close)
        self._do(self.rack.close())
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def call(self, action: Callable[[], T]) -> T:
        """Do something in the event loop, where the worlds live."""

        async def do() -> T:
            return action()

        return self._do(do())  # type: ignore[no-any-return]

    @property
    def client(self) -> EmulatorClient:
        return EmulatorClient(self.folder)

    def inject(self, name: str, fault: Fault) -> None:
        self.client.fault(name, fault.value)

    def volts(self, source: str) -> float:
        """What stands at the places of a source."""
        return float(self.client.truth()["sources"][source]["volts"][0])

    def meter(self, place: str) -> dict[str, Any]:
        """How the meter of a place really stands."""
        found: dict[str, Any] = self.client.truth()["meters"][place]
        return found

    def reader(self, place: str, protocol: str, wait_s: float = 20.0) -> Meter:
        """A reader of the meter of a place, for a ``with``."""
        endpoint = next(each for each in endpoints_of_place(self.inventory, place) if each.protocol == protocol)
        return reader_of(endpoint, {}, wait_s)
