"""The process of an emulated rack: all of it on one event loop, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from bench.rack.emulate import EmulatedRack, EmulateSpec
from bench.rack.emulator import ControlSocket
from protocols.errors import MeterBenchError
from twins import lifeline
from twins.shard.spec import read_spec

__all__ = ["EmulateSpec", "emulate", "main"]

log = logging.getLogger(__name__)


async def emulate(
    spec: EmulateSpec, on_ready: Callable[[EmulatedRack], None], stopped: threading.Event | None = None
) -> None:
    """Answer at all addresses until told to stop, by a signal or before it began (``stopped``).

    Raises InputError for what cannot be emulated, and what ends the meters' memory.
    """
    rack, stop = EmulatedRack(spec), asyncio.Event()
    control = ControlSocket(rack, Path(spec.folder))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if stopped is not None and stopped.is_set():
        stop.set()
    await rack.open()
    try:
        await control.open()
        on_ready(rack)
        waiting = asyncio.ensure_future(stop.wait())
        assert rack.serving is not None
        done, _ = await asyncio.wait({waiting, rack.serving}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for each in done:
            each.result()
    finally:
        control.close()
        await rack.close()


def main() -> int:
    """Emulate what the spec named on the command line says; the exit code."""
    stopped = lifeline.hold()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        asyncio.run(emulate(read_spec(sys.argv[1], EmulateSpec), lambda rack: None, stopped))
    except MeterBenchError as error:
        log.error("%s", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
