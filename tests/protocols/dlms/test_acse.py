import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms import acse
from protocols.dlms.acse import (
    AssociationRequest,
    AssociationResponse,
    Context,
    Diagnostic,
    Mechanism,
    ReleaseReason,
    ReleaseRequest,
    ReleaseResponse,
    Result,
)
from protocols.dlms.conformance import Conformance
from protocols.dlms.initiate import ConfirmedServiceError, InitiateError, InitiateRequest, InitiateResponse
from protocols.errors import MeterBenchError, ProtocolError
from tests.protocols.dlms.vectors import INITIATE, SERVER_TITLE

HEX = bytes.fromhex
ANY_BITS = frozenset(
    {
        Conformance.PRIORITY,
        Conformance.BLOCK_TRANSFER_WITH_GET,
        Conformance.GET,
        Conformance.SET,
        Conformance.SELECTIVE_ACCESS,
        Conformance.EVENT_NOTIFICATION,
        Conformance.ACTION,
    }
)
GRANTED = HEX("0800065F1F040000501F01F40007")
OFFERED = HEX("01000000065F1F0400007E1F04B0")
GLO_INITIATE = HEX(
    "21303001234567801302FF8A7874133D414CED25B42534D28DB0047720606B175BD52211BE6841DB204D39EE6FDB8E356855"
)
AARQS = {
    "601DA109060760857405080101BE10040E01000000065F1F0400001E1DFFFF": AssociationRequest(
        Context.PLAIN, HEX("01000000065F1F0400001E1DFFFF")
    ),
    "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738"
    "BE10040E01000000065F1F0400007E1F04B0": AssociationRequest(
        Context.PLAIN, OFFERED, Mechanism.LLS, secret=b"12345678"
    ),
    "6036A1090607608574050801018A0207808B0760857405080205AC0A80084B35366956616759"
    "BE10040E01000000065F1F0400007E1F04B0": AssociationRequest(
        Context.PLAIN, OFFERED, Mechanism.HLS_GMAC, secret=b"K56iVagY"
    ),
    "6066A109060760857405080103A60A04084D4D4D0000BC614E8A0207808B0760857405080201AC0A80083132333435363738BE340432"
    + GLO_INITIATE.hex(): AssociationRequest(Context.CIPHERED, GLO_INITIATE, Mechanism.LLS, SERVER_TITLE, b"12345678"),
}
AARES = {
    "6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F040000501F01F40007": AssociationResponse(
        Context.PLAIN, Result.ACCEPTED, Diagnostic.NULL, GRANTED
    ),
    "6142A109060760857405080101A203020100A305A10302010E88020780890760857405080205AA0A8008503677524A323146"
    "BE10040E0800065F1F040000501F01F40007": AssociationResponse(
        Context.PLAIN,
        Result.ACCEPTED,
        Diagnostic.AUTHENTICATION_REQUIRED,
        GRANTED,
        Mechanism.HLS_GMAC,
        secret=b"P6wRJ21F",
    ),
    "6129A109060760857405080101A203020101A305A103020102BE10040E0800065F1F040000501F01F40007": AssociationResponse(
        Context.PLAIN, Result.REJECTED_PERMANENT, Diagnostic.CONTEXT_NOT_SUPPORTED, GRANTED
    ),
    "611FA109060760857405080101A203020101A305A103020101BE0604040E010601": AssociationResponse(
        Context.PLAIN, Result.REJECTED_PERMANENT, Diagnostic.NO_REASON, HEX("0E010601")
    ),
}


@pytest.mark.parametrize(("wire", "value"), AARQS.items())
def test_published_association_requests_hold_in_both_directions(wire: str, value: AssociationRequest) -> None:
    assert AssociationRequest.from_bytes(HEX(wire)) == value
    assert value.to_bytes() == HEX(wire)


@pytest.mark.parametrize(("wire", "value"), AARES.items())
def test_published_association_responses_hold_in_both_directions(wire: str, value: AssociationResponse) -> None:
    assert AssociationResponse.from_bytes(HEX(wire)) == value
    assert value.to_bytes() == HEX(wire)


def test_published_releases_hold_in_both_directions() -> None:
    assert ReleaseRequest.from_bytes(HEX("6203800100")) == ReleaseRequest()
    assert ReleaseRequest().to_bytes() == HEX("6203800100")
    assert ReleaseResponse.from_bytes(HEX("6303800100")) == ReleaseResponse()
    assert ReleaseResponse().to_bytes() == HEX("6303800100")


