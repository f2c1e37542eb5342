"""The process of an emulated rack: all of it on one event loop, until SIGINT or SIGTERM.

As a process of a run it outlives a run that is killed outright, by some seconds: a rack does not vanish with who used
it, so the run's dead-man process finds everything in place, and who watches finds how it ended.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.rack import dead_man
from bench.rack.emulate import EmulatedRack, EmulateSpec
from bench.rack.emulator import ControlSocket
from protocols.errors import MeterBenchError
from twins import lifeline
from twins.shard.spec import read_spec

__all__ = ["EmulateSpec", "emulate", "main"]

log = logging.getLogger(__name__)

STAYS: Final = 2.0
"""Real seconds that the rack of a killed run stays once its dead-man process is through."""

_STAYS_AT_MOST: Final = 10.0  # a dead-man that cannot reach the safe state goes on for as long as there is a rack
_LOOK: Final = 0.02


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


def _outlive(folder: Path) -> None:
    """Stay until the safe state is reached, where somebody is at work on it, and a little longer."""
    if not dead_man.is_at_work(folder):
        return
    deadline = time.monotonic() + _STAYS_AT_MOST
    while dead_man.is_at_work(folder) and time.monotonic() < deadline:
        time.sleep(_LOOK)
    time.sleep(STAYS)


def main() -> int:
    """Emulate what the spec named on the command line says; the exit code."""
    spec = read_spec(sys.argv[1], EmulateSpec)
    stopped = lifeline.hold(lambda: _outlive(Path(spec.folder)))
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        asyncio.run(emulate(spec, lambda rack: None, stopped))
    except MeterBenchError as error:
        log.error("%s", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
