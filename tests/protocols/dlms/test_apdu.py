import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.apdu import (
    Attribute,
    DataAccessResult,
    DataNotification,
    ExceptionResponse,
    GetRequestNormal,
    GetResponseNormal,
    ServiceError,
    StateError,
)
from protocols.dlms.axdr import Data, DataType, array, octets, structure
from protocols.dlms.errors import EncodeError
from protocols.dlms.services import Apdu, parse
from protocols.errors import ProtocolError
from tests.protocols.dlms.vectors import GET_CLOCK, NOTIFICATION, RANGE_READ

CLOCK = Attribute(8, bytes.fromhex("0000010000FF"), 2)
PROFILE = Attribute(7, bytes.fromhex("0100630100FF"), 2)
RANGE = structure(
    structure(Data(DataType.UINT16, 8), octets(CLOCK.obis), Data(DataType.INT8, 2), Data(DataType.UINT16, 0)),
    octets(bytes.fromhex("07E10A010700000000FFC480")),
    octets(bytes.fromhex("07E10A010701000000FFC480")),
    array(),
)


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (GET_CLOCK, GetRequestNormal(0, CLOCK)),
        (RANGE_READ, GetRequestNormal(0xC1, PROFILE, (1, RANGE))),
        (NOTIFICATION, DataNotification(0x01DB, b"", octets(NOTIFICATION[8:]))),
        (bytes.fromhex("C401C10109"), GetResponseNormal(0xC1, DataAccessResult.OBJECT_CLASS_INCONSISTENT)),
        (bytes.fromhex("C401C100060000002A"), GetResponseNormal(0xC1, Data(DataType.UINT32, 42))),
        (bytes.fromhex("D80105"), ExceptionResponse(StateError(1), ServiceError.DECIPHERING_ERROR)),
        (
            bytes.fromhex("D8020601234568"),
            ExceptionResponse(StateError(2), ServiceError.INVOCATION_COUNTER_ERROR, 0x01234568),
        ),
    ],
)
def test_known_apdus_are_read_and_written(wire: bytes, value: Apdu) -> None:
    assert parse(wire) == value
    assert value.to_bytes() == wire


def test_a_notification_may_carry_its_time() -> None:
    dated = DataNotification(1, bytes.fromhex("07EA0514030A1F0000FDE400"), octets(b""))
    assert dated.to_bytes()[5:18].hex() == "0c07ea0514030a1f0000fde400"
    assert parse(dated.to_bytes()) == dated


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        ("", "unsupported APDU"),
        ("CA", "unsupported APDU ca"),
        ("C004C1", "unsupported APDU c004"),
        ("C0010000080000010000FF0202", "selective access: choice 2"),
        ("C0010000080000010000FF02", "expected"),
        ("C0010000080000010000FF020000", "too many"),
        ("C401C1020000", "choice 2"),
        ("C401C10105", "unknown DataAccessResult 5"),
        ("C404C1", "unsupported APDU c404"),
        ("0F000000010207EA00", "date-time of 2 bytes"),
        ("D80106", "expected"),
        ("D8010500000001", "too many"),
        ("D80305", "unknown StateError 3"),
    ],
)
def test_broken_apdus_are_refused_with_a_reason(wire: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        parse(bytes.fromhex(wire))


@given(st.sampled_from([b"\x0f", b"\xc0\x01", b"\xc4\x01", b"\xd8"]), st.binary(max_size=60))
def test_garbage_behind_a_known_tag_is_read_or_refused(tag: bytes, rest: bytes) -> None:
    try:
        value = parse(tag + rest)
    except ProtocolError:
        return
    assert parse(value.to_bytes()) == value


@pytest.mark.parametrize(
    "apdu",
    [
        GetRequestNormal(256, CLOCK),
        GetRequestNormal(0, Attribute(8, b"\x00", 2)),
        DataNotification(2**32, b"", octets(b"")),
        ExceptionResponse(StateError(1), ServiceError.OTHER_REASON, 1),
        ExceptionResponse(StateError(1), ServiceError.INVOCATION_COUNTER_ERROR),
    ],
)
def test_an_apdu_that_cannot_be_written_is_our_own_fault(apdu: Apdu) -> None:
    with pytest.raises(EncodeError):
        apdu.to_bytes()
