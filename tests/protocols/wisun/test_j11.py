"""The binary dialect: frames and their checksums, data of each message, refusals of the stick."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import ProtocolError
from protocols.wisun.errors import EncodeError
from protocols.wisun.j11 import messages
from protocols.wisun.j11.frame import REQUEST, RESPONSE, Broken, Frame, FrameFault, FrameReader
from protocols.wisun.j11.messages import Command, Notification, Result
from protocols.wisun.j11.module import Module
from protocols.wisun.radio import ALL_NODES, Beacon, Datagram, link_local

from .air import METER, Air
from .vectors import BEACON, CREDENTIALS, J11_OPEN_3610, J11_VERSION, METER_MAC, STICK_MAC

STARTED = bytes.fromhex("D0F9EE5D6019000403910000")


def request(code: int, data: bytes = b"") -> bytes:
    return Frame(code, data).to_bytes(REQUEST)


def ask(module: Module, code: int, data: bytes = b"") -> list[tuple[int, bytes]]:
    module.receive(request(code, data))
    return said(module)


def said(module: Module) -> list[tuple[int, bytes]]:
    reader, frames = FrameReader(RESPONSE), []
    reader.feed(module.output())
    while (frame := reader.next()) is not None:
        assert isinstance(frame, Frame)
        frames.append((frame.code, frame.data))
    return frames


def set_up() -> Module:
    module = Module(STICK_MAC)
    ask(module, Command.SET_UP, messages.set_up(4))
    ask(module, Command.SET_CREDENTIALS, CREDENTIALS.route_b_id + CREDENTIALS.password)
    ask(module, Command.OPEN_PORT, b"\x0e\x1a")
    return module


def started() -> Module:
    module = set_up()
    module.receive(request(Command.START_ROUTE_B))
    Air(module).settle()
    module.output()
    return module


def authenticated() -> Module:
    module = started()
    module.receive(request(Command.START_PANA))
    Air(module).settle()
    module.output()
    return module


@pytest.mark.parametrize(
    ("frame", "raw"), [(Frame(Command.VERSION), J11_VERSION), (Frame(Command.OPEN_PORT, b"\x0e\x1a"), J11_OPEN_3610)]
)
def test_published_frames_come_back_exactly(frame: Frame, raw: bytes) -> None:
    assert frame.to_bytes(REQUEST) == raw
    assert Frame.from_bytes(raw, REQUEST) == frame


@pytest.mark.parametrize(
    ("command", "size", "checksum"),
    [
        (Command.SCAN, 14, 0x039C),
        (Command.START_ROUTE_B, 0, 0x0390),
        (Command.START_PANA, 0, 0x0393),
        (Command.SET_CREDENTIALS, 44, 0x03BD),
        (Command.END_PANA, 0, 0x0394),
        (Command.STOP_ROUTE_B, 0, 0x0395),
    ],
)
def test_header_checksums_are_the_published_ones(command: Command, size: int, checksum: int) -> None:
    assert int.from_bytes(request(command, bytes(size))[8:10], "big") == checksum


@given(st.integers(0, 0xFFFF), st.binary(max_size=1349), st.sampled_from([REQUEST, RESPONSE]))
def test_any_frame_comes_back(code: int, data: bytes, unique: int) -> None:
    assert Frame.from_bytes(Frame(code, data).to_bytes(unique), unique) == Frame(code, data)


def test_a_frame_longer_than_the_stick_takes_is_refused() -> None:
    with pytest.raises(EncodeError):
        Frame(0, bytes(1350)).to_bytes(REQUEST)


@pytest.mark.parametrize(
    "raw", [b"", J11_VERSION[:-1], J11_VERSION + b"\0", b"\0" + J11_VERSION, J11_VERSION[:-1] + b"\1"]
)
def test_what_is_not_exactly_one_frame_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        Frame.from_bytes(raw, REQUEST)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (J11_VERSION[:9] + b"\0" + J11_VERSION[10:], FrameFault.HEADER_CHECKSUM),
        (J11_OPEN_3610[:-1] + b"\0", FrameFault.DATA_CHECKSUM),
        (bytes.fromhex("D0EA83FC006B000303A70000"), FrameFault.TOO_SHORT),
        (bytes.fromhex("D0EA83FC006BFFFF05A20000"), FrameFault.TOO_LONG),
    ],
)
def test_broken_frames_are_named_and_the_next_one_found(raw: bytes, fault: FrameFault) -> None:
    reader = FrameReader(REQUEST)
    reader.feed(b"\xd0\xea" + raw + J11_VERSION)
    broken = reader.next()
    assert isinstance(broken, Broken)
    assert broken.fault is fault
    assert reader.next() == Frame(Command.VERSION)
    assert reader.next() is None


def test_a_frame_that_lost_bytes_does_not_swallow_the_next() -> None:
    module = Module(STICK_MAC)
    module.receive(J11_OPEN_3610[:-1] + J11_VERSION)
    codes = [(code, data[0]) for code, data in said(module)]
    assert codes == [(0x2005, Result.DATA_CHECKSUM), (0x206B, Result.OK)]


def test_a_header_that_is_wrong_is_answered_under_the_code_for_that() -> None:
    module = Module(STICK_MAC)
    module.receive(J11_VERSION[:9] + b"\0" + J11_VERSION[10:])
    assert said(module) == [(0x2FFF, bytes([Result.HEADER_CHECKSUM]))]


def test_a_frame_without_end_times_out() -> None:
    module = Module(STICK_MAC)
    module.input_timeout()
    module.receive(J11_OPEN_3610[:-1])
    module.input_timeout()
    assert said(module) == [(0x2005, bytes([Result.TIMEOUT]))]
    assert ask(module, Command.VERSION)[0][1][0] == Result.OK


def test_reset_is_answered_by_the_notification_that_the_stick_is_up() -> None:
    module = set_up()
    module.receive(request(Command.RESET))
    assert module.output() == STARTED
    assert ask(module, Command.OPEN_PORT, b"\x0e\x1a") == [(0x2005, bytes([Result.NOT_SET_UP]))]


@pytest.mark.parametrize(
    ("code", "data", "result"),
    [
        (0x1234, b"", Result.INVALID_COMMAND),
        (Command.SET_UP, b"\x05\x00\x03\x00", Result.INVALID_PARAMETER),
        (Command.SET_UP, b"\x05\x00\x04", Result.INVALID_PARAMETER),
        (Command.SET_CREDENTIALS, b"1" * 44, Result.CREDENTIALS_SET),
        (Command.SET_CREDENTIALS, b"1" * 43, Result.INVALID_PARAMETER),
        (Command.OPEN_PORT, b"\x0e\x1a", Result.PORT_OPEN),
        (Command.OPEN_PORT, b"\x00\x00", Result.INVALID_PARAMETER),
        (Command.SCAN, b"\x0f\x00\x03\xff\xf0\x00", Result.INVALID_PARAMETER),
        (Command.SCAN, b"\x06\xff\xff\xff\xff\x00", Result.INVALID_PARAMETER),
        (Command.SCAN, b"\x06", Result.INVALID_PARAMETER),
        (Command.START_PANA, b"", Result.NOT_STARTED),
        (Command.END_PANA, b"", Result.NOT_STARTED),
        (Command.STOP_ROUTE_B, b"", Result.NOT_STARTED),
        (Command.TRANSMIT, b"", Result.NOT_STARTED),
    ],
)
def test_refusals_have_their_codes(code: int, data: bytes, result: Result) -> None:
    assert ask(set_up(), code, data) == [(code | 0x2000, bytes([result]))]


def test_the_state_refuses_what_makes_no_sense_in_it() -> None:
    assert ask(Module(STICK_MAC), Command.SCAN)[0][1] == bytes([Result.NOT_SET_UP])
    assert ask(started(), Command.SCAN)[0][1] == bytes([Result.ROUTE_B_RUNNING])
    assert ask(started(), Command.END_PANA)[0][1] == bytes([Result.PANA_NO_PEER])
    module = started()
    ask(module, Command.START_PANA)
    assert ask(module, Command.START_PANA)[0][1] == bytes([Result.PANA_RUNNING])
    assert ask(module, Command.TRANSMIT)[0][1] == bytes([Result.AUTHENTICATING])


def test_a_scan_is_told_channel_by_channel_and_then_answered() -> None:
    module = set_up()
    scan = messages.ScanRequest(6, messages.CHANNEL_MASK, CREDENTIALS.pair_id)
    module.receive(request(Command.SCAN, scan.to_bytes()))
    assert ask(module, Command.OPEN_PORT, b"\x00\x01") == [(0x2005, bytes([Result.BUSY]))]
    module.beacon_found(Beacon(35, 1, METER_MAC, 0, b"99999999"))
    Air(module).settle()
    *results, response = said(module)
    assert response == (0x2051, bytes([Result.OK]))
    assert [code for code, _ in results] == [Notification.SCAN_RESULT] * 14
    assert results[0][1] == bytes.fromhex("000401") + METER_MAC + bytes.fromhex("8888D6")
    assert results[1][1] == bytes.fromhex("0105")


def test_route_b_starts_with_the_meters_address_and_power() -> None:
    module = set_up()
    module.receive(request(Command.START_ROUTE_B))
    Air(module).settle()
    response, notification = said(module)
    assert response == (0x2053, bytes.fromhex("01048888") + METER_MAC + b"\xd6")
    assert notification == (Notification.CONNECTION, b"\x01" + METER_MAC + b"\xd6")
    found = messages.read_route_b_started(response[1])
    assert (found.channel, found.pan_id, found.mac) == (33, 0x8888, METER_MAC)
    module = set_up()
    module.receive(request(Command.START_ROUTE_B))
    Air(module, in_range=False).settle()
    assert said(module) == [(0x2053, bytes([Result.MAC_FAILED]))]


def test_what_arrives_comes_with_its_sender_and_whether_it_was_encrypted() -> None:
    module = authenticated()
    module.udp_received(Air(module).datagram(b"\x10\x81"))
    ((code, data),) = said(module)
    assert code == Notification.RECEIVED
    assert data == METER.packed + bytes.fromhex("0E1A0E1A8888 00 02 CD 0002 1081")


def test_route_b_stops_and_may_start_again() -> None:
    module = authenticated()
    response, notification = ask(module, Command.STOP_ROUTE_B)
    assert response == (0x2058, bytes([Result.OK]))
    assert notification[1][0] == messages.Connection.MAC_DOWN
    module.receive(request(Command.START_ROUTE_B))
    Air(module).settle()
    assert said(module)[0][1][0] == Result.OK


@given(
    st.integers(1, 0xFFFF),
    st.booleans(),
    st.booleans(),
    st.integers(0, 255),
    st.binary(max_size=1232),
    st.integers(0, 65535),
)
def test_any_datagram_comes_back(
    port: int, multicast: bool, secured: bool, power: int, payload: bytes, pan: int
) -> None:
    own = link_local(STICK_MAC)
    quality = messages.lqi_of_rssi(messages.rssi_byte(power))
    destination = ALL_NODES if multicast else own
    datagram = Datagram(METER, destination, port, 3610, METER_MAC, secured, payload, quality)
    assert abs(quality - power) <= 2  # whole dB against 0.275 dB
    again = messages.read_received(messages.received(datagram, pan), own, METER_MAC)
    assert messages.rssi_byte(again.lqi) == messages.rssi_byte(quality)
    assert again.payload == payload
    assert (again.destination, again.source_port, again.secured) == (destination, port, secured)


@pytest.mark.parametrize("data", [b"", b"\x02\x04", b"\x00\x04", b"\x00\x04\x01", b"\x01\x03", b"\x00\x12\x00"])
def test_scan_results_that_contradict_themselves_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        messages.read_scan_result(data)


def test_requests_carry_what_was_asked() -> None:
    scan = messages.ScanRequest(6, 0x30, b"")
    assert messages.ScanRequest.from_bytes(scan.to_bytes()) == scan
    assert scan.channels == (4, 5)
    send = messages.TransmitRequest(METER, 3610, 3610, b"\x10\x81")
    assert messages.TransmitRequest.from_bytes(send.to_bytes()) == send
    assert len(send.to_bytes()) == 24
    assert BEACON.channel == 33
