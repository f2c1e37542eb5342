import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.action import (
    ActionRequestBlock,
    ActionRequestFirstBlock,
    ActionRequestNext,
    ActionRequestNormal,
    ActionResponseBlock,
    ActionResponseNext,
    ActionResponseNormal,
)
from protocols.dlms.apdu import Attribute, DataAccessResult, EventNotification, Method
from protocols.dlms.axdr import NULL, Data, DataType, octets, structure
from protocols.dlms.blocks import Block
from protocols.dlms.get import GetRequestList, GetRequestNext, GetResponseBlock, GetResponseList
from protocols.dlms.services import REQUESTS, Apdu, parse
from protocols.dlms.set import (
    SetRequestBlock,
    SetRequestFirstBlock,
    SetRequestList,
    SetRequestNormal,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseList,
    SetResponseNormal,
)
from protocols.errors import ProtocolError

HEX = bytes.fromhex
CLOCK = Attribute(8, HEX("0000010000FF"), 2)
TIME = HEX("07E50118FF0E303950FFC400")
SUCCESS = DataAccessResult.SUCCESS
ONE = Data(DataType.UINT8, 1)

PUBLISHED: dict[str, Apdu] = {
    "C301C0000F0000280000FF010109111000001A90E6D2221FA2FD85EED61ACC22": ActionRequestNormal(
        0xC0, Method(15, HEX("0000280000FF"), 1), octets(HEX("1000001A90E6D2221FA2FD85EED61ACC22"))
    ),
    "C701C000010009111000001AFDE8857B728A3499106AA665D1": ActionResponseNormal(
        0xC0, SUCCESS, octets(HEX("1000001AFDE8857B728A3499106AA665D1"))
    ),
    "C101C100080000010000FF0200090C07E50118FF0E303950FFC400": SetRequestNormal(0xC1, CLOCK, octets(TIME)),
    "C501C100": SetResponseNormal(0xC1, SUCCESS),
    "C301C1001200002C0000FF01010202090846572D312E322E3306000003E8": ActionRequestNormal(
        0xC1,
        Method(18, HEX("00002C0000FF"), 1),
        structure(octets(b"FW-1.2.3"), Data(DataType.UINT32, 1000)),
    ),
    "C301C10046000060030AFF01010F00": ActionRequestNormal(
        0xC1, Method(70, HEX("000060030AFF"), 1), Data(DataType.INT8, 0)
    ),
}
SPEC_DERIVED: dict[str, Apdu] = {
    "C002C100000003": GetRequestNext(0xC1, 3),
    "C003C102" + "00080000010000FF0200" * 2: GetRequestList(0xC1, ((CLOCK, None), (CLOCK, None))),
    "C003C101" + "00080000010000FF02" + "010200": GetRequestList(0xC1, ((CLOCK, (2, NULL)),)),
    "C402C100000000010003AABBCC": GetResponseBlock(0xC1, False, 1, HEX("AABBCC")),
    "C402C101000000020113": GetResponseBlock(0xC1, True, 2, DataAccessResult.DATA_BLOCK_NUMBER_INVALID),
    "C403C1020011010104": GetResponseList(0xC1, (ONE, DataAccessResult.OBJECT_UNDEFINED)),
    "C102C100080000010000FF0200000000000102090C": SetRequestFirstBlock(0xC1, CLOCK, Block(False, 1, HEX("090C"))),
    "C103C101000000020107": SetRequestBlock(0xC1, Block(True, 2, b"\x07")),
    "C104C10100080000010000FF0200011101": SetRequestList(0xC1, ((CLOCK, None),), (ONE,)),
    "C502C100000001": SetResponseBlock(0xC1, 1),
    "C503C10000000002": SetResponseLastBlock(0xC1, SUCCESS, 2),
    "C505C1020003": SetResponseList(0xC1, (SUCCESS, DataAccessResult.READ_WRITE_DENIED)),
    "C302C100000001": ActionRequestNext(0xC1, 1),
    "C304C10046000060030AFF0100000000010100": ActionRequestFirstBlock(
        0xC1, Method(70, HEX("000060030AFF"), 1), Block(False, 1, b"\0")
    ),
    "C306C101000000020100": ActionRequestBlock(0xC1, Block(True, 2, b"\0")),
    "C701C10300": ActionResponseNormal(0xC1, DataAccessResult.READ_WRITE_DENIED),
    "C701C100010104": ActionResponseNormal(0xC1, SUCCESS, DataAccessResult.OBJECT_UNDEFINED),
    "C702C101000000010100": ActionResponseBlock(0xC1, Block(True, 1, b"\0")),
    "C704C100000001": ActionResponseNext(0xC1, 1),
    "C20000080000010000FF021101": EventNotification(b"", CLOCK, ONE),
    "C2010C07E50118FF0E303950FFC40000080000010000FF021101": EventNotification(TIME, CLOCK, ONE),
}
ALL = PUBLISHED | SPEC_DERIVED


@pytest.mark.parametrize(("wire", "value"), ALL.items())
def test_services_are_read_and_written(wire: str, value: Apdu) -> None:
    assert parse(HEX(wire)) == value
    assert value.to_bytes() == HEX(wire)


def test_every_request_that_can_be_read_is_among_the_examples() -> None:
    assert {HEX(wire)[:2] for wire in ALL} >= REQUESTS.keys() - {b"\xc0\x01"}  # that one: test_apdu


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        ("C003C141", "length of 65|list of 65"),
        ("C104C10100080000010000FF0200021101", "2 values for 1 attributes"),
        ("C402C100000000010200", "choice 2"),
        ("C502C10000", "expected"),
        ("C502C10000000100", "too many"),
        ("C20103", "length of 3|expected"),
        ("C303C100", "unsupported APDU c303"),
    ],
)
def test_broken_services_are_refused_with_a_reason(wire: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        parse(HEX(wire))


def test_a_short_request_cannot_announce_endless_lists() -> None:
    with pytest.raises(ProtocolError, match="at most 64"):
        parse(HEX("C003C14100") + bytes(700))


@given(st.sampled_from([HEX(wire) for wire in ALL]), st.integers(0, 100), st.integers(0, 255), st.integers(0, 60))
def test_altered_services_are_read_or_refused(seed: bytes, at: int, value: int, cut: int) -> None:
    altered = bytearray(seed)
    altered[at % len(seed)] = value
    for raw in (bytes(altered), bytes(altered)[:cut]):
        try:
            found = parse(raw)
        except ProtocolError:
            continue
        assert parse(found.to_bytes()) == found
