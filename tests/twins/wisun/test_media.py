"""One twin on UDP and on the radio: one state, and what it tells everybody is told on both; the pace of the wire."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from protocols.echonet.frame import HEMS, Esv, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from protocols.slots import SLOT_SECONDS
from tests.twins.echonet.twin import FLEET
from twins.chosen import ChosenTwins
from twins.echonet.service import EchonetService
from twins.echonet.udp import UdpTwins
from twins.route_b.limits import Pace

from .rig import PATIENCE, VIEWS, Host, Served, credentials, served
from .test_service import greeted

NEXT = 1
PLACES = len(VIEWS)
LOCATION = Property(0x81, b"\x08")


class Controller:
    """A controller on UDP: a socket at an address of its own, and the port that it shares with the twins."""

    def __init__(self) -> None:
        net = f"127.78.{os.getpid() % 256}"
        self.address, self.twins = f"{net}.200", [f"{net}.{place + 1}" for place in range(PLACES)]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, 0))
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]

    def send(self, place: int, *properties: Property, esv: Esv = Esv.GET, tid: int = 1) -> None:
        data = Frame(tid, HEMS, LV, esv, properties).to_bytes()
        self.socket.sendto(data, (self.twins[place], self.port))

    def received(self) -> Frame:
        return Frame.from_bytes(self.socket.recv(2000))


@contextlib.contextmanager
def on_udp(rig: Served, pace: Pace | None = None) -> Iterator[tuple[Controller, UdpTwins]]:
    """The rig's twins on UDP too."""
    controller = Controller()
    udp = UdpTwins(rig.nodes, controller.twins, rig.clock, controller.port, everybody=rig.everybody, pace=pace)
    udp.open()
    rig.call(udp.start)
    try:
        yield controller, udp
    finally:
        rig.call(udp.close)
        controller.socket.close()


def test_a_change_that_is_made_by_udp_is_told_on_the_radio_and_read_there(tmp_path: Path) -> None:
    with (
        served(tmp_path, "BP35A1") as rig,
        on_udp(rig) as (controller, _),
        Host(rig, 0, "BP35A1", credentials(NEXT)) as host,
    ):
        host.open()
        greeted(host)
        controller.send(NEXT, LOCATION, esv=Esv.SET_C)
        assert controller.received().esv is Esv.SET_RES
        told = host.received()
        assert (told.esv, told.properties) == (Esv.INF, (LOCATION,))
        assert host.get(0x81) == [LOCATION.edt]


def half_hours(rig: Served, udp: UdpTwins, notify: str | None) -> None:
    """Let a half-hour end, and everybody tell it."""
    twins = ChosenTwins(FLEET.plan, [view.index for view in VIEWS])
    service = EchonetService(twins, rig.nodes, udp, rig.clock, notify)

    def passes() -> None:
        rig.clock.move(simulated=SLOT_SECONDS + 300)
        service.step(rig.clock.now(), rig.clock.monotonic())

    rig.call(passes)


def test_a_half_hour_is_told_by_radio_also_when_a_controller_on_udp_wants_it_confirmed(tmp_path: Path) -> None:
    with (
        served(tmp_path, "BP35C2") as rig,
        on_udp(rig) as (controller, udp),
        Host(rig, 0, "BP35C2", credentials(NEXT)) as host,
    ):
        host.open()
        greeted(host)
        half_hours(rig, udp, controller.address)
        told = host.received()
        assert (told.esv, [item.epc for item in told.properties]) == (Esv.INF, [0xEA, 0xEB])
        confirmed = [controller.received() for _ in range(PLACES)]
        assert {frame.esv for frame in confirmed} == {Esv.INFC}
        assert told.properties in [frame.properties for frame in confirmed]


def test_without_such_a_controller_the_radio_hears_the_half_hour_once(tmp_path: Path) -> None:
    with (
        served(tmp_path, "BP35A1") as rig,
        on_udp(rig) as (_, udp),
        Host(rig, 0, "BP35A1", credentials(NEXT)) as host,
    ):
        host.open()
        greeted(host)
        half_hours(rig, udp, None)
        assert host.received().esv is Esv.INF
        assert host.quiet() == []


def test_on_the_wire_too_frequent_requests_wait_their_turn_and_then_are_dropped(tmp_path: Path) -> None:
    pace = Pace(per_second=2.0, burst=3, waiting=2, source="tests", verified=False)
    with served(tmp_path, "BP35A1") as rig, on_udp(rig, pace) as (controller, udp):

        def burst() -> None:
            for tid in range(8):
                controller.send(NEXT, Property(0xE7), tid=tid)

        rig.call(burst)
        assert [controller.received().tid for _ in range(3)] == [0, 1, 2]
        turns = (rig.call(lambda: udp.refused) for _ in range(1000))  # one datagram is taken at each turn of the loop
        assert next((refused for refused in turns if refused >= 3), 0) == 3
        rig.clock.move(real=1.0)
        assert [controller.received().tid for _ in range(2)] == [3, 4]
        controller.send(0, Property(0xE7), tid=9)  # another twin has a pace of its own
        assert controller.received().tid == 9
