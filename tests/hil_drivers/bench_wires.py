"""Front ends of the virtual rack behind real sockets, in an event loop of a thread beside the test."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from twins.clock import Clock
from twins.rack.faults import Conversation, Fault, Faulty, FrontEnd
from twins.rack.wires.tcp import TcpWire
from twins.rack.wires.udp import UdpWire

Answer = TypeVar("Answer")
PATIENCE = 10.0


class RealClock:
    """Simulated time is real time."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def real_until(self, when: float) -> float:
        return max(0.0, when - time.time())


class Heard:
    """A front end, and all bytes that its clients have sent."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end, self.bytes = front_end, bytearray()

    def connect(self, now: float) -> Conversation:
        return _Listening(self._front_end.connect(now), self.bytes)

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        self._front_end.afflict(fault, present, now)


class _Listening:
    def __init__(self, inner: Conversation, heard: bytearray) -> None:
        self._inner, self._heard = inner, heard
        self.take, self.due = inner.take, inner.due

    def receive(self, data: bytes, now: float) -> None:
        self._heard += data
        self._inner.receive(data, now)

    @property
    def lost(self) -> bool:
        return self._inner.lost


class Wired:
    """One front end behind a socket, what it was told, and the faults that can be put on it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        front_end: FrontEnd,
        clock: Clock | None = None,
        wire: type[TcpWire | UdpWire] = TcpWire,
    ) -> None:
        self._loop, self._clock = loop, clock or RealClock()
        self._heard = Heard(front_end)
        self._faulty = Faulty(self._heard)
        self._wire = wire(self._faulty, self._clock)
        self.open()

    @property
    def address(self) -> str:
        return f"{self._wire.address}:{self._wire.port}"

    @property
    def is_open(self) -> bool:
        return self._open

    def call(self, action: Callable[[], Answer]) -> Answer:
        """Do something in the event loop, where the front ends live."""

        async def do() -> Answer:
            return action()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(PATIENCE)

    def heard(self) -> bytes:
        """What clients have sent since this was asked before."""

        def look() -> bytes:
            heard = bytes(self._heard.bytes)
            self._heard.bytes.clear()
            return heard

        return self.call(look)

    def inject(self, fault: Fault, *, times: int | None = 1, seconds: float = 1.0) -> None:
        self.call(lambda: self._faulty.inject(fault, self._clock.now(), times=times, seconds=seconds))

    def clear(self, fault: Fault) -> None:
        self.call(lambda: self._faulty.clear(fault, self._clock.now()))

    def open(self) -> None:
        """Take the port: a free one at first, later the same again."""
        asyncio.run_coroutine_threadsafe(self._wire.open(), self._loop).result(PATIENCE)
        self._open = True

    def close(self) -> None:
        self._open = False
        self.call(self._wire.close)
        self.call(lambda: None)  # connections end in the next turn


@contextlib.contextmanager
def wires(wire: type[TcpWire | UdpWire] = TcpWire, clock: Clock | None = None) -> Iterator[Callable[[FrontEnd], Wired]]:
    """Puts front ends behind sockets; takes all away at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened: list[Wired] = []

    def put(front_end: FrontEnd) -> Wired:
        opened.append(Wired(loop, front_end, clock, wire))
        return opened[-1]

    try:
        yield put
    finally:
        for wired in opened:
            wired.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def fails(expected: type[Exception] | tuple[type[Exception], ...], action: Callable[[], object]) -> str:
    """The words of the error that an action must end with."""
    with pytest.raises(expected) as caught:
        action()
    return str(caught.value)
