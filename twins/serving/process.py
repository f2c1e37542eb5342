"""The serving process: twins, their memory and all their services on one event loop.

It says a line of JSON for each endpoint on its standard output, then that it is ready, and serves until it is told to
end or its parent is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from protocols.errors import MeterBenchError
from protocols.slots import slot_of
from protocols.wisun.radio import Credentials
from twins import lifeline
from twins.chosen import ChosenTwins
from twins.clock import Clock, make_clock
from twins.dlms.logical_device import TwinDevice
from twins.dlms.service import DlmsService
from twins.echonet.everybody import Everybody
from twins.echonet.node import TwinNode
from twins.echonet.service import EchonetService
from twins.echonet.udp import UdpTwins
from twins.hosts import attached
from twins.memory.journal import MemoryJournal
from twins.meter.clock import Clocks
from twins.modbus.service import ModbusService
from twins.route_b.meter import RouteB
from twins.serving.endpoint import Service
from twins.serving.spec import Ready, Refused, ServeSpec
from twins.shard.spec import read_spec
from twins.wisun.service import StickService

_ELECTRIC = ("LV", "HV")
_LOOK = 1.0  # real s between two looks at what meters do by themselves
_LEAST_LOOK = 0.1  # when simulated time runs faster: a limiter counts simulated seconds
_AT_A_TIME = 32  # meters that are looked after before clients have their turn: one takes up to half a millisecond

log = logging.getLogger(__name__)


class Serving:
    """The chosen twins of a spec on all protocols asked for."""

    def __init__(self, spec: ServeSpec) -> None:
        self._spec = spec
        self._clock: Clock = make_clock(spec.clock)
        self._journal = MemoryJournal(Path(spec.memory))
        attached_to = {host: attached(spec.plan, host) for host in spec.meters}
        self._twins = ChosenTwins(spec.plan, [*spec.meters, *itertools.chain(*attached_to.values())])
        self._views = self._twins.views[: len(spec.meters)]
        by_index = {view.index: view for view in self._twins.views}
        self._clocks = Clocks(spec.plan)
        self._failing: set[int] = set()
        self._planted: dict[int, set[str]] = {}
        for plan in spec.defects:
            for index in plan.meters:
                self._planted.setdefault(index, set()).add(plan.kind)
        # Memories first: what they say of the supply must be known before anything is metered.
        self._devices = [
            TwinDevice(
                view,
                self._clocks,
                self._journal,
                spec.master_key,
                attached=[by_index[index] for index in attached_to[view.index]],
                defects=self._planted.get(view.index, ()),
            )
            for view in self._views
        ]
        self._dlms: DlmsService | None = None
        self._twins.advance_to(slot_of(self._clock.now()))
        self._services = self._build()

    def _build(self) -> list[Service]:
        spec, wanted, everybody = self._spec, set(self._spec.protocols), Everybody()
        views = self._views
        nodes = [TwinNode(view, self._clocks, spec.master_key, self._planted.get(view.index, ())) for view in views]
        services: list[Service] = []
        if "echonet-lite" in wanted or "wi-sun" in wanted:
            udp = UdpTwins(nodes, spec.addresses, self._clock, spec.echonet_port, everybody=everybody)
            services.append(EchonetService(self._twins, nodes, udp, self._clock, spec.notify))
        if "wi-sun" in wanted:
            services.append(self._sticks(nodes, everybody))
        electric = [place for place, view in enumerate(views) if view.meter_class in _ELECTRIC]
        if "dlms" in wanted:
            self._dlms = DlmsService(
                [self._devices[place] for place in electric],
                [spec.addresses[place] for place in electric],
                self._clock,
                spec.dlms_port,
            )
            services.append(self._dlms)
        if "modbus-tcp" in wanted:
            low = [place for place in electric if views[place].meter_class == "LV"]
            services.append(
                ModbusService(
                    [views[place] for place in low],
                    [spec.addresses[place] for place in low],
                    self._clock,
                    spec.modbus_port,
                    self._planted,
                )
            )
        return services

    def _sticks(self, nodes: list[TwinNode], everybody: Everybody) -> StickService:
        spec, meters = self._spec, []
        for node in nodes:
            given = node.credentials
            electric = node.view.meter_class in _ELECTRIC  # gas and water meters have a route of their own
            credentials = Credentials(given.id.encode(), given.password.encode()) if electric else None
            meters.append(RouteB(node, credentials, defects=self._planted.get(node.view.index, ())))
        folder = Path(spec.terminals)
        return StickService(
            meters, self._clock, spec.plan.seed, folder, spec.dialects, sticks=spec.sticks, everybody=everybody
        )

    def open(self) -> None:
        """Take all endpoints, or none; raises :class:`MeterBenchError` for one that cannot be had."""
        opened: list[Service] = []
        try:
            for service in self._services:
                service.open()
                opened.append(service)
        except MeterBenchError:
            for service in opened:
                service.close()
            raise

    def close(self) -> None:
        """Let go of everything."""
        for service in self._services:
            service.close()
        self._journal.close()

    async def run(self, stop: threading.Event) -> None:
        """Serve until SIGTERM; not at all when ``stop`` says that it has come already."""
        serving = asyncio.gather(*(service.run() for service in self._services), self._look_after())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
        if stop.is_set():
            serving.cancel()
        await asyncio.sleep(0)  # the services begin to answer
        self._say()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    async def _look_after(self) -> None:
        """What meters do by themselves: bookings, limits, restarts, pushes."""
        rest = max(_LEAST_LOOK, min(_LOOK, _LOOK / self._spec.clock.scale))
        while True:
            for first in range(0, len(self._devices), _AT_A_TIME):
                self._step(self._devices[first : first + _AT_A_TIME])
                await asyncio.sleep(0)
            if self._dlms is not None:
                self._dlms.look_after()
            await asyncio.sleep(rest)

    def _step(self, devices: Sequence[TwinDevice]) -> None:
        now = self._clock.now()
        self._twins.advance_to(slot_of(now))
        for each in devices:
            each.device.now = now
            if each.device.busy:
                try:
                    each.device.step()
                except MeterBenchError as error:
                    self._complain(each, error)
        if self._journal.failure is not None:  # a client's connection may have met it first
            raise self._journal.failure

    def _complain(self, each: TwinDevice, error: MeterBenchError) -> None:
        """Say once for each meter that it fails: the others go on."""
        if each.device.view.index not in self._failing:
            self._failing.add(each.device.view.index)
            log.warning("%s: %s", each.device.view.identity.meter, error)

    def _say(self) -> None:
        lines = [endpoint.to_json() for service in self._services for endpoint in service.endpoints()]
        ready = Ready(pid=os.getpid(), twins=len(self._spec.meters), clock=self._spec.clock)
        _print(*lines, msgspec.json.encode(ready))


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
