from collections.abc import Callable

import pytest

from protocols.dlms.acse import (
    AssociationRequest,
    AssociationResponse,
    Context,
    Diagnostic,
    Mechanism,
    ReleaseRequest,
    ReleaseResponse,
    Result,
)
from protocols.dlms.action import ActionRequestNormal, ActionResponseNormal
from protocols.dlms.apdu import Attribute, DataAccessResult, ExceptionResponse, GetRequestNormal, Method, ServiceError
from protocols.dlms.association import State
from protocols.dlms.axdr import Data, DataType, octets
from protocols.dlms.ciphering import Form
from protocols.dlms.client import Client
from protocols.dlms.client_protection import Protection
from protocols.dlms.conformance import SERVED, Conformance
from protocols.dlms.errors import AccessRefusedError, AssociationRefusedError, ExceptionReceivedError
from protocols.dlms.initiate import ConfirmedServiceError, InitiateError, InitiateRequest, InitiateResponse
from protocols.dlms.roles import CURRENT_ASSOCIATION, MANAGEMENT, PUBLIC, READER
from protocols.dlms.security import hls_gmac, protect_general, protect_glo
from protocols.dlms.server import MALFORMED, NOT_DECIPHERED, NOT_NOW, UNKNOWN, Session
from protocols.dlms.service import NOT_SUPPORTED, TOO_LONG
from protocols.dlms.set import SetRequestNormal
from protocols.errors import ProtocolError, SecurityError
from tests.protocols.dlms.meter import (
    CHALLENGE,
    CLOCK,
    EACH_CLIENT,
    IMPORT,
    NOON,
    NOTE,
    PASSWORD,
    SERIAL,
    Link,
    Meter,
    associated,
    manager,
    public,
    reader,
    register,
)
from tests.protocols.dlms.vectors import AUTH_KEY, CLIENT_TITLE, GET_CLOCK, KEY, SERVER_TITLE

TIME = Attribute(8, CLOCK, 2)
ENERGY = Attribute(3, IMPORT, 2)
OFFER = InitiateRequest(SERVED, 0xFFFF)
PROVE = Method(15, CURRENT_ASSOCIATION, 1)
Seal = Callable[[bytes, bytes, int, bytes, bytes], bytes]


@pytest.fixture
def meter() -> Meter:
    return Meter()


def only(answers: list[bytes]) -> bytes:
    (answer,) = answers
    return answer


@pytest.mark.parametrize("name", EACH_CLIENT)
def test_each_client_associates_reads_and_releases(meter: Meter, name: str) -> None:
    link = associated(EACH_CLIENT[name](meter))
    assert link.session.state is State.ASSOCIATED
    assert link.run(link.client.get(TIME)) == octets(meter.time)
    link.run(link.client.release())
    assert link.session.state is State.IDLE
    assert [stands for _, stands in meter.associations] == [True, False]


@pytest.mark.parametrize(("form", "tags"), [(Form.GLO, (0xC8, 0xCC)), (Form.GENERAL, (0xDB, 0xDB))])
def test_answers_come_in_the_form_in_which_they_were_asked(meter: Meter, form: Form, tags: tuple[int, int]) -> None:
    link = associated(manager(meter, form=form))
    link.run(link.client.get(TIME))
    assert (link.sent[-1][0], link.received[-1][0]) == tags
    link.run(link.client.release())
    assert ReleaseResponse.from_bytes(link.received[-1]).user_information[0] == 0x28


def test_a_plain_release_of_a_ciphered_association_gets_the_published_plain_answer(meter: Meter) -> None:
    link = associated(manager(meter))
    assert link.session.receive(ReleaseRequest().to_bytes()) == [bytes.fromhex("6303800100")]
    assert link.session.state is State.IDLE


