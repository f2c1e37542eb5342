"""Twins served on real sockets, at an instant that the test chooses."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from protocols.slots import SLOT_SECONDS
from tests.twins.meter.fleets import metered_fleet
from twins.clock import VirtualClock
from twins.meter.meters import Meters
from twins.meter.view import MeterView
from twins.modbus.service import ModbusService

FLEET = metered_fleet()
METERS = Meters(FLEET)
NOW = FLEET.slot * SLOT_SECONDS + 617.25
NET = f"127.78.{os.getpid() % 256}"


def view_of(*, three_wire: bool, generator: bool) -> MeterView:
    """The first meter of this kind."""
    views = (MeterView(METERS, row) for row in range(FLEET.size))
    return next(view for view in views if (view.three_wire, view.has_generator) == (three_wire, generator))


def addresses(count: int) -> list[str]:
    return [f"{NET}.{n + 1}" for n in range(count)]


def free_port(address: str) -> int:
    with socket.create_server((address, 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def served(
    views: Sequence[MeterView], clock: VirtualClock, defects: Mapping[int, Collection[str]] | None = None
) -> Iterator[ModbusService]:
    """A service that answers, in a thread of its own."""
    places = addresses(len(views))
    service = ModbusService(views, places, clock, free_port(places[0]), defects)
    service.open()
    loop = asyncio.new_event_loop()
    task = loop.create_task(service.run())

    def serve() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        service.close()
