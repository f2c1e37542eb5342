"""Where a reader of ECHONET Lite can go wrong although every byte is right: waits, midnight, sticks that must pause."""

from __future__ import annotations

import selectors
import time

import pytest

from hil_drivers.meters.echonet import EchonetAddress, UdpCarrier, UdpEchonetMeter
from hil_drivers.meters.echonet_node import Carrier, EchonetNode
from hil_drivers.meters.route_b import RouteBMeter, StickAddress, StickCarrier
from protocols.echonet.frame import LV_METER, Frame
from protocols.slots import SLOT_SECONDS, jst
from tests.hil_drivers.meters.servers import StickServer, UdpServer
from tests.hil_drivers.meters.twins import NOW, VIEW, echonet_node, stick_address
from tests.protocols.wisun.vectors import CREDENTIALS
from tests.twins.echonet.twin import twin_of

TEXT_STICKS = pytest.mark.parametrize("dialect", ["BP35A1", "RL7023", "BP35C2"])


class Watched:
    """A carrier that notes when it has sent a request, and until when it is told to listen for the answer."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self.place, self.wait_s = carrier.place, carrier.wait_s
        self.sent = self.deadline = 0.0
        self.close = carrier.close

    def send(self, data: bytes) -> None:
        self._carrier.send(data)
        self.sent = time.monotonic()

    def receive(self, deadline: float) -> bytes | None:
        self.deadline, self.latest = deadline, time.monotonic()
        return self._carrier.receive(deadline)

    def waits(self, seconds: float) -> bool:
        """Whether it was to listen for so long, from the end of sending on."""
        return self.sent + seconds <= self.deadline <= self.latest + seconds


@pytest.mark.parametrize(("epcs", "seconds"), [((0xE7,), 20), ((0xE7, 0xE8), 60), ((0xE2,), 60)])
def test_an_answer_may_take_as_long_as_the_aif_allows(epcs: tuple[int, ...], seconds: float) -> None:
    with UdpServer(echonet_node()) as server:
        carrier = Watched(UdpCarrier(EchonetAddress(server.host, server.port)))
        node = EchonetNode(carrier, LV_METER)
        node.readable()
        assert node.read(epcs).keys() == set(epcs)
        assert carrier.waits(seconds)
        node.close()


@pytest.mark.parametrize("dialect", ["BP35A1", "J11"])
def test_joining_first_takes_nothing_from_the_time_for_the_answer(dialect: str) -> None:
    with StickServer(echonet_node(), dialect, CREDENTIALS) as server:
        address = StickAddress(server.path, CREDENTIALS.route_b_id.decode(), CREDENTIALS.password.decode(), dialect)
        carrier = Watched(StickCarrier(address))
        node = EchonetNode(carrier, LV_METER)
        began = time.monotonic()
        node.readable()
        node.close()
    assert carrier.sent > began
    assert carrier.waits(60)


def test_a_day_of_history_that_is_read_over_midnight_is_read_again() -> None:
    today = jst(NOW).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight = int(today.timestamp())
    twin, clock = twin_of(VIEW), [midnight - 30]

    def node(data: bytes) -> list[bytes]:
        if Frame.from_bytes(data).properties[0].epc == 0xE2:
            clock[0] = midnight + 30  # day 0 is another day now, and the history does not say so
        return [item.data for item in twin.receive(data, "127.0.0.1", clock[0])]

    first, last = midnight - 4 * SLOT_SECONDS, midnight - SLOT_SECONDS
    with (
        UdpServer(node) as server,
        UdpEchonetMeter(EchonetAddress(server.host, server.port)) as meter,
    ):
        found = [(row.end, row.import_wh) for row in meter.profile(SLOT_SECONDS, first, last)]
    assert clock == [midnight + 30]
    assert found == [(row.end, row.active.import_wh) for row in VIEW.record(SLOT_SECONDS, first, last, NOW)]
    assert len(found) == 4


@TEXT_STICKS
def test_a_stick_that_renews_its_session_when_we_send_is_waited_for(dialect: str) -> None:
    with StickServer(echonet_node(), dialect, CREDENTIALS) as server, RouteBMeter(stick_address(server)) as meter:
        meter.clock()
        server.say(lambda stick: stick.session_expired())  # EVENT 29 comes while nobody listens
        assert meter.identity().serial == VIEW.identity.serial
        assert meter.instant().power_w == VIEW.power_w(NOW)


@TEXT_STICKS
def test_a_stick_whose_air_time_is_used_up_when_we_send_is_waited_for(dialect: str) -> None:
    class Releasing(StickServer):
        """Its air time is free again after the next thing that it hears."""

        limited = False

        def ready(self, key: selectors.SelectorKey) -> None:
            super().ready(key)
            if self.limited:
                self.limited = False
                self.say(lambda stick: stick.send_limit(False))

    with Releasing(echonet_node(), dialect, CREDENTIALS) as server, RouteBMeter(stick_address(server)) as meter:
        meter.clock()
        server.say(lambda stick: stick.send_limit(True))  # EVENT 32 comes while nobody listens
        server.limited = True
        assert meter.identity().serial == VIEW.identity.serial
