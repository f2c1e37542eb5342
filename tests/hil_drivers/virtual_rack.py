"""A virtual rack in a thread of its own, met over real sockets; its time can be moved forward."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from twins.rack.faults import Fault, Faulty
from twins.rack.instruments.catalogue import front_end
from twins.rack.wires.tcp import TcpWire
from twins.rack.world.world import World, WorldSpec

T = TypeVar("T")
PACE = 0.01


class MovedClock:
    """Real time plus what it was moved by."""

    def __init__(self) -> None:
        self._moved = 1_700_000_000.0 - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._moved

    def monotonic(self) -> float:
        return time.monotonic()

    def real_until(self, when: float) -> float:
        return max(0.0, when - self.now())

    def move(self, seconds: float) -> None:
        self._moved += seconds


class VirtualRack:
    """One world and its front ends, each on a port of its own; use as a context."""

    def __init__(self, *models: str, spec: WorldSpec | None = None) -> None:
        self.clock = MovedClock()
        self.world = World(spec or WorldSpec(), self.clock.now())
        self.faulty = {model: Faulty(front_end(model, self.world, PACE)) for model in models}
        self._wires = {model: TcpWire(faulty, self.clock) for model, faulty in self.faulty.items()}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> VirtualRack:
        self._thread.start()
        for wire in self._wires.values():
            asyncio.run_coroutine_threadsafe(wire.open(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self._wires.values():
            self.do(wire.close)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result()  # connections end in the next turn
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def address(self, model: str) -> str:
        return f"TCPIP::127.0.0.1::{self._wires[model].port}::SOCKET"

    def do(self, job: Callable[[], T]) -> T:
        """Run something in the thread of the rack."""

        async def run() -> T:
            return job()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def pass_time(self, seconds: float) -> None:
        """Let the world live on at once."""
        self.clock.move(seconds)
        self.do(lambda: self.world.advance(self.clock.now()))

    def volts(self) -> float:
        """What stands at the places' first phase now."""

        def job() -> float:
            self.world.advance(self.clock.now())
            return abs(self.world.state.phases[0].volts)

        return self.do(job)

    def inject(self, model: str, fault: Fault, *, times: int | None = None, seconds: float = 1.0) -> None:
        self.do(lambda: self.faulty[model].inject(fault, self.clock.now(), times=times, seconds=seconds))

    def clear(self, model: str, fault: Fault) -> None:
        self.do(lambda: self.faulty[model].clear(fault, self.clock.now()))
