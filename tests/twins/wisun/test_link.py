"""Single frames lost between a stick and its meter, and the link quality that the link says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from twins.wisun.link import Delivery, Way
from twins.wisun.station import Station

from .rig import Port, Served, credentials, served
from .test_service import tuned

PLACE = 0
UP, DOWN = Way.TO_METER, Way.TO_STICK


class Losing:
    """Loses the frames with these numbers, counted from 1 each way; has one link quality for all."""

    most_tries = 1

    def __init__(self, *lost: tuple[Way, int]) -> None:
        self._lost = set(lost)
        self.sent = {UP: 0, DOWN: 0}

    def lqi(self, stick: bytes, station: Station) -> int:
        return 0x77

    def carry(self, stick: bytes, station: Station, size: int, way: Way, *, to_all: bool = False) -> Delivery:
        self.sent[way] += 1
        arrived = (way, self.sent[way]) not in self._lost
        return Delivery(arrived, arrived and not to_all)


def start_joining(port: Port, rig: Served) -> None:
    address = tuned(port, rig, PLACE).decode()
    who = credentials(PLACE)
    port.command(f"SKSETRBID {who.route_b_id.decode()}")
    port.command(f"SKSETPWD C {who.password.decode()}")
    port.command(f"SKJOIN {address}")


@pytest.mark.parametrize(
    "lost",
    [(UP, 2), (UP, 3), (UP, 4), (UP, 6), (DOWN, 2), (DOWN, 3), (DOWN, 5)],
    ids=lambda frame: f"{frame[0].value} {frame[1]}",
)
def test_a_lost_packet_of_joining_is_repeated_after_a_while(lost: tuple[Way, int], tmp_path: Path) -> None:
    """Frame 1 is the neighbour's solicitation and its answer."""
    with served(tmp_path, "BP35A1", link=lambda clock: Losing(lost)) as rig, Port(rig.path()) as port:
        start_joining(port, rig)
        if lost == (UP, 6):  # the last answer: the stick has joined, and the meter does not know it
            port.until(b"EVENT 25")
        else:
            assert b"EVENT 25" not in port.read(0.2)
        assert bool(rig.call(lambda: rig.meters[PLACE].joined)) is False
        rig.move(simulated=2.1)
        port.until(b"D50401028801\r\n")
        assert rig.call(lambda: rig.meters[PLACE].joined)


def test_a_packet_that_is_not_acknowledged_shows_as_not_sent(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1", link=lambda clock: Losing((UP, 3))) as rig, Port(rig.path()) as port:
        start_joining(port, rig)
        assert b"EVENT 21" in port.until(b" 01\r\n")


def test_a_neighbour_that_is_not_reached_or_not_heard_does_not_answer(tmp_path: Path) -> None:
    for number, way in enumerate((UP, DOWN)):
        link = Losing((way, 1))
        directory = tmp_path / str(number)
        with served(directory, "BP35A1", link=lambda clock, link=link: link) as rig, Port(rig.path()) as port:
            start_joining(port, rig)
            port.until(b"EVENT 24")
            assert not rig.call(lambda: rig.meters[PLACE].joined)


def test_a_greeting_may_be_lost_and_nobody_repeats_it(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1", link=lambda clock: Losing((DOWN, 6))) as rig, Port(rig.path()) as port:
        start_joining(port, rig)
        heard = port.until(b"EVENT 25")
        rig.move(simulated=10.0)
        assert b"D50401028801" not in heard + port.read(0.2)
        assert rig.call(lambda: rig.meters[PLACE].joined)


@pytest.mark.parametrize("way", [UP, DOWN])
def test_a_beacon_is_not_found_when_its_request_or_itself_is_lost(way: Way, tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1", link=lambda clock: Losing((way, 1))) as rig, Port(rig.path()) as port:
        port.command(f"SKSETRBID {credentials(PLACE).route_b_id.decode()}")
        for found in (0, 1):
            port.write(b"SKSCAN 2 FFFFFFFF 6\r\n")
            assert port.until(b"EVENT 22").count(b"EPANDESC") == found


def test_an_echo_that_is_lost_stays_unanswered(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1", link=lambda clock: Losing((DOWN, 1))) as rig, Port(rig.path()) as port:
        address = tuned(port, rig, PLACE).decode()
        heard = port.command(f"SKPING {address}") + port.command(f"SKPING {address}", b"EPONG") + port.read(0.1)
        assert heard.count(b"EPONG") == 1


def test_the_link_says_what_quality_a_stick_shows(tmp_path: Path) -> None:
    with served(tmp_path, "BP35C2", link=lambda clock: Losing()) as rig, Port(rig.path()) as port:
        port.command("SKSREG SA2 1")
        port.write(b"SKSCAN 3 FFFFFFFF 6 0\r\n")
        assert port.until(b"EVENT 22").count(b"LQI:77") == len(rig.nodes)
        start_joining(port, rig)
        datagrams = re.findall(rb"ERXUDP [^\r]*\r\n", port.until(b"EVENT 25"))
        assert datagrams
        assert all(datagram.split(b" ")[6] == b"77" for datagram in datagrams)
