"""``bench rack serve`` as a process: the broker if it is ours, the gateway, and the file that says where they are."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bench.broker.choose import Broker, choose_broker
from bench.engine.local import LocalEngine
from bench.errors import BenchFault
from bench.rack.client import Served
from bench.rack.gateway import Gateway
from bench.rack.inventory import Inventory
from bench.record.atomic import replacing

_BROKER_PATIENCE = 15.0  # real s
_NAP = 0.02


def serve_rack(inventory: Inventory, folder: Path, on_ready: Callable[[Served], None]) -> None:
    """Serve a rack until SIGINT or SIGTERM. Raises JournalError when another gateway does, BenchFault, BusError."""
    stop = threading.Event()
    folder.mkdir(parents=True, exist_ok=True)
    broker = choose_broker(inventory.bus, inventory.file.parent)
    engine = LocalEngine(folder, on_event=lambda text: None)
    gateway = Gateway(inventory, folder, broker.address, stop, engine.watch)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        if broker.command:
            engine.start("broker", broker.command(folder))
            _await(broker, engine)

        def ready(dead_man: int) -> None:
            served = Served(
                pid=os.getpid(),
                dead_man=dead_man,
                rack=inventory.name,
                topology=str(inventory.file),
                bus=broker.address,
            )
            stack.enter_context(_told(folder, served))
            on_ready(served)

        with contextlib.ExitStack() as stack:
            gateway.run(ready)
    finally:
        engine.stop()


def _await(broker: Broker, engine: LocalEngine) -> None:
    deadline = time.monotonic() + _BROKER_PATIENCE
    while True:
        engine.watch()
        try:
            socket.create_connection((broker.address.host, broker.address.port), timeout=1.0).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise BenchFault(f"no broker at {broker.address}: {error}") from error
        time.sleep(_NAP)


@contextlib.contextmanager
def _told(folder: Path, served: Served) -> Iterator[None]:
    """Clients find the gateway in a file, while it serves."""
    file = folder / "gateway.json"
    with replacing(file) as beside:
        beside.write_bytes(msgspec.json.encode(served))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