def test_the_published_hls_example_is_answered_with_a_challenge_and_then_a_proof(meter: Meter) -> None:
    session = Session(meter.device, MANAGEMENT)
    request = AssociationRequest(Context.CIPHERED, OFFER.to_bytes(), Mechanism.HLS_GMAC, CLIENT_TITLE, CHALLENGE)
    response = AssociationResponse.from_bytes(only(session.receive(request.to_bytes())))
    assert response.diagnostic == Diagnostic.AUTHENTICATION_REQUIRED
    assert response.title == SERVER_TITLE
    assert response.user_information[0] == 0x08  # plain, as it was asked
    assert session.state is State.PENDING
    proof = hls_gmac(response.secret, CLIENT_TITLE, 7, KEY, AUTH_KEY)
    # dlms-cosem seals the reply under the counter that is also inside the proof
    sealed = protect_general(ActionRequestNormal(0xC1, PROVE, octets(proof)).to_bytes(), CLIENT_TITLE, 7, KEY, AUTH_KEY)
    assert only(session.receive(sealed))[0] == 0xDB
    assert session.state is State.ASSOCIATED


# Refused associations


def test_a_wrong_password_is_refused(meter: Meter) -> None:
    for password in (b"12345679", PASSWORD + b"0", b""):
        with pytest.raises(AssociationRefusedError) as refused:
            associated(reader(meter, password))
        assert refused.value.diagnostic == Diagnostic.AUTHENTICATION_FAILURE
    assert meter.associations == []


def test_a_reader_without_a_password_in_the_meter_cannot_come_in(meter: Meter) -> None:
    meter.device.passwords = {}
    with pytest.raises(AssociationRefusedError):
        associated(reader(meter, b""))


@pytest.mark.parametrize(
    ("address", "client", "diagnostic"),
    [
        (MANAGEMENT, Client(), Diagnostic.CONTEXT_NOT_SUPPORTED),
        (READER, Client(), Diagnostic.AUTHENTICATION_REQUIRED),
        (READER, Client(Mechanism.HLS_SHA256, CHALLENGE), Diagnostic.MECHANISM_NOT_RECOGNISED),
        (PUBLIC, Client(Mechanism.LLS, PASSWORD), Diagnostic.MECHANISM_NOT_RECOGNISED),
        (99, Client(), Diagnostic.NO_REASON),
        (PUBLIC, Client(conformance=frozenset()), Diagnostic.NO_REASON),
        (PUBLIC, Client(max_pdu=63), Diagnostic.NO_REASON),
    ],
)
def test_who_may_not_associate_is_told_why(meter: Meter, address: int, client: Client, diagnostic: Diagnostic) -> None:
    with pytest.raises(AssociationRefusedError) as refused:
        associated(Link(meter, address, client))
    assert refused.value.diagnostic == diagnostic


def test_an_old_dlms_version_is_refused_with_the_published_initiate_error(meter: Meter) -> None:
    old = InitiateRequest(SERVED, 500, version=5)
    answer = only(Session(meter.device, PUBLIC).receive(AssociationRequest(Context.PLAIN, old.to_bytes()).to_bytes()))
    assert answer == bytes.fromhex("611FA109060760857405080101A203020101A305A103020101BE0604040E010601")
    assert ConfirmedServiceError.from_bytes(answer[-4:]).initiate_error is InitiateError.DLMS_VERSION_TOO_LOW


def test_a_name_of_short_references_is_refused(meter: Meter) -> None:
    request = AssociationRequest(Context.SHORT_NAMES_PLAIN, OFFER.to_bytes())
    answer = AssociationResponse.from_bytes(only(Session(meter.device, PUBLIC).receive(request.to_bytes())))
    assert answer.diagnostic == Diagnostic.CONTEXT_NOT_SUPPORTED


@pytest.mark.parametrize("title", [b"", b"short", SERVER_TITLE])
def test_a_client_needs_a_title_of_its_own(meter: Meter, title: bytes) -> None:
    request = AssociationRequest(Context.CIPHERED, OFFER.to_bytes(), Mechanism.HLS_GMAC, title, CHALLENGE)
    answer = AssociationResponse.from_bytes(only(Session(meter.device, MANAGEMENT).receive(request.to_bytes())))
    assert answer.diagnostic == Diagnostic.CALLING_TITLE_NOT_RECOGNIZED


@pytest.mark.parametrize("keys", [{"key": AUTH_KEY}, {"auth_key": KEY}])
def test_a_wrong_key_of_either_kind_does_not_decipher(meter: Meter, keys: dict[str, bytes]) -> None:
    with pytest.raises(ExceptionReceivedError) as refused:
        associated(manager(meter, **keys))
    assert refused.value.service == ServiceError.DECIPHERING_ERROR
    assert meter.security.last_counter(CLIENT_TITLE) is None
    associated(manager(meter))


