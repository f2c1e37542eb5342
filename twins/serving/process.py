"""The serving process: twins, their memory and all their services on one event loop.

It says a line of JSON for each endpoint on its standard output, then that it is ready, and serves until it is told to
end or its parent is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import msgspec

from protocols.errors import MeterBenchError
from twins import lifeline
from twins.chosen import ChosenTwins
from twins.clock import make_clock
from twins.memory.journal import MemoryJournal
from twins.meter.clock import Clocks
from twins.plan import meter_id
from twins.serving.meters import ServedMeters, planted, with_attached
from twins.serving.spec import Ready, Refused, ServeSpec
from twins.shard.spec import read_spec
from twins.wisun.service import seats_in_homes

log = logging.getLogger(__name__)


class Serving:
    """The chosen twins of a spec on all protocols asked for."""

    def __init__(self, spec: ServeSpec) -> None:
        self._spec = spec
        self._journal = MemoryJournal(Path(spec.memory))
        twins = ChosenTwins(spec.plan, with_attached(spec.plan, spec.meters))
        count = len(spec.meters)
        self._meters = ServedMeters(
            twins,
            twins.views[:count],
            twins.views[count:],
            make_clock(spec.clock),
            Clocks(spec.plan),
            self._journal,
            spec.master_key,
            planted(spec.defects),
            spec.clock.scale,
        )
        wanted, addresses = set(spec.protocols), dict(enumerate(spec.addresses))
        if "echonet-lite" in wanted or "wi-sun" in wanted:
            self._meters.on_echonet(spec.addresses, spec.echonet_port, spec.notify)
        if "wi-sun" in wanted:
            folder = Path(spec.terminals)
            self._meters.on_sticks(lambda meters: seats_in_homes(meters, folder, spec.dialects, spec.sticks))
        if "dlms" in wanted:
            self._meters.on_dlms(addresses, spec.dlms_port)
        if "modbus-tcp" in wanted:
            self._meters.on_modbus(addresses, spec.modbus_port)
        if "optical" in wanted:
            self._meters.on_optical(_terminals(spec, "optical"))
        if "modbus-rtu" in wanted:
            self._meters.on_modbus_rtu(_terminals(spec, "modbus-rtu"))

    def open(self) -> None:
        """Take all endpoints, or none; raises :class:`MeterBenchError` for one that cannot be had."""
        self._meters.open()

    def close(self) -> None:
        """Let go of everything."""
        self._meters.close()
        self._journal.close()

    async def run(self, stop: threading.Event) -> None:
        """Serve until SIGTERM; not at all when ``stop`` says that it has come already."""
        serving = asyncio.ensure_future(self._meters.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
        if stop.is_set():
            serving.cancel()
        await asyncio.sleep(0)  # the services are started
        await asyncio.sleep(0)  # and begin to answer
        self._say()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    def _say(self) -> None:
        lines = [endpoint.to_json() for endpoint in self._meters.endpoints()]
        ready = Ready(pid=os.getpid(), twins=len(self._spec.meters), clock=self._spec.clock)
        _print(*lines, msgspec.json.encode(ready))


def _terminals(spec: ServeSpec, protocol: str) -> dict[int, Path]:
    """Place to the path of its serial line."""
    folder = Path(spec.terminals)
    return {place: folder / f"{meter_id(index)}-{protocol}" for place, index in enumerate(spec.meters[: spec.lines])}


def _print(*lines: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone, and so shall we be
        sys.stdout.buffer.write(b"".join(line + b"\n" for line in lines))
        sys.stdout.buffer.flush()


def main() -> int:
    """Serve what the spec named on the command line says; the exit code."""
    stop = lifeline.hold()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    serving = None
    try:
        serving = Serving(read_spec(sys.argv[1], ServeSpec))
        serving.open()
        try:
            asyncio.run(serving.run(stop))
        except MeterBenchError as error:  # nobody reads our standard output any more
            log.error("%s", error)
            return error.exit_code
    except MeterBenchError as error:
        _print(msgspec.json.encode(Refused(error=str(error), exit_code=error.exit_code)))
        return error.exit_code
    finally:
        if serving is not None:
            serving.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
