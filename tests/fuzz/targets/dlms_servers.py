"""The DLMS server behind its ciphers, its connection, and the client in front of a server that lies."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from protocols.dlms.acse import AssociationResponse, Context, Mechanism, ReleaseResponse, Result
from protocols.dlms.action import ActionRequestFirstBlock, ActionRequestNext, ActionRequestNormal
from protocols.dlms.apdu import Attribute, GetRequestNormal, Method
from protocols.dlms.axdr import Data, DataType, array, encode, octets, structure
from protocols.dlms.blocks import Block
from protocols.dlms.ciphering import Form
from protocols.dlms.client import Client
from protocols.dlms.client_protection import Protection
from protocols.dlms.clock import DateTime
from protocols.dlms.conformance import SERVED
from protocols.dlms.connection import MAX_SESSIONS, Connection
from protocols.dlms.get import GetRequestList, GetRequestNext
from protocols.dlms.initiate import InitiateResponse
from protocols.dlms.roles import MANAGEMENT, PUBLIC, READER
from protocols.dlms.security import GLO_TAGS, hls_gmac, protect_general, protect_glo, wrap_key
from protocols.dlms.set import SetRequestFirstBlock, SetRequestNormal
from protocols.dlms.values import enum, int8, uint16, uint32
from protocols.dlms.wrapper import Frame, WrapperReader
from protocols.errors import ProtocolError
from tests.fuzz.target import Target, joined, pieces
from tests.protocols.dlms.meter import (
    CHALLENGE,
    CLOCK,
    EACH_CLIENT,
    IMPORT,
    NOON,
    NOTE,
    PASSWORD,
    PROFILE,
    WRAPPING_KEY,
    Link,
    Meter,
    associated,
    public,
)
from tests.protocols.dlms.test_hostile import SEEDS, readable
from tests.protocols.dlms.vectors import AUTH_KEY, CLIENT_TITLE, GET_CLOCK, KEY, SERVER_TITLE

_STRANGER = 77
_CLIENTS = (PUBLIC, READER, MANAGEMENT, _STRANGER)
_LONGEST_ANSWER = 65_535


def _alive(meter: Meter) -> None:
    """A client that was never seen reads the clock."""
    link = associated(public(meter))
    assert link.run(link.client.get(Attribute(8, CLOCK, 2))) == octets(meter.time)


def _session(data: bytes) -> None:
    """A session with and without an association; the first byte chooses the client and whether it associates first."""
    meter = Meter()
    first = data[0] if data else 0
    if first & 0x80:
        link = associated(list(EACH_CLIENT.values())[first % len(EACH_CLIENT)](meter))
    else:
        link = Link(meter, _CLIENTS[first % len(_CLIENTS)], Client())
    for what, apdu in pieces(data[1:]):
        if what == 0xFF:
            link.session.lost()
        for answer in link.session.receive(apdu):
            assert len(answer) <= _LONGEST_ANSWER
            assert readable(answer)
    _alive(meter)


def _ciphered(data: bytes) -> None:
    """A client with the keys: each piece is sealed as it should be, so that the server believes it."""
    meter = Meter(answers_under_new_key=bool(data and data[0] & 2))
    link = associated(EACH_CLIENT["management, glo" if data and data[0] & 1 else "management, general-glo"](meter))
    for what, apdu in pieces(data[1:]):
        for answer in link.session.receive(_sealed(meter, apdu, glo=bool(what & 1))):
            assert 0 < len(answer) <= _LONGEST_ANSWER
        assert len(meter.image.state.received) <= 20
        assert len(meter.security.state.seen) <= 4
    _alive(meter)
    keys, last = meter.security.keys(), meter.security.last_counter(CLIENT_TITLE) or 0
    manager = Client(Mechanism.HLS_GMAC, CHALLENGE, Protection(CLIENT_TITLE, *keys, last + 1))
    again = associated(Link(meter, MANAGEMENT, manager))
    assert again.run(manager.get(Attribute(1, NOTE, 2))) == octets(meter.note)


def _sealed(meter: Meter, apdu: bytes, *, glo: bool) -> bytes:
    counter = (meter.security.last_counter(CLIENT_TITLE) or 0) + 1
    seal = protect_glo if glo and apdu and apdu[0] in GLO_TAGS else protect_general
    return seal(apdu, CLIENT_TITLE, counter, *meter.security.keys())


def _connection(data: bytes) -> None:
    """A TCP stream: frames of several clients, or bytes that are none."""
    meter = Meter()
    connection = Connection(meter.device)
    for what, raw in pieces(data):
        wrapped = raw if what & 1 else Frame(_CLIENTS[what >> 1 & 3] + (what >> 4), 1, raw).to_bytes()
        try:
            answers = WrapperReader().feed(connection.receive(wrapped))
        except ProtocolError:
            connection.lost()
            connection = Connection(meter.device)
            continue
        assert all(readable(frame.apdu) for frame in answers)
        assert len(connection._sessions) <= MAX_SESSIONS
        assert connection._reader.pending < 2 * _LONGEST_ANSWER
    _alive(meter)


# --- the client ------------------------------------------------------------------------------------------------------


def _client(data: bytes) -> None:
    """A client on a server that answers with anything; ciphered answers are rightly sealed."""
    client, ciphered = _client_of(data[0] if data else 0)
    answers = iter([_lie(what, raw, count, ciphered) for count, (what, raw) in enumerate(pieces(data[1:]), 1)])
    for exchange in (client.associate, *_exchanges(client)):
        if not _drive(exchange(), answers):
            return


def _client_of(which: int) -> tuple[Client, bool]:
    if which % 3 == 0:
        return Client(), False
    if which % 3 == 1:
        return Client(Mechanism.LLS, PASSWORD), False
    protection = Protection(CLIENT_TITLE, KEY, AUTH_KEY, form=Form.GLO if which & 8 else Form.GENERAL)
    return Client(Mechanism.HLS_GMAC, CHALLENGE, protection), True


def _exchanges(client: Client) -> tuple[Callable[[], Generator[bytes, bytes, Any]], ...]:
    return (
        lambda: client.get(Attribute(8, CLOCK, 2)),
        lambda: client.get_list(Attribute(8, CLOCK, 2), Attribute(3, IMPORT, 2)),
        lambda: client.get_range(PROFILE, NOON, NOON + 1800),
        lambda: client.set(Attribute(1, NOTE, 2), octets(bytes(300))),
        lambda: client.action(Method(8, CLOCK, 6), octets(bytes(300))),
        client.release,
    )


def _drive(exchange: Generator[bytes, bytes, Any], answers: Iterator[bytes]) -> bool:
    """Whether there are answers left when the exchange has come to its end, good or bad."""
    try:
        next(exchange)
        for answer in answers:
            exchange.send(answer)
    except (StopIteration, ProtocolError):
        return True
    exchange.close()
    return False


def _lie(what: int, raw: bytes, counter: int, ciphered: bool) -> bytes:
    """An answer: as it is, or a good association around it, or sealed."""
    if what & 7 == 1:
        return _association(raw, counter, ciphered)
    if what & 7 == 2 and ciphered:
        raw = raw[:16] + _encoded_octets(hls_gmac(CHALLENGE, SERVER_TITLE, counter, KEY, AUTH_KEY))
    if not ciphered or what & 7 == 3:
        return raw
    seal = protect_glo if what & 8 and raw and raw[0] in GLO_TAGS else protect_general
    return seal(raw, SERVER_TITLE, counter, KEY, AUTH_KEY)


def _encoded_octets(proof: bytes) -> bytes:
    """An octet-string, encoded."""
    return encode(octets(proof))


def _association(raw: bytes, counter: int, ciphered: bool) -> bytes:
    """An AARE whose xDLMS part is the fuzzer's: conformance as we like it, the APDU size from two bytes."""
    max_pdu = int.from_bytes(raw[:2], "big") if raw else 1024
    granted = InitiateResponse(SERVED, max_pdu).to_bytes() if len(raw) < 3 else raw[2:]
    if not ciphered:
        return AssociationResponse(Context.PLAIN, Result.ACCEPTED, 0, granted).to_bytes()
    if granted[0] in GLO_TAGS:
        granted = protect_glo(granted, SERVER_TITLE, counter, KEY, AUTH_KEY)
    return AssociationResponse(
        Context.CIPHERED, Result.ACCEPTED, 14, granted, Mechanism.HLS_GMAC, SERVER_TITLE, b"server's challenge"
    ).to_bytes()


