"""What is special to ECHONET Lite: ports, waits, selections that others change, meters that refuse in bulk."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest

from hil_drivers.errors import AddressError, AnswerError, LinkError, UnsupportedError
from hil_drivers.meters.echonet import EchonetAddress, UdpCarrier, UdpEchonetMeter
from hil_drivers.meters.echonet_layout import LAYOUTS
from protocols.echonet.classes import class_of_code
from protocols.echonet.epc import CODECS
from protocols.echonet.frame import HEMS, LV_METER, Eoj, Esv, Frame, Property
from protocols.echonet.history import Selector
from protocols.slots import SLOT_SECONDS
from tests.hil_drivers.meters.servers import Node, UdpServer
from tests.hil_drivers.meters.twins import NOW, VIEW, WAIT, echonet_node
from tests.twins.echonet.twin import view_of


def meter_at(server: UdpServer, **options: object) -> UdpEchonetMeter:
    address = EchonetAddress(server.host, server.port, wait_s=WAIT)
    return UdpEchonetMeter(replace(address, **options))  # type: ignore[arg-type]


def changed(node: Node, change: Callable[[Frame], list[Frame]]) -> Node:
    """A node whose answers are others."""
    return lambda data: [frame.to_bytes() for raw in node(data) for frame in change(Frame.from_bytes(raw))]


def test_a_meter_without_export_has_no_value_there() -> None:
    view = view_of("current", False)
    with UdpServer(echonet_node(view)) as server, meter_at(server) as meter:
        found = meter.registers()
        assert (found.export_wh, found.resolution_wh, found.wraps_at_wh) == (None, 100, 100_000_000)
        assert found.import_wh == view.counts(view.active(NOW).import_wh) * 100
        with pytest.raises(UnsupportedError, match="no rows of 1 min"):
            meter.profile(60, NOW - 600, NOW)
        assert {row.export_wh for row in meter.profile(1800, NOW - 7200, NOW)} == {None}


def test_a_meter_that_refuses_several_at_once_is_asked_one_by_one() -> None:
    twin = echonet_node()

    def node(data: bytes) -> list[bytes]:
        asked = Frame.from_bytes(data)
        if asked.esv is Esv.GET and len(asked.properties) > 1:
            refused = tuple(Property(item.epc) for item in asked.properties)
            return [Frame(asked.tid, asked.deoj, asked.seoj, Esv.GET_SNA, refused).to_bytes()]
        return twin(data)

    with UdpServer(node) as server, meter_at(server) as meter:
        assert meter.instant().power_w == VIEW.power_w(NOW)


def test_an_answer_to_an_earlier_request_and_a_strangers_are_passed_over() -> None:
    def with_noise(answer: Frame) -> list[Frame]:
        late = replace(answer, tid=answer.tid - 1)
        return [late, replace(answer, seoj=Eoj.of(0x013001)), answer]

    with UdpServer(changed(echonet_node(), with_noise)) as server, meter_at(server) as meter:
        assert meter.registers().import_wh == VIEW.active(NOW).import_wh


def test_a_half_hour_that_wants_a_confirmation_in_between_gets_it() -> None:
    heard: list[Frame] = []
    twin = echonet_node()

    def node(data: bytes) -> list[bytes]:
        asked = Frame.from_bytes(data)
        heard.append(asked)
        if asked.esv is Esv.INFC_RES:
            return []
        told = Frame(9, LV_METER, HEMS, Esv.INFC, (Property(0xEA, bytes.fromhex("07EA05140E00000000FE68")),))
        return [told.to_bytes(), *twin(data)]

    with UdpServer(node) as server, meter_at(server) as meter:
        assert meter.identity().serial == VIEW.identity.serial
    assert Esv.INFC_RES in {frame.esv for frame in heard}


def test_a_selection_that_another_controller_changes_all_the_time_is_told_and_not_believed() -> None:
    def other_day(answer: Frame) -> list[Frame]:
        items = tuple(
            Property(item.epc, b"\x00\x09" + item.edt[2:]) if item.epc in (0xE2, 0xE4) and item.edt else item
            for item in answer.properties
        )
        return [replace(answer, properties=items)]

    with (
        UdpServer(changed(echonet_node(), other_day)) as server,
        meter_at(server) as meter,
        pytest.raises(AnswerError, match="another controller"),
    ):
        meter.profile(1800, NOW - 3600, NOW)


def test_a_selection_changed_once_is_made_again() -> None:
    twin, spoilt = echonet_node(), []

    def node(data: bytes) -> list[bytes]:
        asked = Frame.from_bytes(data)
        if asked.properties[0].epc == 0xEE and not spoilt:
            spoilt.append(asked)
            elsewhere = CODECS["selector_3"].encode(Selector(None, 1))
            twin(Frame(1, HEMS, LV_METER, Esv.SET_C, (Property(0xEF, elsewhere),)).to_bytes())
        return twin(data)

    with UdpServer(node) as server, meter_at(server) as meter:
        last = NOW // 60 * 60
        assert [row.end for row in meter.profile(60, last - 60, last)] == [last - 60, last]
    assert spoilt


def test_half_hours_of_many_days_come_from_each_days_history() -> None:
    first = NOW - 2 * 86_400
    with UdpServer(echonet_node()) as server, meter_at(server) as meter:
        found = [(row.end, row.import_wh) for row in meter.profile(1800, first, NOW)]
    assert found == [(row.end, row.active.import_wh) for row in VIEW.record(SLOT_SECONDS, first, NOW, NOW)]
    assert len(found) > 20


def test_data_that_breaks_the_rules_is_the_meters_fault() -> None:
    def broken(answer: Frame) -> list[Frame]:
        return [replace(answer, properties=tuple(Property(item.epc, b"\x01") for item in answer.properties))]

    with (
        UdpServer(changed(echonet_node(), broken)) as server,
        meter_at(server) as meter,
        pytest.raises(AnswerError),
    ):
        meter.registers()


def test_a_port_of_ours_that_somebody_has_is_said_by_name() -> None:
    with UdpServer(echonet_node()) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", server.port))
        meter = meter_at(server, local="127.0.0.1")
        with pytest.raises(LinkError, match=rf"port {server.port} \(UDP\).*cannot be had here.*local"):
            meter.clock()
        with meter_at(server) as elsewhere:
            assert elsewhere.identity().serial == VIEW.identity.serial


def test_a_link_local_address_is_reached_through_the_interface_that_it_names() -> None:
    known = (each.address for name in psutil.net_if_addrs().values() for each in name if each.family == socket.AF_INET6)
    own = next((each for each in known if each.startswith("fe80:") and "%" in each), None)
    if own is None:
        pytest.skip("this machine has no link-local address")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as node:
        node.bind(socket.getaddrinfo(own, 0, type=socket.SOCK_DGRAM)[0][4])
        node.settimeout(10)
        carrier = UdpCarrier(EchonetAddress(own, node.getsockname()[1]))
        carrier.send(b"x")  # to ourselves: it does not leave the machine
        data, source = node.recvfrom(10)
        node.sendto(data + b"y", source)
        assert carrier.receive(time.monotonic() + 10) == b"xy"
        carrier.close()


@pytest.mark.parametrize(
    ("eoj", "host", "message"), [("013001", "127.0.0.1", "no meter class 0130"), ("028801", "meter", "no IP address")]
)
def test_an_address_that_cannot_be_one_is_refused(eoj: str, host: str, message: str) -> None:
    with pytest.raises(AddressError, match=message):
        UdpEchonetMeter(EchonetAddress(host, eoj=Eoj.from_bytes(bytes.fromhex(eoj))))


@pytest.mark.parametrize("code", LAYOUTS)
def test_each_layout_names_properties_that_its_class_has(code: int) -> None:
    layout, properties = LAYOUTS[code], class_of_code(code).properties
    selectors = dict.fromkeys(layout.days.values(), layout.day_selector)
    if layout.minutes:
        selectors[layout.minutes[1]] = layout.minutes[0]
    assert {epc: properties[epc].selector for epc in selectors} == selectors
    assert {*layout.registers, *layout.instant} <= properties.keys()
    assert layout.digits is None or properties[layout.digits].codec is CODECS["digits"]
