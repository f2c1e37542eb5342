"""The host's end of the line: answers to their commands, events to their types, any order, any cut."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wisun.errors import BusyError, EncodeError
from protocols.wisun.radio import Beacon, Datagram
from protocols.wisun.skstack.dialect import BP35A1, BP35C2, Dialect
from protocols.wisun.skstack.host import Energy, Host, Malformed, Pong, Reply
from protocols.wisun.skstack.lines import Event, EventNumber

from .air import METER
from .vectors import BEACON, LINES_A, LINES_B

METER_TEXT = "FE80:0000:0000:0000:021C:6400:030C:12A4"


def hear(host: Host, *lines: str) -> list[object]:
    return list(host.receive("".join(line + "\r\n" for line in lines).encode("latin-1")))


def test_an_answer_belongs_to_its_command_and_the_echo_to_nobody() -> None:
    host = Host()
    assert host.command("SKVER") == b"SKVER\r\n"
    assert host.busy
    assert hear(host, "SKVER", "EVER 1.2.10", "OK") == [Reply("SKVER", ("EVER 1.2.10",))]
    assert not host.busy


@pytest.mark.parametrize(("line", "code"), [("FAIL ER06", 6), ("FAIL ER10", 10), ("FAIL ERxx", 0), ("FAIL", 0)])
def test_a_refusal_tells_its_code(line: str, code: int) -> None:
    host = Host()
    host.command("SKTERM")
    assert hear(host, line) == [Reply("SKTERM", (), code)]


def test_a_second_command_must_wait() -> None:
    host = Host()
    host.command("SKVER")
    with pytest.raises(BusyError):
        host.command("SKINFO")
    host.cancel()
    assert host.command("SKINFO") == b"SKINFO\r\n"


def test_ll64_is_answered_by_an_address_alone() -> None:
    host = Host()
    host.command("SKLL64", "001D129012345678")
    answer = "FE80:0000:0000:0000:021D:1290:1234:5678"
    assert hear(host, "SKLL64 001D129012345678", answer) == [Reply("SKLL64", (answer,))]


@pytest.mark.parametrize("answer", [b"ROPT\rOK 01\r", b"OK 01\r", b"ROPT\rOK 01\r\n", b"ROPT\r\nOK 01\r\n"])
def test_product_commands_are_answered_with_cr_alone(answer: bytes) -> None:
    host = Host()
    assert host.command("ROPT") == b"ROPT\r"
    assert host.receive(answer) == [Reply("ROPT", ("01",))]
    host.command("SKVER")
    assert hear(host, "EVER 1", "OK") == [Reply("SKVER", ("EVER 1",))]


def test_a_stick_without_product_commands_refuses_with_crlf() -> None:
    host = Host()
    host.command("ROPT")
    assert host.receive(b"ROPT\rFAIL ER04\r\nEVENT 25 %b\r\n" % METER_TEXT.encode()) == [
        Reply("ROPT", (), 4),
        Event(EventNumber.JOINED, METER),
    ]


def test_data_follow_sendto_raw_and_its_echo_stops_before_them() -> None:
    host = Host()
    assert host.send_to(METER, 3610, b"\r\n\x10") == f"SKSENDTO 1 {METER_TEXT} 0E1A 1 0003 ".encode() + b"\r\n\x10"
    said = hear(host, f"SKSENDTO 1 {METER_TEXT} 0E1A 1 0003 ", f"EVENT 21 {METER_TEXT} 00", "OK")
    assert said == [Event(EventNumber.SENT, METER, None, 0), Reply("SKSENDTO", ())]
    c2 = Host(BP35C2)
    assert c2.send_to(METER, 3610, b"x", secured=2) == f"SKSENDTO 1 {METER_TEXT} 0E1A 2 0 0001 x".encode()


@pytest.mark.parametrize("size", [0, 1233])
def test_no_datagram_is_too_short_or_too_long(size: int) -> None:
    host = Host()
    with pytest.raises(EncodeError):
        host.send_to(METER, 3610, bytes(size))
    assert not host.busy


def test_events_may_stand_between_the_lines_of_an_answer() -> None:
    host = Host()
    host.command("SKINFO")
    said = hear(host, "SKINFO", LINES_A[0], "EINFO x", f"EVENT 29 {METER_TEXT}", "OK")
    assert [type(item) for item in said] == [Datagram, Event, Reply]
    assert said[-1] == Reply("SKINFO", ("EINFO x",))


@pytest.mark.parametrize("dialect", [BP35A1, BP35C2], ids=lambda d: d.name)
def test_a_block_about_a_beacon_is_one_item_even_with_an_event_inside(dialect: Dialect) -> None:
    host = Host(dialect)
    side = ["  Side:0"] if dialect is BP35C2 else []
    head = ["  Channel:21", "  Channel Page:09", "  Pan ID:8888"]
    tail = ["  Addr:001C6400030C12A4", "  LQI:E1", *side]
    host.command("SKSCAN", "2", "FFFFFFFF", "6")
    event = f"EVENT 32 {METER_TEXT}" + (" 0" if side else "")
    said = hear(host, "OK", "EPANDESC", *head, event, *tail, "  PairID:44556677")
    assert [type(item) for item in said] == [Reply, Event, Beacon]
    assert said[-1] == BEACON
    host.command("SKSCAN", "3", "FFFFFFFF", "6")
    assert hear(host, "OK", "EPANDESC", *head, *tail)[-1] == Beacon(0x21, 0x8888, BEACON.mac, 0xE1)


def test_an_unfinished_block_is_given_up_when_the_next_begins() -> None:
    host = Host()
    said = hear(host, "EPANDESC", "  Channel:21", "EPANDESC", *(f"  Pan ID:{i:04X}" for i in range(20)))
    assert all(isinstance(item, Malformed) for item in said)
    assert len(said) == 1 + 1 + 12


def test_energies_and_pongs_have_their_types() -> None:
    host = Host()
    assert hear(host, "EEDSCAN", "21 01 22 02", "", f"EPONG {METER_TEXT}") == [Energy({33: 1, 34: 2}), Pong(METER)]


def test_a_bp35c2_that_shows_link_qualities_is_read_with_eleven_tokens() -> None:
    host = Host(BP35C2)
    assert isinstance(hear(host, LINES_B[0])[0], Datagram)
    host.show_lqi(True)
    (item,) = hear(host, LINES_B[0].replace(" 1 0 0026", " E1 1 0 0026"))
    assert isinstance(item, Datagram)
    assert item.lqi == 0xE1
    assert isinstance(hear(host, LINES_B[0])[0], Malformed)


def test_raw_data_are_read_by_length() -> None:
    host = Host()
    host.udp_as_text = False
    head = LINES_A[0].rsplit(" ", 2)[0].encode()
    (first, second) = host.receive(head + b" 0006 \r\nOK\r\n\r\n" + head + b" 0000 \r\n")
    assert isinstance(first, Datagram)
    assert isinstance(second, Datagram)
    assert (first.payload, second.payload) == (b"\r\nOK\r\n", b"")


def test_a_raw_line_with_a_broken_header_costs_one_line() -> None:
    host = Host()
    host.udp_as_text = False
    good = LINES_A[0].rsplit(" ", 2)[0].encode() + b" 0001 x\r\n"
    items = host.receive(b"ERXUDP FE80\r\n" + LINES_A[0].replace("0012", "ZZZZ").encode() + b"\r\n" + good)
    assert [type(item) for item in items] == [Malformed, Malformed, Datagram]


def test_what_nobody_asked_for_is_told_as_malformed() -> None:
    assert [type(i) for i in hear(Host(), "OK", "FAIL ER04", "hello", "EVENT zz", "ERXUDP x")] == [Malformed] * 5


def test_an_endless_line_is_cut_and_the_stream_goes_on() -> None:
    host = Host()
    said = host.receive(b"x" * 100_000 + b"\r\n" + LINES_A[0].encode() + b"\r\n")
    assert [type(item) for item in said] == [Malformed, Datagram]


def test_an_endless_answer_does_not_grow_for_ever() -> None:
    host = Host()
    host.command("SKTABLE", "2")
    said = hear(host, *("row" for _ in range(1000)), "OK")
    assert isinstance(said[-1], Reply)
    assert len(said[-1].lines) == 64


@given(st.lists(st.integers(0, 1200), max_size=10))
def test_the_cuts_between_bytes_make_no_difference(cuts: list[int]) -> None:
    raw_head = LINES_A[0].rsplit(" ", 2)[0]
    stream = (
        f"SKVER\r\nEVER 1.2.10\r\n{raw_head} 0004 \r\n\r\n\r\nEVENT 25 {METER_TEXT}\r\nOK\r\nEPONG {METER_TEXT}\r\n"
    )

    def run(edges: list[int]) -> list[object]:
        host = Host()
        host.udp_as_text = False
        host.command("SKVER")
        data = stream.encode()
        pairs = zip([0, *edges], [*edges, len(data)], strict=True)
        return [item for start, end in pairs for item in host.receive(data[start:end])]

    whole = run([])
    assert len(whole) == 4
    assert run(sorted(min(cut, len(stream)) for cut in cuts)) == whole


def test_addresses_are_written_in_full() -> None:
    assert f" {METER_TEXT} ".encode() in Host().send_to(IPv6Address(METER_TEXT), 3610, b"x")
