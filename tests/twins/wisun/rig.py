"""Served twins with sticks on real pseudo-terminals, in an event loop of their own; and a host at such a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import termios
import threading
import time
import tty
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from protocols.echonet.frame import HEMS, Esv, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from protocols.wisun.host import HostSession, Joined, Received, SessionEvent
from protocols.wisun.j11.session import Session as J11Session
from protocols.wisun.radio import Credentials
from protocols.wisun.skstack.session import Session as TextSession
from tests.twins.echonet.twin import FLEET, MASTER, NOW, twin_of, view_of
from twins.clock import Clock
from twins.echonet.everybody import Everybody
from twins.meter.identity import route_b
from twins.route_b.limits import Limits, Pace, shipped_limits
from twins.route_b.meter import RouteB
from twins.wisun.link import PERFECT, Link
from twins.wisun.parameters import RadioParameters, radio_parameters
from twins.wisun.service import J11, StickService, seats_in_homes

Answer = TypeVar("Answer")

PATIENCE = 20.0  # real seconds until a test gives up
FREE = Pace(per_second=1e6, burst=1000, waiting=1000, source="tests", verified=False)
VIEWS = [view_of("current", True), view_of("next", True), view_of("current", False)]
SLOT = 1800


class ManualClock:
    """Both times stand still until a test moves them."""

    def __init__(self, now: float = NOW) -> None:
        self._now, self._steady = now, 0.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._steady

    def real_until(self, when: float) -> float:
        return 0.0 if when <= self._now else float("inf")

    def move(self, simulated: float = 0.0, real: float = 0.0) -> None:
        self._now += simulated
        self._steady += real


def quick(scale: float = 0.0, **changes: Any) -> RadioParameters:
    """Radio parameters with scans that take no time."""
    shipped = radio_parameters()
    pace = msgspec.structs.replace(shipped.pace, scale=scale)
    return msgspec.structs.replace(shipped, pace=pace, **changes)


def limits(radio: Pace = FREE) -> Limits:
    shipped = shipped_limits()
    return msgspec.structs.replace(shipped, requests=msgspec.structs.replace(shipped.requests, radio=radio))


def credentials(place: int) -> Credentials:
    """Those of a served twin."""
    secret = route_b(MASTER, VIEWS[place].index)
    return Credentials(secret.id.encode(), secret.password.encode())


class Served:
    """Three twins (current, next, current without export) and a stick of each dialect at the first ``sticks``."""

    def __init__(
        self,
        directory: Path,
        dialects: Sequence[str],
        *,
        sticks: int = 1,
        defects: Collection[str] = (),
        pace: Pace = FREE,
        parameters: RadioParameters | None = None,
        link: Callable[[Clock], Link] = lambda clock: PERFECT,
    ) -> None:
        self.clock = ManualClock()
        self.nodes = [twin_of(view) for view in VIEWS]
        self.everybody = Everybody()
        meters = [
            RouteB(node, credentials(place), limits=limits(pace), defects=defects)
            for place, node in enumerate(self.nodes)
        ]
        self.meters = meters
        self.service = StickService(
            meters,
            self.clock,
            FLEET.plan.seed,
            seats_in_homes(meters, directory, dialects, sticks),
            everybody=self.everybody,
            parameters=parameters or quick(),
            link=link(self.clock),
        )
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)

    def start(self) -> None:
        self.service.open()
        self._thread.start()
        self._task = asyncio.run_coroutine_threadsafe(self.service.run(), self.loop)
        self.call(lambda: None)

    def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(BaseException):
            self._task.result()
        self.call(lambda: None)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        self.service.close()

    def call(self, action: Callable[[], Answer]) -> Answer:
        """Do something in the event loop."""

        async def do() -> Answer:
            return action()

        return asyncio.run_coroutine_threadsafe(do(), self.loop).result(PATIENCE)

    def move(self, simulated: float = 0.0, real: float = 0.0) -> None:
        """Let time pass."""

        def passes() -> None:
            self.clock.move(simulated, real)
            self.service.step()

        self.call(passes)

    def path(self, number: int = 0) -> str:
        path = self.service.endpoints()[number].path
        assert path is not None
        return path

    def value(self, place: int, epc: int) -> bytes:
        """A property as the twin has it, asked beside all media."""

        def ask() -> bytes:
            request = Frame(1, HEMS, LV, Esv.GET, (Property(epc),)).to_bytes()
            (answer,) = self.nodes[place].receive(request, "beside", self.clock.now())
            return Frame.from_bytes(answer.data).properties[0].edt

        return self.call(ask)


@contextlib.contextmanager
def served(directory: Path, *dialects: str, **options: Any) -> Iterator[Served]:
    rig = Served(directory, dialects, **options)
    rig.start()
    try:
        yield rig
    finally:
        rig.stop()


class Port:
    """A host's end of a terminal."""

    def __init__(self, path: str) -> None:
        self.file = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self._rest = b""
        tty.setraw(self.file, termios.TCSANOW)

    def __enter__(self) -> Port:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.file)

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.file, data) :]

    def read(self, seconds: float) -> bytes:
        """What is there within this time, or nothing."""
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        ready, _, _ = select.select([self.file], [], [], seconds)
        return os.read(self.file, 65536) if ready else b""

    def until(self, end: bytes) -> bytes:
        """All up to these bytes; what came with them stays."""
        found, limit = b"", time.monotonic() + PATIENCE
        while end not in found:
            assert time.monotonic() < limit, found
            found += self.read(0.2)
        taken = found.index(end) + len(end)
        self._rest = found[taken:]
        return found[:taken]

    def command(self, line: str, end: bytes = b"OK\r\n") -> bytes:
        self.write(line.encode() + b"\r\n")
        return self.until(end)


