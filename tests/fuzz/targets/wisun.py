"""Wi-SUN sticks in both dialects, and their hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv6Address

from protocols.wisun.host import HostSession, Joined
from protocols.wisun.j11 import messages
from protocols.wisun.j11.frame import MAX_FRAME, REQUEST, RESPONSE, Frame, FrameReader
from protocols.wisun.j11.messages import Command, Notification, ScanRequest, TransmitRequest
from protocols.wisun.j11.module import Module as J11Module
from protocols.wisun.radio import MAX_UDP, Beacon, SendResult, Stick
from protocols.wisun.skstack.dialect import BP35A1, BP35C2, DIALECTS, UdpLayout
from protocols.wisun.skstack.line_reader import LINE_LIMIT, LineReader
from protocols.wisun.skstack.lines import Event, Info, format_udp, parse_description, parse_energy, parse_udp
from protocols.wisun.skstack.module import Module
from tests.fuzz.target import Target, in_chunks, joined, pieces, refused
from tests.protocols.wisun.air import KINDS, METER, Air, Line
from tests.protocols.wisun.test_robustness import COMMANDS, FRAMES, SAID
from tests.protocols.wisun.vectors import (
    BEACON,
    CREDENTIALS,
    J11_VERSION,
    LINES_A,
    LINES_B,
    METER_MAC,
    STICK_MAC,
)

_KEPT = 8192
"""Bytes that a serial line's reader may hold."""

# --- text dialects ---------------------------------------------------------------------------------------------------


def _lines(data: bytes) -> None:
    """Each kind of line: what is read says the same when it is written and read again."""
    text = data[1:].decode("latin-1")
    dialect = (BP35A1, BP35C2)[data[0] & 1] if data else BP35A1
    layout = list(UdpLayout)[data[0] >> 1 & 3] if data else UdpLayout.PLAIN
    event = refused(lambda _: Event.parse(text, dialect), b"")
    if event is not None:
        assert Event.parse(event.format(dialect), dialect).number == event.number
    for as_text in (True, False):
        datagram = refused(lambda _, as_text=as_text: parse_udp(text, layout, as_text=as_text), b"")
        if datagram is not None:
            assert parse_udp(format_udp(datagram, layout, as_text=as_text), layout, as_text=as_text) == datagram
    info = refused(lambda _: Info.parse(text), b"")
    assert info is None or Info.parse(info.format()) == info
    refused(lambda _: parse_description(text.split("\r\n")), b"")
    refused(lambda _: parse_energy(text), b"")


def _line_reader(data: bytes) -> None:
    """Lines do not depend on how the bytes were cut, and a line is never kept beyond its limit."""
    if not data:
        return
    assert _read_lines(data, len(data)) == _read_lines(data, 1 + (data[0] >> 4))


def _read_lines(data: bytes, size: int) -> list[str]:
    reader, lines = LineReader(), []
    reader.udp_as_text, reader.ends_with_cr = bool(data[0] & 1), bool(data[0] & 2)
    reader.layout = list(UdpLayout)[data[0] >> 2 & 3]
    for chunk in in_chunks(data[1:], size):
        reader.feed(chunk)
        while (line := reader.next()) is not None:
            lines.append(line)
        assert len(reader._buffer) <= LINE_LIMIT
    return lines


def _skstack(data: bytes) -> None:
    dialect = list(DIALECTS.values())[data[0] % len(DIALECTS)] if data else BP35A1
    module = Module(dialect, STICK_MAC, udp_as_text=not data or data[0] < 128)
    air = Air(module)
    for what, raw in pieces(data[1:]):
        _happen(module, air, what, raw, raw)
        assert len(module._reader._buffer) <= _KEPT
    air.hold_transmit = False
    module.transmit_finished(SendResult.OK)
    air.settle()
    module.input_timeout()
    module.receive(b"\r\nSKSREG SFE 0\r\n")
    air.settle()
    module.output()
    module.receive(b"SKVER\r\n")
    assert module.output() == f"EVER {dialect.stack_version}\r\nOK\r\n".encode()


# --- the binary dialect ----------------------------------------------------------------------------------------------


def _j11_frame(data: bytes) -> None:
    """Frames do not depend on how the bytes were cut; what is read is written again byte by byte."""
    unique = (REQUEST, RESPONSE)[data[0] & 1] if data else REQUEST
    found = [_read_frames(data[1:], unique, size) for size in (MAX_FRAME, 1 + (data[0] >> 4) if data else 1)]
    assert found[0] == found[1]
    frame = refused(lambda raw: Frame.from_bytes(raw, unique), data[1:])
    assert frame is None or frame.to_bytes(unique) == data[1:]


