"""Serving a rack: the broker if it is ours, the gateway, and the file that says where they are.

As a process of a run, on the run's bus: ``python -m bench.rack.serve SPEC.json``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
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
from bench.rack.inventory import Inventory, read_inventory
from bench.record.atomic import replacing
from twins import lifeline
from twins.bus.address import BusAddress
from twins.shard.spec import read_spec

_BROKER_PATIENCE = 15.0  # real s
_NAP = 0.02


class RackSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A rack to serve in a run: the file that describes it, the gateway's folder, the run's bus."""

    topology: str
    folder: str
    bus: BusAddress


def serve_rack(
    inventory: Inventory,
    folder: Path,
    stop: threading.Event,
    on_ready: Callable[[Served], None],
    bus: BusAddress | None = None,
) -> None:
    """Serve a rack until ``stop``, on this bus or on the topology's.

    Raises JournalError when another gateway does, BenchFault, BusError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    broker = choose_broker(inventory.bus, inventory.file.parent) if bus is None else Broker(bus, None)
    engine = LocalEngine(folder, on_event=lambda text: None)
    gateway = Gateway(inventory, folder, broker.address, stop, engine.watch)
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


def main() -> None:
    """Serve the rack whose spec is named on the command line, until told to stop."""
    stop = lifeline.hold()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    spec = read_spec(sys.argv[1], RackSpec)
    serve_rack(read_inventory(Path(spec.topology)), Path(spec.folder), stop, lambda served: None, spec.bus)


if __name__ == "__main__":
    main()