def test_a_wrong_proof_ends_the_attempt(meter: Meter) -> None:
    session = Session(meter.device, MANAGEMENT)
    request = AssociationRequest(Context.CIPHERED, OFFER.to_bytes(), Mechanism.HLS_GMAC, CLIENT_TITLE, CHALLENGE)
    session.receive(request.to_bytes())
    proof = hls_gmac(b"another challenge", CLIENT_TITLE, 1, KEY, AUTH_KEY)
    action = ActionRequestNormal(0xC1, PROVE, octets(proof)).to_bytes()
    assert only(session.receive(protect_glo(action, CLIENT_TITLE, 2, KEY, AUTH_KEY)))[0] == 0xCF
    assert session.state is State.IDLE
    assert meter.associations == []


def test_a_proof_from_before_is_no_proof(meter: Meter) -> None:
    meter.security.note_counter(CLIENT_TITLE, 10)
    session = Session(meter.device, MANAGEMENT)
    request = AssociationRequest(Context.CIPHERED, OFFER.to_bytes(), Mechanism.HLS_GMAC, CLIENT_TITLE, CHALLENGE)
    challenge = AssociationResponse.from_bytes(only(session.receive(request.to_bytes()))).secret
    proof = hls_gmac(challenge, CLIENT_TITLE, 10, KEY, AUTH_KEY)
    action = ActionRequestNormal(0xC1, PROVE, octets(proof)).to_bytes()
    session.receive(protect_glo(action, CLIENT_TITLE, 11, KEY, AUTH_KEY))
    assert session.state is State.IDLE


def test_before_the_proof_nothing_else_is_served(meter: Meter) -> None:
    session = Session(meter.device, MANAGEMENT)
    request = AssociationRequest(Context.CIPHERED, OFFER.to_bytes(), Mechanism.HLS_GMAC, CLIENT_TITLE, CHALLENGE)
    session.receive(request.to_bytes())
    get = protect_glo(GetRequestNormal(0xC1, TIME).to_bytes(), CLIENT_TITLE, 1, KEY, AUTH_KEY)
    assert session.receive(get) == [NOT_NOW]
    assert session.state is State.PENDING


def test_a_proven_client_cannot_prove_itself_again(meter: Meter) -> None:
    link = associated(manager(meter))
    with pytest.raises(AccessRefusedError, match="READ_WRITE_DENIED"):
        link.run(link.client.action(PROVE, octets(b"?")))
    assert link.session.state is State.ASSOCIATED


# Counters and protection


@pytest.mark.parametrize("form", [Form.GLO, Form.GENERAL])
def test_a_replayed_request_is_refused_with_the_expected_counter(meter: Meter, form: Form) -> None:
    link = associated(manager(meter, form=form))
    link.run(link.client.set(Attribute(1, NOTE, 2), octets(b"first")))
    replayed, expected = link.sent[-1], link.client.protection.counter  # type: ignore[union-attr]
    meter.note = b"second"
    answer = ExceptionResponse.from_bytes(only(link.session.receive(replayed)))
    assert (answer.service, answer.counter) == (ServiceError.INVOCATION_COUNTER_ERROR, expected)
    assert meter.note == b"second"
    assert link.run(link.client.get(Attribute(1, NOTE, 2))) == octets(b"second")


def test_a_replayed_association_is_refused_with_the_expected_counter(meter: Meter) -> None:
    link = associated(manager(meter, counter=5))
    answer = ExceptionResponse.from_bytes(only(Session(meter.device, MANAGEMENT).receive(link.sent[0])))
    assert (answer.service, answer.counter) == (ServiceError.INVOCATION_COUNTER_ERROR, 8)


def test_counters_of_different_clients_do_not_meet(meter: Meter) -> None:
    associated(manager(meter, counter=1000))
    other = Protection(b"OTHER-01", KEY, AUTH_KEY, 1)
    associated(Link(meter, MANAGEMENT, Client(Mechanism.HLS_GMAC, CHALLENGE, other)))
    assert meter.security.highest_counter() == 1002
    assert meter.security.last_counter(b"OTHER-01") == 3