def _read_frames(data: bytes, unique: int, size: int) -> list[object]:
    reader = FrameReader(unique)
    found: list[object] = []
    for chunk in in_chunks(data, size):
        reader.feed(chunk)
        while (item := reader.next()) is not None:
            found.append(item)
        assert len(reader._buffer) <= MAX_FRAME
    return found


def _j11_messages(data: bytes) -> None:
    for request in (ScanRequest, TransmitRequest):
        read = refused(request.from_bytes, data)
        assert read is None or request.from_bytes(read.to_bytes()) == read
    for reader in _READERS:
        refused(reader, data)


_READERS: tuple[Callable[[bytes], object], ...] = (
    messages.read_scan_result,
    messages.read_route_b_started,
    messages.read_set_up,
    messages.read_credentials,
    lambda data: messages.read_received(data, METER, METER_MAC),
)


def _j11(data: bytes) -> None:
    """Frames with good checksums (``what`` chooses the command), or bytes as they are."""
    module = J11Module(STICK_MAC)
    air = Air(module)
    for what, raw in pieces(data):
        command = list(Command)[(what >> 3) % len(Command)]
        framed = raw if what & 0xF8 == 0xF8 else Frame(command, raw[: MAX_FRAME - 12]).to_bytes(REQUEST)
        _happen(module, air, what & 7, framed, raw)
        assert len(module._reader._buffer) <= MAX_FRAME
        assert len(module._ports) <= 8
    air.settle()
    module.input_timeout()
    module.output()
    module.receive(J11_VERSION)
    assert module.output().startswith(bytes.fromhex("D0F9EE5D206B"))


def _happen(stick: Stick, air: Air, what: int, command: bytes, told: bytes) -> None:
    """One thing that can happen to a stick."""
    air.hold_transmit, air.deaf_to_pana, air.in_range = bool(what & 0x20), bool(what & 0x40), not what & 0x80
    match what & 7:
        case 0 | 1:
            stick.receive(command)
            air.settle()
        case 2:
            stick.receive(command)
        case 3:
            stick.input_timeout()
        case 4:
            stick.udp_received(air.datagram(told[:MAX_UDP], secured=bool(what & 8), to_all=bool(what & 16)))
        case 5:
            _session_news(stick, what, told)
        case 6:
            air.settle()
        case _:
            stick.receive(command)
            air.settle()
            stick.output()


def _session_news(stick: Stick, what: int, told: bytes) -> None:
    happened = told[0] if told else 0
    mac = told[1:9].ljust(8, b"\1")
    news: tuple[Callable[[], None], ...] = (
        stick.joined,
        lambda: stick.join_failed(no_answer=bool(what & 8)),
        stick.session_expired,
        stick.session_ended,
        lambda: stick.terminated(timed_out=bool(what & 8)),
        lambda: stick.send_limit(bool(what & 8)),
        lambda: stick.beacon_found(Beacon(33 + mac[0] % 28, mac[1], mac, mac[2], BEACON.pair_id if what & 8 else mac)),
        lambda: stick.scan_finished({33: mac[0]} if what & 8 else None),
        lambda: stick.packet_sent(METER, SendResult.NEIGHBOUR_SOLICITED),
        lambda: stick.neighbour_resolved(METER),
        lambda: stick.transmit_finished(SendResult.FAILED),
    )
    news[happened % len(news)]()


# --- hosts -----------------------------------------------------------------------------------------------------------


def _host(data: bytes) -> None:
    """A host on a stick that talks nonsense between its good answers; afterwards it can open again."""
    line = Line(KINDS[data[0] % len(KINDS)] if data else BP35A1)
    line.session.open(line.now)
    for what, raw in pieces(data[1:]):
        _host_turn(line, line.session, what, raw)
        assert len(line.session.output()) <= 4 * _KEPT
    line.session.receive(b"\r\n" + b"\0" * 1400 + b"\r\n", line.now)
    assert any(isinstance(event, Joined) for event in line.open())


def _host_turn(line: Line, session: HostSession, what: int, raw: bytes) -> None:
    match what & 7:
        case 0 | 1:
            session.receive(raw, line.now)
        case 2:
            code = (*Command, *Notification)[(what >> 3) % (len(Command) + len(Notification))]
            session.receive(Frame(code | (0x2000 if code in list(Command) else 0), raw).to_bytes(RESPONSE), line.now)
        case 3:
            line.exchange()
        case 4:
            line.settle()
        case 5:
            line.now += what
            session.poll(line.now)
        case 6 if session.can_send and raw:
            session.send(raw[:MAX_UDP], line.now)
        case 7:
            session.close(line.now)
        case _:
            line.air.stick.session_expired()


