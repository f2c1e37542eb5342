"""The driver of a bridge that only forwards, against its front end over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hil_drivers.bridge import BridgeCan, LineLink, meter_behind
from hil_drivers.bridges.transparent import TransparentBridge
from hil_drivers.errors import AddressError, EnvelopeError, IdentityError, LinkError, RefusedError, UnsupportedError
from hil_drivers.meters.echonet import EchonetAddress, UdpEchonetMeter
from tests.hil_drivers.bench_wires import Wired, fails, wires
from tests.hil_drivers.bridges.quick import quick_bridge
from tests.twins.echonet.twin import twin_of, view_of
from twins.rack.faults import Fault
from twins.rack.instruments.plc_bridge import PlcBridge
from twins.rack.wires.udp import UdpWire

SOON, PATIENT = 0.3, 10.0  # s: where no answer is to come, and where one is, however busy the machine
NODE = twin_of(view_of("current", False))
WHO = NODE.view.identity

pytestmark = pytest.mark.requirement("U1", "B2")


@dataclass
class Line:
    """A bridge on its wire, and its driver."""

    front_end: PlcBridge
    wired: Wired
    driver: TransparentBridge

    def opened(self, timeout_s: float, **described: str) -> TransparentBridge:
        return TransparentBridge(self.wired.address, timeout_s=timeout_s, **described)


@pytest.fixture
def line() -> Iterator[Line]:
    with wires(UdpWire) as put:
        front_end = quick_bridge(NODE)
        wired = put(front_end)
        yield Line(front_end, wired, TransparentBridge(wired.address, timeout_s=PATIENT))


def test_its_identity_is_that_of_the_node_behind_it(line: Line) -> None:
    found = line.driver.identity()
    assert found.maker == WHO.maker.hex().upper()
    assert found.serial.startswith(f"FE{found.maker}") and bytes.fromhex(found.serial)[4:].strip(b"\0") == (
        WHO.serial.encode()
    )


@pytest.mark.parametrize("described", [{"maker": "0000FF"}, {"number": "FE0000FF"}])
def test_another_node_than_described_is_refused(line: Line, described: dict[str, str]) -> None:
    assert "was described" in fails(IdentityError, line.opened(PATIENT, **described).identity)


def test_the_node_that_was_described_is_taken(line: Line) -> None:
    maker = WHO.maker.hex()
    assert line.opened(PATIENT, maker=maker, number=f"fe{maker}").identity()


def test_a_link_that_carries_all_says_how_long_it_takes(line: Line) -> None:
    found = line.driver.link(8)
    assert (found.sent, found.answered, found.reachable) == (8, 8, True)
    assert found.seconds is not None and found.longest is not None and 0 < found.seconds <= found.longest


def test_silence_is_a_finding_of_the_link_and_an_error_of_the_identity(line: Line) -> None:
    line.front_end.supplied = lambda now: False
    hasty = line.opened(SOON)
    assert hasty.link(2) == LineLink(2, 0, None, None)
    assert "nothing comes back through the bridge within 0.3 s" in fails(LinkError, hasty.identity)
    line.front_end.supplied = lambda now: True
    assert line.driver.link(1).reachable


def test_single_probes_that_are_lost_or_garbled_are_counted_as_such(line: Line) -> None:
    line.wired.inject(Fault.SILENCE, times=1)
    assert line.opened(1.5).link(3).answered == 2
    line.wired.inject(Fault.GARBAGE, times=2)
    assert line.driver.link(3).answered == 1
    assert line.driver.link(3).answered == 3


def test_an_answer_to_an_earlier_question_is_passed_over(line: Line) -> None:
    answers = line.front_end.meter

    def twice(data: bytes, now: float) -> list[bytes]:
        earlier = data[:2] + bytes([data[2] ^ 0x80]) + data[3:]  # another transaction
        return [answer for asked in (earlier, data) for answer in answers(asked, now)]

    line.front_end.meter = twice
    assert line.driver.identity().maker == WHO.maker.hex().upper()
    assert line.driver.link(3).answered == 3


def test_after_a_late_answer_the_next_question_has_its_own(line: Line) -> None:
    hasty = line.opened(SOON)
    line.wired.inject(Fault.LATE_ANSWER, times=1, seconds=SOON + 0.1)
    with pytest.raises(LinkError):
        hasty.identity()
    assert line.driver.identity().maker == WHO.maker.hex().upper()


def test_a_node_that_refuses_its_profile_says_so(line: Line) -> None:
    other = b"\x10\x81\x00\x01\x05\xff\x01\x0e\xf0\x01\x52\x02\x8a\x00\x83\x00"

    def refuse(data: bytes, now: float) -> list[bytes]:
        return [other[:2] + data[2:4] + b"\x0e\xf0\x01\x05\xff\x01" + other[10:]]

    line.front_end.meter = refuse
    assert "refuses 8A, 83" in fails(RefusedError, line.driver.identity)


def test_a_reader_of_the_meter_goes_through_it_while_the_driver_looks_at_the_link(line: Line) -> None:
    host, _, port = line.wired.address.partition(":")
    with UdpEchonetMeter(EchonetAddress(host, int(port), wait_s=PATIENT)) as meter:
        before = meter.registers()
        assert line.driver.link(2).answered == 2
        assert meter.registers() == before and before.import_wh is not None


@pytest.mark.parametrize(
    ("ask", "what"), [(TransparentBridge.level, BridgeCan.LEVEL), (TransparentBridge.join, BridgeCan.JOIN)]
)
def test_what_it_has_no_words_for_is_refused_without_a_question(line: Line, ask: object, what: BridgeCan) -> None:
    assert callable(ask)
    assert f"no words for {what.value}; it can do forwarding" in fails(UnsupportedError, lambda: ask(line.driver))
    line.driver.safe()
    line.driver.close()
    assert line.wired.heard() == b""


@pytest.mark.parametrize("probes", [0, 1001])
def test_a_number_of_probes_that_makes_no_sense_is_refused(line: Line, probes: int) -> None:
    with pytest.raises(EnvelopeError):
        line.driver.link(probes)
    assert line.wired.heard() == b""


def test_a_bridge_whose_network_is_gone_is_told_and_comes_back(line: Line) -> None:
    line.wired.close()
    assert not line.opened(SOON).link(1).reachable
    line.wired.open()
    assert line.driver.link(1).reachable


@pytest.mark.parametrize(
    ("address", "behind"),
    [
        ("192.168.10.61", ("192.168.10.61", 3610)),
        ("192.168.10.61:3611", ("192.168.10.61", 3611)),
        ("[fe80::1%eth1]", ("fe80::1%eth1", 3610)),
        ("[fe80::1%eth1]:3611", ("fe80::1%eth1", 3611)),
    ],
)
def test_the_meter_behind_it_is_addressed_as_on_ethernet(address: str, behind: tuple[str, int]) -> None:
    assert meter_behind(address) == behind
    assert TransparentBridge(address).place == "{}:{}".format(*behind)


def test_what_cannot_be_sent_at_all_is_no_finding_of_the_line() -> None:
    with pytest.raises(LinkError, match="nosuch"):
        TransparentBridge("[fe80::1%nosuch]").link(1)


@pytest.mark.parametrize("address", ["", "fe80::1", "host:port", "127.0.0.1:0", "127.0.0.1:65536", "[::1]3610"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(AddressError):
        TransparentBridge(address)
