"""HDLC: frames on a serial line, the meter behind them, and a client on a meter that lies."""

from __future__ import annotations

from collections.abc import Iterator

from protocols.dlms.apdu import Attribute
from protocols.dlms.axdr import octets
from protocols.dlms.client import Client, run
from protocols.dlms.clock import DateTime
from protocols.dlms.connection import MAX_SESSIONS
from protocols.dlms.hdlc import COMMAND_LLC, FLAG, LONGEST, Address, Control, HdlcFrame, HdlcReader, Kind
from protocols.dlms.hdlc_client import TRIES, ClientLink, Turn
from protocols.dlms.hdlc_parameters import Parameters
from protocols.dlms.hdlc_server import HdlcConnection
from protocols.dlms.roles import PUBLIC
from protocols.errors import ProtocolError
from tests.fuzz.target import Target, in_chunks, joined, pieces, refused
from tests.protocols.dlms.meter import CLOCK, NOON, Meter
from tests.protocols.dlms.test_hdlc import PUBLISHED
from tests.protocols.dlms.test_hdlc_link import Wire
from tests.protocols.dlms.vectors import GET_CLOCK

_CLIENT, _SERVER = Address(PUBLIC), Address(1)
_COMMANDS = (Kind.I, Kind.RR, Kind.SNRM, Kind.DISC, Kind.RNR, Kind.UI, Kind.UA, Kind.DM)


def _frames(data: bytes) -> None:
    """Frames do not depend on how the bytes were cut, and are written as they were read."""
    found = [_cut(data[1:], size) for size in (len(data), 1 + (data[0] if data else 0))]
    assert found[0] == found[1]
    for frame in found[0]:
        assert HdlcReader().feed(frame.to_bytes()) == [frame]
    refused(Parameters.from_bytes, data)


def _cut(data: bytes, size: int) -> list[HdlcFrame]:
    reader, frames = HdlcReader(), []
    for chunk in in_chunks(data, max(1, size)):
        frames += reader.feed(chunk)
        assert reader.pending <= LONGEST + 2
    return frames


def _server(data: bytes) -> None:
    """A meter's line: bytes as they are, or frames with good checks; afterwards a client reads the clock."""
    meter = HdlcConnection(Meter().device)
    for what, raw in pieces(data):
        meter.receive(raw if what & 1 else _command(what, raw))
        assert len(meter._links) <= MAX_SESSIONS
    meter.reader.expire()
    wire = Wire(meter)
    wire.run(wire.link.connect())
    client = Client()
    run(client.associate(), wire.exchange)
    assert run(client.get(Attribute(8, CLOCK, 2)), wire.exchange) == octets(DateTime.from_unix(NOON).to_bytes())


def _command(what: int, raw: bytes) -> bytes:
    kind = _COMMANDS[what >> 1 & 7]
    numbers = raw[0] if raw else 0
    sent, received = (numbers & 7 if kind is Kind.I else 0), (numbers >> 3 & 7 if kind in _COMMANDS[:2] else 0)
    control = Control(kind, sent, received, not numbers & 0x40)
    client = Address(PUBLIC + (what >> 5))
    information = raw[1:300] if kind not in (Kind.RR, Kind.DISC) else b""
    return HdlcFrame(_SERVER, client, control, information, bool(what & 0x10)).to_bytes()


def _client(data: bytes) -> None:
    """A client on a lying meter: each operation ends, with a result or a ProtocolError, soon after the lies do."""
    link, lies = ClientLink(PUBLIC, _SERVER), iter(list(pieces(data)))
    for make in (link.connect, lambda: link.exchange(bytes(600)), lambda: link.exchange(GET_CLOCK), link.disconnect):
        turn: Turn[object] = make()
        try:
            next(turn)
            for what, raw in lies:
                turn.send(_lie(what, raw))
            for _ in range(10 * TRIES):
                turn.send(None)
        except (StopIteration, ProtocolError):
            continue
        raise AssertionError("it would wait for ever")


def _lie(what: int, raw: bytes) -> HdlcFrame | None:
    control = refused(lambda one: Control.from_byte(one[0]), raw[:1]) if raw else None
    return None if control is None else HdlcFrame(_CLIENT, _SERVER, control, raw[1:], bool(what & 1))


def _frame_seeds() -> Iterator[bytes]:
    whole = b"".join(bytes([FLAG]) + bytes.fromhex(text) + bytes([FLAG]) for text in PUBLISHED)
    yield b"\x03" + whole[:390]
    for text in PUBLISHED:
        yield b"\x07" + bytes([FLAG]) + bytes.fromhex(text) + bytes([FLAG])
    yield Parameters(512, 300).to_bytes()


def _server_seeds() -> Iterator[bytes]:
    offer = COMMAND_LLC + next(Client().associate())
    snrm, first, get = (4, b"\0"), (0, b"\0" + offer), (0, b"\x09" + COMMAND_LLC + GET_CLOCK)
    yield joined(snrm, first, get, get, (2, b"\x10"), (6, b"\0"))
    yield joined((4, b"\0" + Parameters(32, 32).to_bytes()), first, (2, b"\x08"), (2, b"\x10"), get)
    yield joined(snrm, (0x10, b"\0" + offer[:10]), (0, b"\1" + offer[10:]), (1, bytes([FLAG]) * 4), get)


def _client_seeds() -> Iterator[bytes]:
    answer = bytes.fromhex("E6E700C401C100") + bytes(12)
    yield joined((0, b"\x73"), (0, b"\x31"), (0, b"\x10"), (0, b"\x30" + answer), (0, b"\x52" + answer), (0, b"\x73"))
    yield joined((0, b"\x73" + Parameters(2000, 2000).to_bytes()), (1, b"\x30" + answer), (0, b"\x32" + answer))
    yield joined((0, b"\x1f"), (0, b"\x97"), (0, b"\x73"), (0, b"\x11"), (0, b"\x11"), (0, b"\x30" + answer))


TARGETS = (
    Target("hdlc-frame", _frames, _frame_seeds, 40, 400),
    Target("hdlc-server", _server, _server_seeds, 8, 400),
    Target("hdlc-client", _client, _client_seeds, 30, 300),
)
