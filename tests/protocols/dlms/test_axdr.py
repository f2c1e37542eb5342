import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.axdr import (
    MAX_APDU,
    MAX_DEPTH,
    NULL,
    Data,
    DataType,
    Reader,
    array,
    decode,
    encode,
    encode_length,
    octets,
    structure,
)
from protocols.dlms.errors import EncodeError
from protocols.errors import ProtocolError


def integers(type_: DataType, size: int, signed: bool) -> st.SearchStrategy[Data]:
    low, high = (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)
    return st.builds(Data, st.just(type_), st.integers(low, high))


LEAVES = st.one_of(
    st.just(NULL),
    st.builds(Data, st.just(DataType.BOOLEAN), st.booleans()),
    st.builds(octets, st.binary(max_size=300)),
    st.builds(Data, st.just(DataType.VISIBLE_STRING), st.text(st.characters(max_codepoint=127), max_size=200)),
    st.builds(Data, st.just(DataType.BIT_STRING), st.text("01", max_size=150)),
    integers(DataType.INT8, 1, True),
    integers(DataType.INT16, 2, True),
    integers(DataType.INT32, 4, True),
    integers(DataType.INT64, 8, True),
    integers(DataType.UINT8, 1, False),
    integers(DataType.UINT16, 2, False),
    integers(DataType.UINT32, 4, False),
    integers(DataType.UINT64, 8, False),
    integers(DataType.ENUM, 1, False),
)
DATA = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda make, items: make(*items), st.sampled_from([array, structure]), st.lists(inner, max_size=4)
    ),
)


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        (NULL, "00"),
        (Data(DataType.BOOLEAN, True), "0301"),
        (Data(DataType.BIT_STRING, "1010000011"), "040AA0C0"),
        (Data(DataType.BIT_STRING, ""), "0400"),
        (Data(DataType.INT32, -2), "05FFFFFFFE"),
        (Data(DataType.UINT32, 99_999_999), "0605F5E0FF"),
        (octets(b"\x01\x02"), "09020102"),
        (Data(DataType.VISIBLE_STRING, "TWN"), "0A0354574E"),
        (Data(DataType.INT8, -1), "0FFF"),
        (Data(DataType.INT16, -540), "10FDE4"),
        (Data(DataType.UINT8, 255), "11FF"),
        (Data(DataType.UINT16, 0x0102), "120102"),
        (Data(DataType.INT64, -1), "14FFFFFFFFFFFFFFFF"),
        (Data(DataType.UINT64, 1), "150000000000000001"),
        (Data(DataType.ENUM, 30), "161E"),
        (structure(Data(DataType.INT8, -3), Data(DataType.ENUM, 30)), "02020FFD161E"),
        (array(), "0100"),
    ],
)
def test_every_supported_type_has_its_bytes(data: Data, wire: str) -> None:
    assert encode(data).hex().upper() == wire
    assert decode(bytes.fromhex(wire)) == data


@pytest.mark.parametrize(
    ("length", "wire"), [(0, "00"), (127, "7f"), (128, "8180"), (255, "81ff"), (256, "820100"), (65_536, "83010000")]
)
def test_a_length_takes_its_shortest_form(length: int, wire: str) -> None:
    assert encode_length(length).hex() == wire


def test_a_longer_form_of_a_length_is_understood() -> None:
    assert decode(bytes.fromhex("0984000000020102")) == octets(b"\x01\x02")


@given(DATA)
def test_what_is_encoded_decodes_to_the_same(data: Data) -> None:
    assert decode(encode(data)) == data


@given(st.binary(max_size=200))
def test_garbage_gives_data_or_a_protocol_error_and_nothing_else(raw: bytes) -> None:
    try:
        data = decode(raw)
    except ProtocolError:
        return
    assert decode(encode(data)) == data


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        ("", "expected"),
        ("06000001", "expected"),
        ("0000", "too many"),
        ("13", "unsupported data type 19"),
        ("0980", "a length of 0 bytes"),
        ("098500000000010A", "a length of 5 bytes"),
        ("0984FFFFFFFF", "a length of 4294967295"),
        ("0184000000FF" + "00" * 40, "255 elements announced"),
        ("040AFF", "a length of 10"),
        ("0902FF", "expected"),
        ("0A01E9", "not ASCII"),
    ],
)
def test_broken_data_is_refused_with_a_reason(wire: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        decode(bytes.fromhex(wire))


def test_nesting_is_bounded() -> None:
    assert decode(b"\x02\x01" * MAX_DEPTH + b"\x00") != NULL
    with pytest.raises(ProtocolError, match="nested deeper"):
        decode(b"\x02\x01" * (MAX_DEPTH + 1) + b"\x00")


def test_a_message_longer_than_any_apdu_is_refused_unread() -> None:
    with pytest.raises(ProtocolError, match="at most 65535"):
        Reader(bytes(MAX_APDU + 1))


@pytest.mark.parametrize(
    "data",
    [
        Data(DataType.UINT8, 256),
        Data(DataType.UINT32, -1),
        Data(DataType.INT8, 128),
        Data(DataType.OCTET_STRING, "text"),
        Data(DataType.VISIBLE_STRING, "é"),
        Data(DataType.BIT_STRING, "012"),
        Data(DataType.NULL, 0),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_our_own_fault(data: Data) -> None:
    with pytest.raises(EncodeError):
        encode(data)