# --- seeds -----------------------------------------------------------------------------------------------------------


def _line_seeds() -> Iterator[bytes]:
    for line in (*LINES_A, *LINES_B):
        yield b"\0" + line.encode()
        yield b"\5" + line.encode()
    for said in SAID:
        yield from (flags + said.removesuffix(b"\r\n") for flags in (b"\0", b"\1"))


def _reader_seeds() -> Iterator[bytes]:
    yield from (bytes([at % 8 + 16]) + said for at, said in enumerate(SAID))
    yield b"\x10" + b"".join(SAID[:6])
    raw = b"ERXUDP " + LINES_A[0].encode().split(b" ", 1)[1].rsplit(b" ", 1)[0] + b" "
    yield b"\x20" + raw + bytes(range(18)) + b"\r\nOK\r\n"


_JOIN = (b"SKSETRBID ", b"SKSETPWD ", b"SKSCAN 2", b"SKJOIN ")


def _skstack_seeds() -> Iterator[bytes]:
    for dialect in range(len(DIALECTS)):
        yield from (bytes([dialect]) + joined((0, command)) for command in COMMANDS)
        told = [command for command in COMMANDS if command.startswith(_JOIN)]
        yield bytes([dialect]) + joined(*((0, command) for command in told), (4, b"\x10\x81"), (5, b"\2"), (5, b"\3"))


def _j11_seeds() -> Iterator[bytes]:
    yield from (joined((0xF8, frame)) for frame in FRAMES)
    at = {command: index << 3 for index, command in enumerate(Command)}
    set_up = (at[Command.SET_UP], messages.set_up(4))
    known = (at[Command.SET_CREDENTIALS], CREDENTIALS.route_b_id + CREDENTIALS.password)
    scan = (at[Command.SCAN], ScanRequest(6, messages.CHANNEL_MASK, CREDENTIALS.pair_id).to_bytes())
    port, pana_ = (at[Command.OPEN_PORT], b"\x0e\x1a"), (at[Command.START_PANA], b"")
    start, send = (at[Command.START_ROUTE_B], b""), TransmitRequest(METER, 3610, 3610, b"\x10\x81").to_bytes()
    yield joined(set_up, known, scan, start, port, pana_, (at[Command.TRANSMIT], send), (4, b"\x10\x81"), (5, b"\2"))


def _message_seeds() -> Iterator[bytes]:
    yield from (frame[12:] for frame in FRAMES)
    yield messages.scan_result(4, [BEACON, BEACON])
    yield messages.route_b_started(BEACON)
    yield messages.received(Air(J11Module(STICK_MAC)).datagram(b"\x10\x81"), 0x8888)
    yield ScanRequest(6, messages.CHANNEL_MASK, CREDENTIALS.pair_id).to_bytes()
    yield TransmitRequest(IPv6Address("fe80::1"), 3610, 3610, b"\x10\x81").to_bytes()
    yield CREDENTIALS.route_b_id + CREDENTIALS.password


def _host_seeds() -> Iterator[bytes]:
    for kind in range(len(KINDS)):
        yield from (bytes([kind]) + joined((3, b""), (0, said), (3, b"")) for said in SAID)
        yield bytes([kind]) + joined((4, b""), (6, b"\x10\x81"), (3, b""), (5, b""), (7, b""))
    for code in range(len(Command) + len(Notification)):
        yield bytes([KINDS.index("J11")]) + joined((4, b""), (2 | code << 3, b"\1" + METER_MAC))


_TEXT_WORDS = (b"EVENT ", b"ERXUDP ", b"EPANDESC", b"  PairID:", b"EEDSCAN", b"EINFO ", b"EPONG ", b"FAIL ER", b"OK ")
_COMMAND_WORDS = (*(command.split(b" ")[0] for command in COMMANDS), b"SKPING ", b"SKADDNBR ", b"SKSAVE\r\n")

TARGETS = (
    Target("skstack-lines", _lines, _line_seeds, 60, 300, _TEXT_WORDS),
    Target("skstack-line-reader", _line_reader, _reader_seeds, 60, 600, _TEXT_WORDS),
    Target("skstack-module", _skstack, _skstack_seeds, 40, 500, _COMMAND_WORDS),
    Target("j11-frame", _j11_frame, lambda: (b"\x10" + frame for frame in FRAMES), 60, 300),
    Target("j11-messages", _j11_messages, _message_seeds, 60, 200),
    Target("j11-module", _j11, _j11_seeds, 40, 500),
    Target("wisun-host", _host, _host_seeds, 10, 400, _TEXT_WORDS),
)
