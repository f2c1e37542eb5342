"""The stick's side of the text dialects: each command, its refusals, its order of lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wisun.radio import Beacon, Join, Ping, Reset, Scan, ScanMode, SendResult, Transmit, scan_seconds
from protocols.wisun.skstack.dialect import BP35A1, BP35C2, RL7023, Dialect
from protocols.wisun.skstack.module import Module

from .air import METER, Air
from .vectors import BEACON, CREDENTIALS, METER_MAC, STICK_MAC

SILENT = b"SKSREG SFE 0\r\n"
METER_TEXT = "FE80:0000:0000:0000:021C:6400:030C:12A4"
DIALECTS = pytest.mark.parametrize("dialect", [BP35A1, RL7023, BP35C2], ids=lambda d: d.name)


def quiet(dialect: Dialect = BP35A1) -> Module:
    """A stick without echo."""
    module = Module(dialect, STICK_MAC)
    module.receive(SILENT)
    module.output()
    return module


def say(module: Module, data: bytes) -> list[str]:
    module.receive(data)
    return module.output().decode("latin-1").split("\r\n")[:-1]


def joined(dialect: Dialect = BP35A1) -> Module:
    module = quiet(dialect)
    air = Air(module)
    module.receive(b"SKSETRBID %b\r\nSKSETPWD C %b\r\n" % (CREDENTIALS.route_b_id, CREDENTIALS.password))
    module.receive(f"SKJOIN {METER_TEXT}\r\n".encode())
    air.settle()
    assert module.output().endswith(b"EVENT 25 " + METER_TEXT.encode() + (b" 0" if dialect.has_side else b"") + b"\r\n")
    return module


def send_to(dialect: Dialect, data: bytes, security: int = 1) -> bytes:
    side = "0 " if dialect.has_side else ""
    return f"SKSENDTO 1 {METER_TEXT} 0E1A {security} {side}{len(data):04X} ".encode() + data


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("SKVER", ["EVER 1.2.10", "OK"]),
        ("SKAPPVER", ["EAPPVER rev26e", "OK"]),
        ("SKINFO", ["EINFO FE80:0000:0000:0000:021D:1290:1234:5678 001D129012345678 21 FFFF FFFE", "OK"]),
        ("SKSREG S2", ["ESREG 21", "OK"]),
        ("SKSREG S02 3C", ["OK"]),
        ("SKSREG S01", ["ESREG 001D129012345678", "OK"]),
        ("SKSREG S16", ["ESREG 00000384", "OK"]),
        ("SKSREG S0A 00112233", ["OK"]),
        ("SKTABLE 1", ["EADDR", "FE80:0000:0000:0000:021D:1290:1234:5678", "OK"]),
        ("SKTABLE 2", ["ENEIGHBOR", "OK"]),
        ("SKTABLE E", ["EPORT", "3610", "716", "0", "0", "0", "0", "OK"]),
        ("SKUDPPORT 3 0050", ["OK"]),
        ("SKUDPPORT 3 0E1A", ["FAIL ER10"]),
        ("SKLOAD", ["FAIL ER10"]),
        ("SKSAVE", ["OK"]),
        ("SKERASE", ["OK"]),
        ("SKFOO", ["FAIL ER04"]),
        ("skver", ["FAIL ER04"]),
        ("SKDSLEEP", ["FAIL ER04"]),
        ("SKVER 1", ["FAIL ER05"]),
        ("SKSREG", ["FAIL ER05"]),
        ("SKSCAN 2 FFFFFFFF", ["FAIL ER05"]),
        ("SKSCAN 2 FFFFFFFF 6 0", ["FAIL ER05"]),
        ("SKSCAN 1 FFFFFFFF 6", ["FAIL ER06"]),
        ("SKSCAN 2 FFFFFFFF F", ["FAIL ER06"]),
        ("SKSCAN 2 00000000 6", ["FAIL ER06"]),
        ("SKSREG S99", ["FAIL ER06"]),
        ("SKSREG S02 3D", ["FAIL ER06"]),
        ("SKSREG S07 1", ["FAIL ER06"]),
        ("SKSREG SFE 2", ["FAIL ER06"]),
        ("SKSETRBID 0123", ["FAIL ER06"]),
        ("SKSETPWD B 0123456789AB", ["FAIL ER06"]),
        ("SKLL64 001D12901234567", ["FAIL ER06"]),
        ("SKTABLE 3", ["FAIL ER06"]),
        ("SKJOIN FE80::1", ["FAIL ER06"]),
        (f"SKJOIN {METER_TEXT}", ["FAIL ER10"]),
        ("SKREJOIN", ["FAIL ER10"]),
        ("SKTERM", ["FAIL ER10"]),
    ],
)
def test_commands_are_answered_as_published(command: str, answer: list[str]) -> None:
    assert say(quiet(), command.encode() + b"\r\n") == answer


def test_a_bp35c2_names_its_side_in_info_and_wants_it_in_scan() -> None:
    module = quiet(BP35C2)
    assert say(module, b"SKINFO\r\n")[0].endswith(" 21 FFFF 0")
    assert say(module, b"SKVER\r\n")[0] == "EVER 1.5.2"
    assert say(module, b"SKSCAN 2 FFFFFFFF 6\r\n") == ["FAIL ER05"]
    assert say(module, b"SKSCAN 2 FFFFFFFF 6 0\r\n") == ["OK"]


def test_ll64_answers_an_address_and_no_ok() -> None:
    assert say(quiet(), b"SKLL64 001D129012345678\r\n") == ["FE80:0000:0000:0000:021D:1290:1234:5678"]


@DIALECTS
def test_product_commands_end_with_cr_alone(dialect: Dialect) -> None:
    module = quiet(dialect)
    module.receive(b"ROPT\r")
    if not dialect.has_product_commands:
        assert module.output() == b"FAIL ER04\r\n"
        return
    assert module.output() == b"OK 01\r"
    module.receive(b"WOPT 00\rRUART\rWUART 80\rRUART\rROPT\r")
    assert module.output() == b"OK\rOK 00\rOK\rOK 80\rOK 00\r"
    module.receive(b"WOPT 0\r\nSKVER\r\n")
    assert module.output() == b"FAIL ER06\rEVER " + dialect.stack_version.encode() + b"\r\nOK\r\n"


def test_the_echo_comes_first_and_can_be_switched_off() -> None:
    module = Module(BP35A1, STICK_MAC)
    assert say(module, b"SKVER\r\n") == ["SKVER", "EVER 1.2.10", "OK"]
    module.receive(b"ROPT\r")
    assert module.output() == b"ROPT\rOK 01\r"
    assert say(module, SILENT) == ["SKSREG SFE 0", "OK"]
    assert say(module, b"SKVER\r\n") == ["EVER 1.2.10", "OK"]
    assert say(module, b"SKRESET\r\nSKVER\r\n") == ["OK", "SKVER", "EVER 1.2.10", "OK"]


def test_an_empty_line_is_no_command_and_is_echoed_like_any_other() -> None:
    module = Module(BP35A1, STICK_MAC)
    module.receive(b"\r\n\r\n\n")
    assert module.output() == b"\r\n\r\n"
    assert say(module, SILENT + b"\r\n\r\n") == ["SKSREG SFE 0", "OK"]


def test_a_line_end_after_the_data_of_sendto_comes_back_after_ok() -> None:
    module = joined(BP35A1)
    say(module, b"SKSREG SFE 1\r\n")
    module.receive(send_to(BP35A1, b"x") + b"\r\n")
    module.transmit_finished(SendResult.OK)
    assert module.output().endswith(b" 00\r\nOK\r\n\r\n")


@DIALECTS
def test_data_of_sendto_are_read_by_length_whatever_they_contain(dialect: Dialect) -> None:
    module, data = joined(dialect), b"\r\nSKVER\r\n\r ROPT\r"
    module.receive(send_to(dialect, data) + b"SKAPPVER\r\n")
    (request,) = module.requests()
    assert request == Transmit(METER, 3610, 3610, True, data)
    assert module.output() == b""


@DIALECTS
def test_event_21_comes_before_ok_and_what_was_typed_meanwhile_after_it(dialect: Dialect) -> None:
    module = joined(dialect)
    module.receive(send_to(dialect, b"x") + b"SKAPPVER\r\n")
    module.transmit_finished(SendResult.OK)
    side = " 0" if dialect.has_side else ""
    assert say(module, b"") == [f"EVENT 21 {METER_TEXT}{side} 00", "OK", "EAPPVER rev26e", "OK"]


def test_the_echo_of_sendto_stops_before_the_data() -> None:
    module = Module(BP35A1, STICK_MAC)
    module.receive(send_to(BP35A1, b"\r\nx", security=0))
    assert module.output() == f"SKSENDTO 1 {METER_TEXT} 0E1A 0 0003 \r\n".encode()


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (f"SKSENDTO 1 {METER_TEXT} 0E1A 1 04D1 ", "ER06"),
        (f"SKSENDTO 1 {METER_TEXT} 0E1A 1 FFFF ", "ER06"),
        (f"SKSENDTO 1 {METER_TEXT} 0E1A 3 0003 ", "ER06"),
        (f"SKSENDTO 7 {METER_TEXT} 0E1A 1 0003 ", "ER06"),
        (f"SKSENDTO 1 {METER_TEXT} 0000 1 0003 ", "ER06"),
        ("SKSENDTO 1 FE80::1 0E1A 1 0003 ", "ER06"),
        (f"SKSENDTO 3 {METER_TEXT} 0E1A 1 0003 ", "ER10"),
    ],
)
def test_a_sendto_that_is_refused_swallows_its_data(header: str, code: str) -> None:
    module = joined()
    length = int(header.split(" ")[-2], 16)
    for piece in (header.encode(), b"A" * (length - 1), b"A"):
        module.receive(piece)
    assert say(module, b"SKVER\r\n") == [f"FAIL {code}", "EVER 1.2.10", "OK"]


def test_a_sendto_without_length_is_refused_at_once() -> None:
    assert say(joined(), f"SKSENDTO 1 {METER_TEXT} 0E1A 1 XYZ0 ".encode()) == ["FAIL ER06"]
    assert say(joined(), b"SKSENDTO 1\r\n") == ["FAIL ER05"]


def test_what_must_be_encrypted_is_not_sent_without_a_session() -> None:
    module = quiet()
    assert say(module, send_to(BP35A1, b"x", security=1)) == [f"EVENT 21 {METER_TEXT} 01", "OK"]
    module.receive(send_to(BP35A1, b"x", security=2))
    assert module.requests() == [Transmit(METER, 3610, 3610, False, b"x")]


def test_a_scan_asks_the_radio_and_shows_only_the_paired_meter() -> None:
    module = quiet()
    module.receive(b"SKSETRBID %b\r\n" % CREDENTIALS.route_b_id)
    assert say(module, b"SKSCAN 2 00000003 6\r\n") == ["OK", "OK"]
    (request,) = module.requests()
    assert request == Scan(ScanMode.ACTIVE_PAIR, (33, 34), scan_seconds(2, 6), b"44556677")
    module.beacon_found(Beacon(33, 1, METER_MAC, 0, b"99999999"))
    module.beacon_found(BEACON)
    module.scan_finished()
    said = say(module, b"")
    assert said[0] == f"EVENT 20 {METER_TEXT}"
    assert said[1:3] == ["EPANDESC", "  Channel:21"]
    assert said[-2:] == ["  PairID:44556677", "EVENT 22 FE80:0000:0000:0000:021D:1290:1234:5678"]
    module.beacon_found(BEACON)
    module.scan_finished()
    assert module.output() == b""


def test_a_scan_for_anybody_shows_no_pairing_id() -> None:
    module = quiet()
    module.receive(b"SKSCAN 3 FFFFFFFF 6\r\n")
    module.beacon_found(BEACON)
    assert say(module, b"")[-1] == "  LQI:E1"


def test_an_energy_scan_ends_with_event_1f() -> None:
    module = quiet()
    module.receive(b"SKSCAN 0 FFFFFFFF 2\r\n")
    module.scan_finished({33: 1})
    said = say(module, b"")
    assert said[1:] == ["EVENT 1F FE80:0000:0000:0000:021D:1290:1234:5678", "EEDSCAN", "21 01", ""]


def test_a_second_scan_or_a_join_while_scanning_is_refused() -> None:
    module = quiet()
    module.receive(b"SKSETRBID %b\r\nSKSETPWD C %b\r\n" % (CREDENTIALS.route_b_id, CREDENTIALS.password))
    module.receive(b"SKSCAN 2 FFFFFFFF 6\r\n")
    module.output()
    assert say(module, b"SKSCAN 2 FFFFFFFF 6\r\n") == ["FAIL ER10"]
    assert say(module, f"SKJOIN {METER_TEXT}\r\n".encode()) == ["FAIL ER10"]


def test_a_joined_stick_may_scan_and_stays_joined() -> None:
    module = joined()
    assert say(module, b"SKSCAN 2 FFFFFFFF 6\r\n") == ["OK"]
    module.requests()
    module.scan_finished()
    module.output()
    module.receive(send_to(BP35A1, b"x"))
    assert module.requests() == [Transmit(METER, 3610, 3610, True, b"x")]


def test_a_join_looks_line_by_line_like_the_captured_one() -> None:
    module = quiet(BP35C2)
    air = Air(module)
    module.receive(b"SKSETRBID %b\r\nSKSETPWD C %b\r\n" % (CREDENTIALS.route_b_id, CREDENTIALS.password))
    module.output()
    module.receive(f"SKJOIN {METER_TEXT}\r\n".encode())
    air.settle()
    module.udp_received(air.datagram(bytes.fromhex("108100000EF0010EF0017301D50401028801"), to_all=True))
    said = say(module, b"")
    shape = [" ".join([t[0], t[1], t[-1]] if t[0] == "EVENT" else [t[0], t[3], t[-2]]) if len(t) > 1 else t[0]
             for t in (line.split(" ") for line in said)]  # fmt: skip
    sent = "EVENT 21 00"
    assert shape == [
        "OK", "EVENT 21 02", "EVENT 02 0", "ERXUDP 02CC 0028", sent, "ERXUDP 02CC 0068", sent, "ERXUDP 02CC 0054",
        sent, "ERXUDP 02CC 0058", sent, "EVENT 25 0", "ERXUDP 0E1A 0012",
    ]  # fmt: skip
    assert " FF02:0000:0000:0000:0000:0000:0000:0001 " in said[-1]


def test_the_lifetime_register_goes_to_the_radio() -> None:
    module = quiet()
    module.receive(b"SKSETRBID %b\r\nSKSETPWD C %b\r\n" % (CREDENTIALS.route_b_id, CREDENTIALS.password))
    module.receive(b"SKSREG S16 15180\r\n" + f"SKJOIN {METER_TEXT}\r\n".encode())
    assert module.requests() == [Join(METER, CREDENTIALS, 0x15180)]


def test_datagrams_are_shown_in_the_form_that_register_sa2_asks_for() -> None:
    module = joined(BP35C2)
    datagram = Air(module).datagram(b"\x10\x81")
    module.udp_received(datagram)
    module.receive(b"SKSREG SA2 1\r\n")
    module.udp_received(datagram)
    plain, _, with_lqi = say(module, b"")
    assert plain.split(" ")[5:] == ["001C6400030C12A4", "1", "0", "0002", "1081"]
    assert with_lqi.split(" ")[5:] == ["001C6400030C12A4", "C0", "1", "0", "0002", "1081"]


def test_raw_data_are_shown_as_they_are() -> None:
    module = joined()
    module.receive(b"WOPT 00\r")
    module.output()
    module.udp_received(Air(module).datagram(b"\x10\r\n\x81"))
    assert module.output().endswith(b" 001C6400030C12A4 1 0004 \x10\r\n\x81\r\n")


def test_nobody_hears_a_datagram_on_a_closed_port() -> None:
    module = joined()
    module.receive(b"SKUDPPORT 1 0000\r\n")
    module.output()
    module.udp_received(Air(module).datagram(b"x"))
    assert module.output() == b""


def test_expiry_is_followed_by_a_new_authentication_only_if_register_s17_says_so() -> None:
    module = joined()
    air = Air(module)
    module.session_expired()
    assert say(module, b"") == [f"EVENT 29 {METER_TEXT}"]
    assert say(module, send_to(BP35A1, b"x")) == [f"EVENT 21 {METER_TEXT} 01", "OK"]
    module.joined()
    assert say(module, b"") == [f"EVENT 25 {METER_TEXT}"]
    module.requests()
    module.receive(b"SKSREG S17 0\r\n")
    module.session_expired()
    assert say(module, b"") == ["OK", f"EVENT 29 {METER_TEXT}"]
    air.settle()
    assert air.seen == []
    assert say(module, b"SKTERM\r\n") == ["FAIL ER10"]


def test_a_failed_re_authentication_ends_in_event_24_and_no_session() -> None:
    module = joined()
    module.session_expired()
    module.join_failed()
    assert say(module, b"")[-1] == f"EVENT 24 {METER_TEXT}"
    assert say(module, b"SKTERM\r\n") == ["FAIL ER10"]


def test_a_session_ends_by_either_side() -> None:
    module = joined()
    assert say(module, b"SKTERM\r\n") == ["OK"]
    module.terminated(timed_out=True)
    assert say(module, b"") == [f"EVENT 28 {METER_TEXT}"]
    module = joined()
    module.receive(b"SKTERM\r\n")
    module.terminated()
    assert say(module, b"")[-1] == f"EVENT 27 {METER_TEXT}"
    module = joined()
    module.session_ended()
    module.session_ended()
    assert say(module, b"") == [f"EVENT 26 {METER_TEXT}", f"EVENT 27 {METER_TEXT}"]


def test_used_up_air_time_stops_sending_and_shows_in_register_sfb() -> None:
    module = joined()
    module.send_limit(True)
    assert say(module, b"SKSREG SFB\r\n") == ["EVENT 32 FE80:0000:0000:0000:021D:1290:1234:5678", "ESREG 1", "OK"]
    assert say(module, send_to(BP35A1, b"x")) == [f"EVENT 21 {METER_TEXT} 01", "OK"]
    module.send_limit(False)
    module.receive(send_to(BP35A1, b"x"))
    assert len(module.requests()) == 1


def test_ping_neighbours_and_reset() -> None:
    module = quiet()
    assert say(module, f"SKPING {METER_TEXT}\r\n".encode()) == ["OK"]
    module.pong(METER)
    assert say(module, b"") == [f"EPONG {METER_TEXT}"]
    for i in range(9):
        module.receive(f"SKADDNBR {METER_TEXT[:-1]}{i} 001C6400030C12A{i}\r\n".encode())
    module.output()
    table = say(module, b"SKTABLE 2\r\n")
    assert len(table) == 8 + 2
    assert table[1] == f"{METER_TEXT[:-1]}1 001C6400030C12A1 FFFE"
    module.receive(b"SKRESET\r\n")
    assert module.requests() == [Ping(METER), Reset()]


def test_registers_survive_a_reset_only_when_saved_with_autoload() -> None:
    module = quiet()
    module.receive(b"SKSREG S03 1234\r\nSKSREG SFF 1\r\nSKSAVE\r\nSKSREG S03 9999\r\nSKRESET\r\n")
    module.output()
    assert say(module, b"SKSREG S03\r\n") == ["ESREG 1234", "OK"]
    module.receive(b"SKERASE\r\nSKRESET\r\n")
    module.output()
    assert say(module, b"SKSREG S03\r\n")[1:] == ["ESREG FFFF", "OK"]


def test_a_command_without_end_times_out_and_is_forgotten() -> None:
    module = quiet()
    module.input_timeout()
    module.receive(b"SKVE")
    module.input_timeout()
    assert say(module, b"SKVER\r\n") == ["FAIL ER09", "EVER 1.2.10", "OK"]
    module.receive(send_to(BP35A1, b"xyz")[:-1])
    module.input_timeout()
    assert say(module, b"SKVER\r\n") == ["FAIL ER09", "EVER 1.2.10", "OK"]


def test_an_endless_line_is_refused_once_and_the_next_command_served() -> None:
    module = quiet()
    assert say(module, b"A" * 100_000) == ["FAIL ER09"]
    assert say(module, b"A\r\nSKVER\r\n") == ["EVER 1.2.10", "OK"]


def test_too_much_input_while_a_datagram_is_on_its_way_is_lost_and_said_so() -> None:
    module = joined()
    module.receive(send_to(BP35A1, b"x") + b"SKVER\r\n" * 10_000)
    module.transmit_finished(SendResult.OK)
    said = say(module, b"")
    assert said[:4] == [f"EVENT 21 {METER_TEXT} 00", "OK", "EVER 1.2.10", "OK"]
    assert said[-1] == "FAIL ER09"
    assert say(module, b"SKVER\r\n") == ["EVER 1.2.10", "OK"]


@given(st.lists(st.integers(0, 400), max_size=12))
def test_the_cuts_between_bytes_make_no_difference(cuts: list[int]) -> None:
    stream = (
        b"SKVER\r\nROPT\r\nSKSENDTO 1 %b 0E1A 0 0006 \r\nSK\r\nSKINFO\r\nSKSREG S2 22\r\nSKX\r\n" % METER_TEXT.encode()
    )

    def run(edges: list[int]) -> bytes:
        module = Module(BP35A1, STICK_MAC)
        for start, end in zip([0, *edges], [*edges, len(stream)], strict=True):
            module.receive(stream[start:end])
            for request in module.requests():
                assert isinstance(request, Transmit)
                assert request.payload == b"\r\nSK\r\n"
                module.transmit_finished(SendResult.OK)
        return module.output()

    assert run(sorted(min(cut, len(stream)) for cut in cuts)) == run([])
    assert run([]).count(b"OK") == 5
