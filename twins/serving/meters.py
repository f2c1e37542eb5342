"""Meters with their devices and the services before them on one event loop: what every server of meters is built with.

First the meters, then the media that they are on, one call each; then :meth:`ServedMeters.open` and
:meth:`ServedMeters.run`. Whoever calls says where they answer. All times are those of one clock.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from protocols.errors import MeterBenchError
from protocols.slots import slot_of
from protocols.wisun.radio import Credentials
from twins.chosen import ChosenTwins
from twins.clock import Clock
from twins.dlms.logical_device import TwinDevice
from twins.dlms.optical import optical_service
from twins.dlms.service import DlmsService
from twins.echonet.everybody import Everybody
from twins.echonet.node import TwinNode
from twins.echonet.service import EchonetService
from twins.echonet.udp import UdpTwins
from twins.hosts import attached
from twins.memory.journal import MemoryJournal
from twins.meter.clock import Clocks
from twins.meter.view import MeterView
from twins.modbus.rtu import rtu_service
from twins.modbus.service import ModbusService
from twins.plan import FleetPlan
from twins.route_b.meter import RouteB
from twins.serving.endpoint import Endpoint, Service
from twins.shard.spec import DefectPlan
from twins.wisun.link import PERFECT, Link
from twins.wisun.parameters import RadioParameters
from twins.wisun.service import Seat, StickService

_ELECTRIC = ("LV", "HV")
_ELSEWHERE = "elsewhere"  # the address of whoever asks over another's medium
_LOOK = 1.0  # real s between two looks at what meters do by themselves
_LEAST_LOOK = 0.1  # when simulated time runs faster: a limiter counts simulated seconds
_AT_A_TIME = 32  # meters that are looked after before clients have their turn: one takes up to half a millisecond

T = TypeVar("T", bound=Service)

log = logging.getLogger(__name__)


def with_attached(plan: FleetPlan, meters: Iterable[int]) -> list[int]:
    """These meters, then those that are read through them."""
    indices = list(meters)
    return [*indices, *itertools.chain.from_iterable(attached(plan, host) for host in indices)]


def planted(defects: Iterable[DefectPlan]) -> dict[int, set[str]]:
    """Names of the planted defects by meter index."""
    found: dict[int, set[str]] = {}
    for plan in defects:
        for index in plan.meters:
            found.setdefault(index, set()).add(plan.kind)
    return found


class ServedMeters:
    """The meters of ``views``, in their order; ``others`` are the meters read through them.

    ``twins`` are advanced here, once all memories have said what they know of the supply. ``scale`` is how many times
    as fast as real time the clock runs. Raises what memories and twins raise.
    """

    def __init__(
        self,
        twins: ChosenTwins,
        views: Sequence[MeterView],
        others: Sequence[MeterView],
        clock: Clock,
        clocks: Clocks,
        journal: MemoryJournal,
        master: bytes,
        defects: Mapping[int, Collection[str]],
        scale: float = 1.0,
    ) -> None:
        self.views = views
        self._twins, self._clock, self._journal, self._defects = twins, clock, journal, defects
        self._rest = max(_LEAST_LOOK, min(_LOOK, _LOOK / scale))
        self._failing: set[int] = set()
        known = {view.index: view for view in (*others, *views)}
        self.devices = [
            TwinDevice(
                view,
                clocks,
                journal,
                master,
                attached=[known[index] for index in attached(twins.plan, view.index)],
                defects=defects.get(view.index, ()),
            )
            for view in views
        ]
        twins.advance_to(slot_of(clock.now()))
        self._nodes = [
            TwinNode(view, clocks, master, defects.get(view.index, ()), each.device.answers)
            for view, each in zip(views, self.devices, strict=True)
        ]
        self._everybody = Everybody()
        self._services: list[Service] = []
        self._dlms: list[DlmsService] = []

    # --- the media -------------------------------------------------------------------------------------------------

    def on_echonet(
        self, addresses: Sequence[str | None], port: int, notify: str | None = None, *, six: bool = True
    ) -> None:
        """ECHONET Lite over UDP: an address for each meter, None for one without."""
        udp = UdpTwins(self._nodes, addresses, self._clock, port, everybody=self._everybody, six=six)
        service = self._add(EchonetService(self._twins, self._nodes, udp, self._clock, notify))
        for place, each in enumerate(self.devices):
            each.device.started.append(partial(service.announce, place))

    def answering(self, place: int) -> Callable[[bytes, float], list[bytes]]:
        """For a medium of somebody else's: what the meter at a place answers to a frame that comes by it."""
        node = self._nodes[place]

        def answer(data: bytes, now: float) -> list[bytes]:
            outgoing = node.receive(data, _ELSEWHERE, now)
            for item in outgoing:
                if item.to is None:
                    self._everybody.say(place, item.data)
            return [item.data for item in outgoing if item.to is not None]

        return answer

    def on_sticks(
        self,
        seats: Callable[[Sequence[RouteB]], Sequence[Seat]],
        link: Link = PERFECT,
        parameters: RadioParameters | None = None,
    ) -> StickService:
        """The B-route over sticks, of which ``seats`` says where they are; gas and water meters have no B-route."""
        meters = []
        for node, each in zip(self._nodes, self.devices, strict=True):
            given, index = node.credentials, node.view.index
            electric = node.view.meter_class in _ELECTRIC
            credentials = Credentials(given.id.encode(), given.password.encode()) if electric else None
            meters.append(RouteB(node, credentials, defects=self._defects.get(index, ())))
            each.device.started.insert(0, meters[-1].restart)  # before it announces itself to who has a session
        service = StickService(
            meters,
            self._clock,
            self._twins.plan.seed,
            seats(meters),
            everybody=self._everybody,
            parameters=parameters,
            link=link,
        )
        return self._add(service)

    def on_dlms(self, addresses: Mapping[int, str], port: int) -> None:
        """DLMS over TCP, for the electricity meters among these places."""
        places = [place for place in addresses if self.views[place].meter_class in _ELECTRIC]
        devices = [self.devices[place] for place in places]
        self._dlms.append(self._add(DlmsService(devices, [addresses[place] for place in places], self._clock, port)))

    def on_modbus(self, addresses: Mapping[int, str], port: int) -> None:
        """Modbus over TCP, for the low-voltage meters among these places."""
        places = [place for place in addresses if self.views[place].meter_class == "LV"]
        views, runs = [self.views[place] for place in places], [self.devices[place].device.answers for place in places]
        self._add(ModbusService(views, [addresses[place] for place in places], self._clock, port, self._defects, runs))

    def on_optical(self, paths: Mapping[int, Path]) -> None:
        """DLMS at optical ports, for the electricity meters among these places."""
        places = [place for place in paths if self.views[place].meter_class in _ELECTRIC]
        devices = [self.devices[place] for place in places]
        self._add(optical_service(devices, [paths[place] for place in places], self._clock))

    def on_modbus_rtu(self, paths: Mapping[int, Path]) -> None:
        """Modbus RTU on serial lines, for the low-voltage meters among these places."""
        places = [place for place in paths if self.views[place].meter_class == "LV"]
        views, runs = [self.views[place] for place in places], [self.devices[place].device.answers for place in places]
        self._add(rtu_service(views, [paths[place] for place in places], self._clock, self._defects, runs))

    def _add(self, service: T) -> T:
        self._services.append(service)
        return service

    # --- serving ---------------------------------------------------------------------------------------------------

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
        """Let go of all endpoints."""
        for service in self._services:
            service.close()

    def endpoints(self) -> list[Endpoint]:
        """Where the meters answer, service by service."""
        return [endpoint for service in self._services for endpoint in service.endpoints()]

    async def run(self) -> None:
        """Serve until cancelled; raises what ends the memory."""
        await asyncio.gather(*(service.run() for service in self._services), self._look_after())

    async def _look_after(self) -> None:
        """What meters do by themselves: bookings, limits, restarts, pushes."""
        while True:
            for first in range(0, len(self.devices), _AT_A_TIME):
                self._step(self.devices[first : first + _AT_A_TIME])
                await asyncio.sleep(0)
            for service in self._dlms:
                service.look_after()
            await asyncio.sleep(self._rest)

    def _step(self, devices: Sequence[TwinDevice]) -> None:
        now = self._clock.now()
        self._twins.advance_to(slot_of(now))
        for each in devices:
            try:
                each.device.answers(now)  # also brings what feeds it to this instant
                if each.device.busy:
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