def test_a_release_may_carry_a_ciphered_initiate_and_no_reason() -> None:
    carrying = ReleaseRequest(ReleaseReason.USER_DEFINED, GLO_INITIATE)
    assert ReleaseRequest.from_bytes(carrying.to_bytes()) == carrying
    assert ReleaseRequest.from_bytes(HEX("6200")) == ReleaseRequest(None)


def test_the_published_initiates_hold_in_both_directions() -> None:
    bits = (9, 10, 11, 12, 13, 14, 19, 20, 21, 22, 23)  # of 007E1F
    request = InitiateRequest(frozenset(map(Conformance, bits)), 0x04B0)
    assert InitiateRequest.from_bytes(OFFERED) == request
    assert request.to_bytes() == OFFERED
    with_key = InitiateRequest(request.conformance, 0x04B0, HEX("00112233445566778899AABBCCDDEEFF"))
    assert InitiateRequest.from_bytes(INITIATE) == with_key
    assert with_key.to_bytes() == INITIATE
    response = InitiateResponse(ANY_BITS, 500)
    assert InitiateResponse.from_bytes(GRANTED) == response
    assert response.to_bytes() == GRANTED


def test_optional_parts_of_an_initiate_come_back() -> None:
    request = InitiateRequest(ANY_BITS, 0, b"k" * 16, response_allowed=False, quality=-1)
    assert InitiateRequest.from_bytes(request.to_bytes()) == request
    response = InitiateResponse(ANY_BITS, 1, quality=-128)
    assert InitiateResponse.from_bytes(response.to_bytes()) == response


def test_a_refused_initiate_names_its_error() -> None:
    error = ConfirmedServiceError.from_bytes(HEX("0E010601"))
    assert error.initiate_error is InitiateError.DLMS_VERSION_TOO_LOW
    assert ConfirmedServiceError.initiate(InitiateError.DLMS_VERSION_TOO_LOW).to_bytes() == HEX("0E010601")
    with pytest.raises(ProtocolError, match="no initiate error"):
        _ = ConfirmedServiceError(5, 1, 1).initiate_error


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        ("", "expected"),
        ("61", "60"),
        ("600BA10906076085740508010900", "too many"),
        ("600BA109060760857405080109", "unknown Context 9"),
        ("600BA109060760857405080201", "application context name"),
        ("6000", "no context"),
        ("6016A109060760857405080101A109060760857405080101", "twice"),
        ("600DA109060760857405080101AF00", "unknown or there twice"),
        ("6014A1090607608574050801018B0760857405080208", "unknown Mechanism 8"),
        ("6014A1090607608574050801018B0760857405080105", "mechanism name"),
        ("600FA109060760857405080101AC028100", "BER tag"),
        ("60820100A109", "length of 256"),
    ],
)
def test_broken_association_requests_are_refused_with_a_reason(wire: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        AssociationRequest.from_bytes(HEX(wire))


def test_secrets_and_titles_have_a_longest_length() -> None:
    for request in (
        AssociationRequest(Context.PLAIN, b"", Mechanism.LLS, secret=bytes(65)),
        AssociationRequest(Context.PLAIN, b"", title=bytes(33)),
    ):
        with pytest.raises(ProtocolError, match="at most"):
            AssociationRequest.from_bytes(request.to_bytes())


READERS = [AssociationRequest, AssociationResponse, ReleaseRequest, ReleaseResponse, InitiateRequest, InitiateResponse]
SEEDS = [HEX(wire) for wire in (*AARQS, *AARES, "6203800100", "6303800100")] + [INITIATE, GRANTED]


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6), st.data())
def test_altered_bytes_are_read_or_refused(seed: bytes, changes: list[tuple[int, int]], data: st.DataObject) -> None:
    altered = bytearray(seed)
    for at, value in changes:
        altered[at % len(altered)] = value
    cut = data.draw(st.integers(0, len(altered)))
    for raw in (bytes(altered), bytes(altered[:cut])):
        for kind in READERS:
            try:
                value = kind.from_bytes(raw)  # type: ignore[attr-defined]
            except ProtocolError:
                continue
            assert kind.from_bytes(value.to_bytes()) == value  # type: ignore[attr-defined]


@given(st.binary(max_size=80))
def test_random_bytes_are_read_or_refused(raw: bytes) -> None:
    for kind, tag in zip(READERS, (acse.AARQ_TAG, acse.AARE_TAG, acse.RLRQ_TAG, acse.RLRE_TAG, 1, 8), strict=True):
        try:
            kind.from_bytes(bytes([tag, len(raw)]) + raw)  # type: ignore[attr-defined]
        except MeterBenchError as error:
            assert isinstance(error, ProtocolError)