# --- seeds -----------------------------------------------------------------------------------------------------------

_IMAGE, _SWITCH, _LIMITER, _SECURITY = (
    bytes([0, 0, *name, 255]) for name in ((44, 0, 0), (96, 3, 10), (17, 0, 0), (43, 0, 0))
)


def _emergency(start: bytes) -> Data:
    return structure(uint16(3), octets(start), uint32(3600))


def _manager_requests() -> Iterator[bytes]:
    """Whatever the management client may ask of the meter of the tests."""
    for class_id, name, last in ((18, _IMAGE, 7), (70, _SWITCH, 4), (71, _LIMITER, 11), (64, _SECURITY, 5)):
        attributes = tuple((Attribute(class_id, name, number), None) for number in range(1, last + 1))
        yield GetRequestList(0xC1, attributes).to_bytes()
    yield GetRequestNormal(0xC1, Attribute(15, bytes([0, 0, 40, 0, 0, 255]), 2)).to_bytes()
    yield GetRequestNormal(0xC1, Attribute(7, PROFILE, 2), (2, structure(*_entries(1, 3, 1, 0)))).to_bytes()
    yield SetRequestNormal(0xC1, Attribute(1, NOTE, 2), octets(b"note")).to_bytes()
    yield SetRequestNormal(0xC1, Attribute(70, _SWITCH, 4), enum(2)).to_bytes()
    noon = DateTime.from_unix(NOON).to_bytes()
    yield SetRequestNormal(0xC1, Attribute(71, _LIMITER, 8), _emergency(noon)).to_bytes()
    yield SetRequestNormal(0xC1, Attribute(71, _LIMITER, 9), array(uint16(3))).to_bytes()
    yield SetRequestNormal(0xC1, Attribute(71, _LIMITER, 4), uint32(30)).to_bytes()
    yield SetRequestNormal(0xC1, Attribute(8, CLOCK, 2), octets(noon)).to_bytes()
    for method in (1, 2):
        yield ActionRequestNormal(0xC1, Method(70, _SWITCH, method), int8(0)).to_bytes()
    yield ActionRequestNormal(0xC1, Method(64, _SECURITY, 1), enum(3)).to_bytes()
    keys = array(structure(enum(0), octets(wrap_key(WRAPPING_KEY, bytes(range(16))))))
    yield ActionRequestNormal(0xC1, Method(64, _SECURITY, 2), keys).to_bytes()


