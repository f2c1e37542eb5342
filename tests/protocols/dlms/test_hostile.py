"""Whatever comes in: an answer that can be read, or none; bounded; and the next good request is served."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dlms.acse import AssociationResponse, ReleaseResponse
from protocols.dlms.apdu import Attribute, GetRequestNormal
from protocols.dlms.axdr import octets
from protocols.dlms.client import Client
from protocols.dlms.connection import MAX_SESSIONS, Connection
from protocols.dlms.roles import MANAGEMENT, PUBLIC, READER
from protocols.dlms.security import protect_general, protect_glo, unprotect_general, unprotect_glo
from protocols.dlms.server import Session
from protocols.dlms.services import parse
from protocols.dlms.wrapper import Frame, WrapperReader
from protocols.errors import ProtocolError
from tests.protocols.dlms.meter import CLOCK, EACH_CLIENT, Link, Meter, associated, manager, public
from tests.protocols.dlms.test_acse import AARQS
from tests.protocols.dlms.test_services import ALL
from tests.protocols.dlms.vectors import AUTH_KEY, CLIENT_TITLE, GET_CLOCK, KEY, RANGE_READ, SERVER_TITLE

SEEDS = [bytes.fromhex(wire) for wire in (*AARQS, *ALL, "6203800100")] + [GET_CLOCK, RANGE_READ]
SEALED = st.sampled_from([0xDB, 0xC8, 0xC9, 0xCB, 0x21])


def readable(answer: bytes) -> bool:
    """Whether a client could read this answer; the ciphered ones with the keys of the tests."""
    if answer[0] == 0xDB:
        return readable(unprotect_general(answer, lambda title: (KEY, AUTH_KEY))[2])
    if answer[0] in (0xCC, 0xCD, 0xCF):
        return readable(unprotect_glo(answer, SERVER_TITLE, KEY, AUTH_KEY)[1])
    if answer[0] == 0x61:
        AssociationResponse.from_bytes(answer)
    elif answer[0] == 0x63:
        ReleaseResponse.from_bytes(answer)
    else:
        parse(answer)
    return True


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    """A good APDU with some bytes changed, cut, or put in."""
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    at = draw(st.integers(0, len(raw)))
    return bytes(raw[:at] + draw(st.binary(max_size=8)) + raw[at + draw(st.integers(0, 8)) :])


HOSTILE = st.lists(st.one_of(st.binary(max_size=60), altered()), min_size=1, max_size=12)


def check_alive(link: Link) -> None:
    """A new association on the same session reads the clock."""
    associated(link)
    assert link.run(link.client.get(Attribute(8, CLOCK, 2))) == octets(link.meter.time)


@given(st.sampled_from([PUBLIC, READER, MANAGEMENT, 77]), HOSTILE)
@settings(max_examples=60)
def test_a_session_without_an_association_survives_anything(address: int, apdus: list[bytes]) -> None:
    session = Session(Meter().device, address)
    for apdu in apdus:
        for answer in session.receive(apdu):
            assert len(answer) <= 1024
            assert readable(answer)


@given(st.sampled_from(list(EACH_CLIENT)), HOSTILE)
@settings(max_examples=60)
def test_an_association_survives_anything_and_serves_the_next_good_request(name: str, apdus: list[bytes]) -> None:
    meter = Meter()
    link = associated(EACH_CLIENT[name](meter))
    for apdu in apdus:
        assert all(readable(answer) for answer in link.session.receive(apdu))
    check_alive(link)


@given(HOSTILE, st.booleans())
@settings(max_examples=60)
def test_a_hostile_client_with_the_keys_gets_no_further(apdus: list[bytes], general: bool) -> None:
    meter = Meter()
    link = associated(manager(meter))
    protection = link.client.protection
    assert protection is not None
    for apdu in apdus:
        seal = protect_general if general or apdu[:1] not in (b"\xc0", b"\xc1", b"\xc3") else protect_glo
        sealed = seal(apdu, CLIENT_TITLE, protection.counter, protection.key, protection.auth_key)
        protection.counter += 1
        for answer in link.session.receive(sealed):
            assert len(answer) <= 65_535
            assert answer[0] == 0xD8 or meter.security.keys() != (KEY, AUTH_KEY) or readable(answer)
    if meter.security.keys() == (KEY, AUTH_KEY):
        check_alive(link)


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(0, 60))
def test_a_stream_of_anything_ends_the_connection_or_is_answered(chunks: list[bytes], cut: int) -> None:
    meter = Meter()
    connection = Connection(meter.device)
    good = Frame(PUBLIC, 1, GET_CLOCK).to_bytes()
    try:
        for chunk in (good, *chunks, good[:cut]):
            for frame in WrapperReader().feed(connection.receive(chunk)):
                assert readable(frame.apdu)
    except ProtocolError:
        connection.lost()
    check_alive(public(meter))


def test_a_connection_serves_its_clients_apart_and_only_so_many_of_them() -> None:
    meter = Meter()
    connection = Connection(meter.device)

    def ask(source: int, apdu: bytes, destination: int = 1) -> list[Frame]:
        return WrapperReader().feed(connection.receive(Frame(source, destination, apdu).to_bytes()))

    offer = next(Client().associate())
    (answer,) = ask(PUBLIC, offer)
    assert (answer.source, answer.destination, answer.apdu[0]) == (1, PUBLIC, 0x61)
    (stranger,) = ask(READER, GET_CLOCK)
    assert stranger.apdu[0] == 0xD8
    assert ask(PUBLIC, offer, destination=2) == []
    for address in range(100, 100 + MAX_SESSIONS - 2):
        assert ask(address, GET_CLOCK)
    assert ask(300, GET_CLOCK) == []
    (answer,) = ask(PUBLIC, GetRequestNormal(0xC1, Attribute(8, CLOCK, 2)).to_bytes())
    assert answer.apdu[:4] == bytes.fromhex("C401C100")
    connection.lost()
    assert meter.associations == [(PUBLIC, True), (PUBLIC, False)]
