"""Half-hours that a controller has to confirm: over real sockets, in a time that the test moves."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

from protocols.echonet.frame import HEMS, Esv, Frame, Property
from protocols.echonet.route_b import HALF_HOUR_WITHIN, REPEATS
from protocols.slots import SLOT_SECONDS, slot_end, slot_of
from tests.twins.echonet.twin import FLEET, NOW, request, twin_of, view_of
from twins.chosen import ChosenTwins
from twins.clock import VirtualClock
from twins.echonet.service import EchonetService
from twins.echonet.udp import UdpTwins

NET = f"127.79.{os.getpid() % 256}"
TWIN, CONTROLLER = f"{NET}.7", f"{NET}.200"
TOLD = slot_end(slot_of(NOW)) + HALF_HOUR_WITHIN
"""When the half-hour that runs at ``NOW`` has been told by every meter."""


class Controller:
    """A controller on a plain socket, at the port that it shares with the twin."""

    def __init__(self, own: socket.socket, service: EchonetService) -> None:
        self._own, self._service = own, service

    def at(self, steady: float) -> None:
        """Let so many real seconds have passed since the half-hour was told."""
        self._service.step(TOLD, steady)

    async def heard(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._own, 2000)

    def say(self, data: bytes) -> None:
        self._own.sendto(data, (TWIN, self._own.getsockname()[1]))

    async def asked(self) -> Esv:
        """What the next datagram is after a request, which a meter answers at once."""
        self.say(request(Esv.GET, Property(0xD7)))
        return Frame.from_bytes(await self.heard()).esv


def with_controller(use: Callable[[Controller, EchonetService], Awaitable[None]]) -> None:
    """A twin on UDP that tells its half-hours to a controller."""

    async def run() -> None:
        view = view_of("current", True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.setblocking(False)
            own.bind((CONTROLLER, 0))
            clock, node = VirtualClock(NOW), twin_of(view)
            udp = UdpTwins([node], [TWIN], clock, own.getsockname()[1])
            service = EchonetService(ChosenTwins(FLEET.plan, [view.index]), [node], udp, clock, CONTROLLER)
            service.open()
            try:
                udp.start()
                await asyncio.wait_for(use(Controller(own, service), service), 20)
            finally:
                udp.close()

    asyncio.run(run())


def test_a_half_hour_is_repeated_on_the_wire_until_it_is_confirmed() -> None:
    async def use(controller: Controller, service: EchonetService) -> None:
        controller.at(0.0)
        first = await controller.heard()
        told = Frame.from_bytes(first)
        assert (told.esv, [item.epc for item in told.properties]) == (Esv.INFC, [0xEA, 0xEB])
        controller.at(REPEATS.period)
        assert await controller.heard() == first
        controller.say(told.confirmation(HEMS).to_bytes())
        assert await controller.asked() is Esv.GET_RES  # and so the confirmation has arrived
        controller.at(2 * REPEATS.period)
        assert await controller.asked() is Esv.GET_RES
        assert service.given_up == 0

    with_controller(use)


def test_a_half_hour_that_nobody_confirms_is_told_so_often_and_given_up() -> None:
    async def use(controller: Controller, service: EchonetService) -> None:
        for number in range(REPEATS.sends):
            controller.at(number * REPEATS.period)
        assert len({await controller.heard() for _ in range(REPEATS.sends)}) == 1
        controller.at(REPEATS.sends * REPEATS.period)
        assert service.given_up == 1
        assert await controller.asked() is Esv.GET_RES

    with_controller(use)


def test_the_next_half_hour_is_another_notification() -> None:
    async def use(controller: Controller, service: EchonetService) -> None:
        controller.at(0.0)
        first = Frame.from_bytes(await controller.heard())
        service.step(TOLD + SLOT_SECONDS, 1.0)
        second = Frame.from_bytes(await controller.heard())
        assert first.tid != second.tid
        assert first.properties[0].edt != second.properties[0].edt

    with_controller(use)