class Host:
    """Our own host session at a terminal."""

    def __init__(self, rig: Served, number: int, dialect: str, who: Credentials) -> None:
        self.rig = rig
        self.port = Port(rig.path(number))
        self.session: HostSession = J11Session(who) if dialect == J11 else TextSession(who)
        self.events: list[SessionEvent] = []

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.port.file)

    def wait(self, *kinds: type, seconds: float = PATIENCE) -> list[Any]:
        """Everything up to the first event of one of these kinds; ends with it. Others stay remembered."""
        limit = time.monotonic() + seconds
        while not any(isinstance(event, kinds) for event in self.events):
            if time.monotonic() > limit:
                raise AssertionError(f"no {kinds}, but {self.events}")
            self.turn()
        at = next(i for i, event in enumerate(self.events) if isinstance(event, kinds))
        found, self.events = self.events[: at + 1], self.events[at + 1 :]
        return found

    def turn(self) -> bool:
        """One round of writing and reading; whether there was anything."""
        now = time.monotonic()
        if said := self.session.output():
            self.port.write(said)
            self.rig.call(lambda: None)
        heard = self.port.read(0.05)
        self.events += self.session.receive(heard, now) + self.session.poll(now)
        return bool(said or heard)

    def open(self, *kinds: type) -> list[Any]:
        self.session.open(time.monotonic())
        return self.wait(*(kinds or (Joined,)))

    def quiet(self) -> list[SessionEvent]:
        """What comes until the stick has nothing more to say."""
        while self.turn():
            pass
        found, self.events = self.events, []
        return found

    def received(self) -> Frame:
        return Frame.from_bytes(self.wait(Received)[-1].datagram.payload)

    def send(self, *properties: Property, esv: Esv = Esv.GET, tid: int = 7) -> None:
        self.session.send(Frame(tid, HEMS, LV, esv, properties).to_bytes(), time.monotonic())

    def get(self, *epcs: int) -> list[bytes]:
        """Property data."""
        self.send(*map(Property, epcs))
        answer = self.received()
        while answer.esv is not Esv.GET_RES:
            answer = self.received()
        return [item.edt for item in answer.properties]