def _entries(*numbers: int) -> tuple[Data, ...]:
    types = (DataType.UINT32, DataType.UINT32, DataType.UINT16, DataType.UINT16)
    return tuple(map(Data, types, numbers))


def _image() -> list[bytes]:
    """A whole transfer of two blocks."""
    calls = [
        (1, structure(octets(b"FW"), uint32(100))),
        (2, structure(uint32(0), octets(bytes(64)))),
        (2, structure(uint32(1), octets(bytes(36)))),
        (3, int8(0)),
        (4, int8(0)),
    ]
    return [ActionRequestNormal(0xC1, Method(18, _IMAGE, number), data).to_bytes() for number, data in calls]


def _blocks() -> list[bytes]:
    """Long transfers both ways, and one that breaks."""
    value, half = encode(octets(b"a note in two blocks")), 10
    return [
        SetRequestFirstBlock(0xC1, Attribute(1, NOTE, 2), Block(False, 1, value[:half])).to_bytes(),
        b"\xc1\x03\xc1" + Block(True, 2, value[half:]).to_bytes(),
        ActionRequestFirstBlock(0xC1, Method(8, CLOCK, 6), Block(True, 1, value)).to_bytes(),
        ActionRequestNext(0xC1, 1).to_bytes(),
        GetRequestNormal(0xC1, Attribute(7, PROFILE, 2)).to_bytes(),
        GetRequestNext(0xC1, 1).to_bytes(),
        GetRequestNext(0xC1, 7).to_bytes(),
    ]


def _session_seeds() -> Iterator[bytes]:
    for first in range(4):
        yield from (bytes([first]) + joined((0, apdu)) for apdu in SEEDS)
        yield bytes([0x80 + first]) + joined((0, GET_CLOCK), (0, bytes.fromhex("6203800100")), (0xFF, GET_CLOCK))
    yield from (b"\x81" + joined((0, apdu)) for apdu in SEEDS)
    yield b"\x81" + joined(*((0, apdu) for apdu in _blocks()))


def _ciphered_seeds() -> Iterator[bytes]:
    for first in range(2):
        yield from (bytes([first]) + joined((first, apdu)) for apdu in _manager_requests())
        yield bytes([first]) + joined(*((first, apdu) for apdu in _image()))
        yield bytes([first]) + joined(*((first, apdu) for apdu in _blocks()))


def _connection_seeds() -> Iterator[bytes]:
    offer = next(Client().associate())
    yield joined((0, offer), (0, GET_CLOCK), (2, GET_CLOCK), (0x14, GET_CLOCK))
    yield joined((1, Frame(PUBLIC, 1, offer).to_bytes()[:9]), (1, Frame(PUBLIC, 1, offer).to_bytes()[9:]))
    yield joined((1, Frame(PUBLIC, 2, offer).to_bytes()), (1, bytes(9)))


def _client_seeds() -> Iterator[bytes]:
    """What the meter of the tests really answers; plain as it is, ciphered before it is sealed."""
    for which, client in enumerate((public, EACH_CLIENT["reader"])):
        link = client(Meter())
        for exchange in (link.client.associate, *_exchanges(link.client)[:3], link.client.release):
            try:
                link.run(exchange())
            except ProtocolError:
                continue
        yield bytes([which]) + joined(*((0, answer[:400]) for answer in link.received))
    granted = (1, b"\4\0")
    proven = (2, bytes.fromhex("C701C1000100"))
    got = (0, bytes.fromhex("C401C200") + _encoded_octets(bytes(12)))
    blocks = [(0, bytes.fromhex(f"C402C{n}00000000010002") + b"\2\0") for n in (2, 4)]
    written = [(0, bytes.fromhex("C502C400000001")), (0, bytes.fromhex("C503C40000000002"))]
    for which in (2, 8 + 3):
        yield bytes([which]) + joined(granted, proven, got, *blocks, *written, (3, ReleaseResponse().to_bytes()))
    for which in (0, 1):
        yield bytes([which]) + joined(granted, got, *blocks, *written)
        yield bytes([which]) + joined((1, b"\0\x40"), got, got, got, *written)


TARGETS = (
    Target("dlms-session", _session, _session_seeds, 15, 300),
    Target("dlms-ciphered", _ciphered, _ciphered_seeds, 10, 400),
    Target("dlms-connection", _connection, _connection_seeds, 10, 400),
    Target("dlms-client", _client, _client_seeds, 30, 600),
)