def test_the_last_counter_of_all_leaves_no_other(meter: Meter) -> None:
    meter.security.note_counter(CLIENT_TITLE, 2**32 - 1)
    with pytest.raises(ExceptionReceivedError) as refused:
        associated(manager(meter))
    assert refused.value.counter == 2**32 - 1


def test_a_message_that_is_not_genuine_uses_no_counter_up(meter: Meter) -> None:
    link = associated(manager(meter))
    before = meter.security.last_counter(CLIENT_TITLE)
    forged = bytearray(protect_general(GET_CLOCK, CLIENT_TITLE, 2**32 - 1, KEY, AUTH_KEY))
    forged[-1] ^= 1
    assert link.session.receive(bytes(forged)) == [NOT_DECIPHERED]
    assert meter.security.last_counter(CLIENT_TITLE) == before
    assert link.run(link.client.get(TIME)) == octets(meter.time)


def test_our_own_counters_never_repeat(meter: Meter) -> None:
    for form in (Form.GLO, Form.GENERAL):
        link = associated(manager(meter, form=form, counter=(meter.security.last_counter(CLIENT_TITLE) or 0) + 1))
        for _ in range(3):
            link.run(link.client.get(TIME))
        link.run(link.client.release())
    # 2 × (AARE, answer to the proof, proof, 3 answers, RLRE)
    assert meter.security.state.counter == 1 + 2 * 7


@pytest.mark.parametrize("control", [0x10, 0x20])
def test_a_weaker_protection_than_the_policy_is_not_taken(meter: Meter, control: int) -> None:
    link = associated(manager(meter))
    weak = protect_general(GET_CLOCK, CLIENT_TITLE, 100, KEY, AUTH_KEY, control)
    assert link.session.receive(weak) == [NOT_DECIPHERED]


def test_a_plain_request_in_a_ciphered_association_is_not_served(meter: Meter) -> None:
    link = associated(manager(meter))
    assert link.session.receive(GET_CLOCK) == [NOT_NOW]


def test_a_ciphered_request_in_a_plain_association_is_not_deciphered(meter: Meter) -> None:
    link = associated(public(meter))
    assert link.session.receive(protect_general(GET_CLOCK, CLIENT_TITLE, 1, KEY, AUTH_KEY)) == [NOT_DECIPHERED]


def test_another_title_with_the_right_keys_is_not_this_association(meter: Meter) -> None:
    link = associated(manager(meter))
    assert link.session.receive(protect_general(GET_CLOCK, b"OTHER-01", 9, KEY, AUTH_KEY)) == [NOT_DECIPHERED]


# Without an association, and after one


def test_without_an_association_nothing_is_served(meter: Meter) -> None:
    session = Session(meter.device, PUBLIC)
    for apdu in (GET_CLOCK, ReleaseRequest().to_bytes(), protect_general(GET_CLOCK, CLIENT_TITLE, 1, KEY, AUTH_KEY)):
        assert session.receive(apdu) == [NOT_NOW]


def test_a_lost_connection_takes_the_association_along(meter: Meter) -> None:
    link = associated(manager(meter))
    link.session.lost()
    with pytest.raises(ExceptionReceivedError):
        link.run(link.client.get(TIME))
    assert meter.associations[-1] == (MANAGEMENT, False)


def test_a_new_association_request_ends_the_one_before(meter: Meter) -> None:
    link = associated(reader(meter))
    with pytest.raises(AssociationRefusedError):
        link.run(Client(Mechanism.LLS, b"wrong").associate())
    assert link.session.receive(GET_CLOCK) == [NOT_NOW]
    assert meter.associations == [(READER, True), (READER, False)]


def test_a_server_that_does_not_have_the_keys_is_found_out(meter: Meter) -> None:
    link = manager(meter)
    exchange = link.client.associate()
    answer = AssociationResponse.from_bytes(link.send(next(exchange)))
    forged = AssociationResponse(
        answer.context,
        answer.result,
        answer.diagnostic,
        protect_glo(bytes.fromhex("0800065F1F040000501F01F40007"), SERVER_TITLE, 1, AUTH_KEY, KEY),
        answer.mechanism,
        answer.title,
        answer.secret,
    )
    with pytest.raises(SecurityError):
        exchange.send(forged.to_bytes())


# Services


