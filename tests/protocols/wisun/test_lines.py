"""What a stick says: every captured line decodes and encodes to the same bytes, in each of its forms."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import ProtocolError
from protocols.wisun.radio import Beacon, Datagram
from protocols.wisun.skstack import lines
from protocols.wisun.skstack.dialect import BP35A1, BP35C2, HAN_SE, RL7023, Dialect, UdpLayout, detect
from protocols.wisun.skstack.lines import Event, EventNumber, Info

from .vectors import BEACON, LINES_A, LINES_B, PREFIX_A, PREFIX_B

OWN = IPv6Address("FE80::021D:1290:1234:5678")
OWN_TEXT = "FE80:0000:0000:0000:021D:1290:1234:5678"


@pytest.mark.parametrize("line", LINES_A)
def test_captured_lines_of_a_bp35a1_come_back_exactly(line: str) -> None:
    datagram = lines.parse_udp(line, BP35A1.udp_layout(show_lqi=False))
    assert lines.format_udp(datagram, UdpLayout.PLAIN) == line
    assert (datagram.source_port, datagram.destination_port, datagram.secured) == (3610, 3610, True)
    assert datagram.mac == bytes.fromhex("001C6400601421A3")
    assert datagram.payload.hex().upper() == line.split(" ")[-1]


@pytest.mark.parametrize("line", LINES_B)
def test_captured_lines_of_a_bp35c2_come_back_exactly(line: str) -> None:
    datagram = lines.parse_udp(line, BP35C2.udp_layout(show_lqi=False))
    assert lines.format_udp(datagram, UdpLayout.SIDE) == line
    assert datagram.payload.startswith(bytes.fromhex("1081"))


def test_the_two_forms_with_ten_tokens_are_told_apart_by_the_dialect_only() -> None:
    with_side, with_rssi = f"{PREFIX_B} 0 0001 AA", f"{PREFIX_B[:-1]}E1 1 0001 AA"
    assert len(with_side.split(" ")) == len(with_rssi.split(" ")) == 10
    assert lines.parse_udp(with_side, BP35C2.udp_layout(show_lqi=False)).lqi == 0
    assert lines.parse_udp(with_rssi, HAN_SE.udp_layout(show_lqi=False)).lqi == 0xE1
    assert detect("FFFE") is BP35A1
    assert detect("0") is detect("1") is BP35C2
    with pytest.raises(ProtocolError, match="no known dialect"):
        detect("2")


@pytest.mark.parametrize(("layout", "tokens"), [("PLAIN", 9), ("RSSI", 10), ("SIDE", 10), ("LQI_SIDE", 11)])
def test_forms_have_the_published_numbers_of_tokens(layout: str, tokens: int) -> None:
    datagram = lines.parse_udp(LINES_A[0], UdpLayout.PLAIN)
    line = lines.format_udp(datagram, UdpLayout[layout])
    assert len(line.split(" ")) == UdpLayout[layout].tokens == tokens


def test_only_a_bp35c2_changes_its_form_with_register_sa2() -> None:
    assert BP35C2.udp_layout(show_lqi=True) is UdpLayout.LQI_SIDE
    assert BP35C2.udp_layout(show_lqi=False) is UdpLayout.SIDE
    assert {d.udp_layout(lqi) for d in (BP35A1, RL7023) for lqi in (True, False)} == {UdpLayout.PLAIN}


@given(
    st.sampled_from(list(UdpLayout)),
    st.binary(max_size=1232),
    st.booleans(),
    st.booleans(),
    st.integers(0, 255),
    st.integers(0, 0xFFFF),
)
def test_any_datagram_comes_back_in_any_form(
    layout: UdpLayout, payload: bytes, as_text: bool, secured: bool, lqi: int, port: int
) -> None:
    shown = lqi if "lqi" in layout.value else 0
    datagram = Datagram(OWN, OWN, port, 3610, bytes(8), secured, payload, shown)
    line = lines.format_udp(datagram, layout, as_text=as_text)
    assert lines.parse_udp(line, layout, as_text=as_text) == datagram


@pytest.mark.parametrize(
    "line",
    [
        PREFIX_A,
        f"{PREFIX_A} 0002 AA",
        f"{PREFIX_A} 0001 AAB",
        f"{PREFIX_A} 0001 GG",
        f"{PREFIX_A} 0 0001 AA",
        f"{PREFIX_A} 04D1 {'AA' * 1233}",
        f"{PREFIX_A[:-1]}2 0001 AA",
        LINES_A[0].replace("021C", "21C"),
        LINES_A[0].replace("0E1A", "0e1g"),
    ],
)
def test_udp_lines_that_contradict_themselves_are_refused(line: str) -> None:
    with pytest.raises(ProtocolError):
        lines.parse_udp(line, UdpLayout.PLAIN)


@pytest.mark.parametrize(
    ("dialect", "event", "line"),
    [
        (BP35A1, Event(EventNumber.SENT, OWN, None, 2), f"EVENT 21 {OWN_TEXT} 02"),
        (BP35C2, Event(EventNumber.SENT, OWN, 0, 0), f"EVENT 21 {OWN_TEXT} 0 00"),
        (BP35A1, Event(EventNumber.JOINED, OWN), f"EVENT 25 {OWN_TEXT}"),
        (BP35C2, Event(EventNumber.JOINED, OWN, 0), f"EVENT 25 {OWN_TEXT} 0"),
        (BP35A1, Event(EventNumber.WOKEN), "EVENT C0"),
        (BP35A1, Event(0x47, OWN), f"EVENT 47 {OWN_TEXT}"),
    ],
)
def test_events_come_back_exactly(dialect: Dialect, event: Event, line: str) -> None:
    assert event.format(dialect) == line
    assert Event.parse(line, dialect) == event


@pytest.mark.parametrize(
    "line", ["EVENT", "EVENT 1", f"EVENT 21 {OWN_TEXT}", f"EVENT 25 {OWN_TEXT} 0 0 0", "EVENT 25 ::1"]
)
def test_events_that_break_the_grammar_are_refused(line: str) -> None:
    with pytest.raises(ProtocolError):
        Event.parse(line, BP35A1)


def test_a_beacon_is_described_line_by_line() -> None:
    block = [
        "EPANDESC",
        "  Channel:21",
        "  Channel Page:09",
        "  Pan ID:8888",
        "  Addr:001D129012345678",
        "  LQI:E1",
        "  PairID:00112233",
    ]
    beacon = Beacon(0x21, 0x8888, bytes.fromhex("001D129012345678"), 0xE1, b"00112233")
    assert lines.format_description(beacon, BP35A1) == block
    assert lines.parse_description(block[1:]) == beacon
    with_side = lines.format_description(beacon, BP35C2)
    assert with_side[6:] == ["  Side:0", "  PairID:00112233"]
    assert lines.parse_description(with_side[1:]) == beacon


@pytest.mark.parametrize("wrong", ["  Channel:20", "  Pan ID:88888", "  Colour:1", "  LQI:E1", "  PairID:123"])
def test_a_description_with_a_wrong_line_is_refused(wrong: str) -> None:
    with pytest.raises(ProtocolError):
        lines.parse_description([*lines.format_description(BEACON, BP35A1)[1:], wrong])


def test_an_energy_scan_tells_each_channel() -> None:
    levels = {33: 0x10, 60: 0xFF}
    head, values, empty = lines.format_energy(levels)
    assert (head, values, empty) == ("EEDSCAN", "21 10 3C FF", "")
    assert lines.parse_energy(values) == levels
    for wrong in ("21", "21 1FF", "21 " * 58):
        with pytest.raises(ProtocolError):
            lines.parse_energy(wrong)


def test_info_comes_back_exactly() -> None:
    line = f"EINFO {OWN_TEXT} 001D129012345678 21 8888 FFFE"
    assert Info.parse(line) == Info(OWN, bytes.fromhex("001D129012345678"), 0x21, 0x8888, "FFFE")
    assert Info.parse(line).format() == line
    with pytest.raises(ProtocolError):
        Info.parse(line + " 0")