def test_a_public_client_reads_its_few_objects_and_no_more(meter: Meter) -> None:
    link = associated(public(meter))
    assert link.run(link.client.get(Attribute(1, bytes([0, 0, 43, 1, 0, 255]), 2))) == Data(DataType.UINT32, 0)
    with pytest.raises(AccessRefusedError, match="READ_WRITE_DENIED"):
        link.run(link.client.get(ENERGY))
    assert link.session.receive(SetRequestNormal(0xC1, TIME, octets(bytes(12))).to_bytes()) == [NOT_SUPPORTED]


@pytest.mark.parametrize(
    ("attribute", "result"),
    [
        (Attribute(3, bytes(6), 2), DataAccessResult.OBJECT_UNDEFINED),
        (Attribute(1, IMPORT, 2), DataAccessResult.OBJECT_CLASS_INCONSISTENT),
        (Attribute(3, IMPORT, 9), DataAccessResult.OBJECT_UNAVAILABLE),
        (Attribute(3, IMPORT, -1), DataAccessResult.OBJECT_UNAVAILABLE),
        (Attribute(64, bytes([0, 0, 43, 0, 0, 255]), 2), DataAccessResult.READ_WRITE_DENIED),
    ],
)
def test_a_get_that_cannot_be_served_says_why(meter: Meter, attribute: Attribute, result: DataAccessResult) -> None:
    link = associated(reader(meter))
    with pytest.raises(AccessRefusedError) as refused:
        link.run(link.client.get(attribute))
    assert refused.value.result == result


@pytest.mark.parametrize(
    ("attribute", "value", "result"),
    [
        (TIME, Data(DataType.UINT8, 1), DataAccessResult.TYPE_UNMATCHED),
        (ENERGY, Data(DataType.UINT32, 1), DataAccessResult.READ_WRITE_DENIED),
        (Attribute(8, CLOCK, 1), octets(CLOCK), DataAccessResult.READ_WRITE_DENIED),
        (Attribute(8, bytes(6), 2), octets(b""), DataAccessResult.OBJECT_UNDEFINED),
    ],
)
def test_a_set_that_cannot_be_served_says_why(
    meter: Meter, attribute: Attribute, value: Data, result: DataAccessResult
) -> None:
    link = associated(manager(meter))
    with pytest.raises(AccessRefusedError) as refused:
        link.run(link.client.set(attribute, value))
    assert refused.value.result == result


def test_a_list_is_answered_in_its_order_with_each_refusal_in_its_place(meter: Meter) -> None:
    link = associated(reader(meter))
    results = link.run(link.client.get_list(ENERGY, Attribute(3, bytes(6), 2), Attribute(1, SERIAL, 2)))
    energy = Data(DataType.UINT32, register(NOON))
    assert results == (energy, DataAccessResult.OBJECT_UNDEFINED, octets(b"S-42"))


def test_a_method_returns_its_data(meter: Meter) -> None:
    link = associated(manager(meter))
    assert link.run(link.client.action(Method(8, CLOCK, 6), octets(b"echo"))) == octets(b"echo")
    with pytest.raises(AccessRefusedError, match="OBJECT_UNAVAILABLE"):
        link.run(link.client.action(Method(8, CLOCK, 1)))


def test_an_unconfirmed_set_is_done_in_silence(meter: Meter) -> None:
    link = associated(manager(meter))
    plain = SetRequestNormal(0x01, Attribute(1, NOTE, 2), octets(b"quiet")).to_bytes()
    assert link.session.receive(protect_general(plain, CLIENT_TITLE, 50, KEY, AUTH_KEY)) == []
    assert meter.note == b"quiet"


def test_what_was_not_agreed_on_is_not_served(meter: Meter) -> None:
    link = associated(public(meter, conformance=frozenset({Conformance.GET})))
    assert link.client.agreed.conformance == {Conformance.GET}
    with pytest.raises(ExceptionReceivedError):
        link.run(link.client.get_list(TIME))


def test_unknown_broken_and_overlong_apdus_get_an_error_and_the_next_one_is_served(meter: Meter) -> None:
    link = associated(public(meter))
    for apdu, answer in (
        (b"", UNKNOWN),
        (b"\xd0\x01\x02", UNKNOWN),
        (GET_CLOCK[:-1], MALFORMED),
        (b"\x60\x05\xa1", MALFORMED),
        (b"\xc0" * 1025, TOO_LONG),
    )[:-2]:
        assert link.session.receive(apdu) == [answer]
    assert link.session.receive(b"\xc0" * 1025) == [TOO_LONG]
    assert link.run(link.client.get(TIME)) == octets(meter.time)
    assert link.session.receive(b"\x60\x05\xa1") == [MALFORMED]


def test_the_association_object_shows_the_association(meter: Meter) -> None:
    link = associated(manager(meter))
    for obis in (CURRENT_ASSOCIATION, bytes([0, 0, 40, 0, 3, 255])):
        status = link.run(link.client.get(Attribute(15, obis, 8)))
        assert status == Data(DataType.ENUM, 2)
        context = link.run(link.client.get(Attribute(15, obis, 4)))
        assert context == octets(bytes.fromhex("60857405080103"))
        info = link.run(link.client.get(Attribute(15, obis, 5)))
        assert isinstance(info.value, tuple)
        assert info.value[1:3] == (Data(DataType.UINT16, 1024), Data(DataType.UINT16, 1024))


@pytest.mark.parametrize("name", EACH_CLIENT)
def test_the_object_list_holds_what_the_client_may_touch_and_nothing_else(meter: Meter, name: str) -> None:
    link = associated(EACH_CLIENT[name](meter))
    listed = link.run(link.client.get(Attribute(15, CURRENT_ASSOCIATION, 2))).value
    assert isinstance(listed, tuple)
    readable = 0
    for element in listed:
        class_id, _, obis, rights = (member.value for member in element.value)  # type: ignore[union-attr]
        for number, mode, _ in (tuple(m.value for m in right.value) for right in rights[0].value):  # type: ignore
            try:
                link.run(link.client.get(Attribute(class_id, obis, number)))  # type: ignore[arg-type]
                readable += 1
                assert mode & 1
            except AccessRefusedError as refused:
                assert refused.result == DataAccessResult.READ_WRITE_DENIED
                assert not mode & 1
    names = [element.value[2].value for element in listed]  # type: ignore[index, union-attr]
    assert (IMPORT in names) == (name != "public")
    assert readable > 10


def test_the_client_takes_no_answer_that_is_plain_or_to_another_request(meter: Meter) -> None:
    link = associated(manager(meter))
    exchange = link.client.get(TIME)
    next(exchange)
    with pytest.raises(ProtocolError, match="plain answer"):
        exchange.send(ActionResponseNormal(0xC1, DataAccessResult.SUCCESS).to_bytes())
    plain = associated(public(meter))
    exchange = plain.client.get(TIME)
    next(exchange)
    with pytest.raises(ProtocolError, match="in answer to"):
        exchange.send(bytes.fromhex("C401C90011FF"))


def test_the_client_refuses_a_replayed_answer(meter: Meter) -> None:
    link = associated(manager(meter))
    link.run(link.client.get(TIME))
    exchange = link.client.get(TIME)
    next(exchange)
    with pytest.raises(SecurityError, match="invocation counter"):
        exchange.send(link.received[-1])


def test_the_client_does_not_let_its_own_challenge_be_reflected(meter: Meter) -> None:
    meter.device.random = lambda size: CHALLENGE
    with pytest.raises(AssociationRefusedError, match="challenge"):
        associated(manager(meter))


@pytest.mark.parametrize("max_pdu", [1, 12, 63])
def test_the_client_refuses_a_server_that_can_receive_no_block(max_pdu: int) -> None:
    granted = InitiateResponse(SERVED, max_pdu).to_bytes()
    exchange = Client().associate()
    next(exchange)
    with pytest.raises(ProtocolError, match=f"at most {max_pdu} bytes"):
        exchange.send(AssociationResponse(Context.PLAIN, Result.ACCEPTED, 0, granted).to_bytes())


@pytest.mark.parametrize("seal", [protect_glo, protect_general])
def test_the_client_believes_no_ciphered_answer_before_it_has_met_the_server(meter: Meter, seal: Seal) -> None:
    client = manager(meter).client
    exchange = client.get(TIME)
    next(exchange)
    with pytest.raises(SecurityError):
        exchange.send(seal(GET_CLOCK, SERVER_TITLE, 1, KEY, AUTH_KEY))
