import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.echonet.errors import EncodeError
from protocols.echonet.frame import LV_METER, Eoj
from protocols.echonet.lists import ClassListCodec, InstanceListCodec, PropertyMapCodec
from protocols.errors import ProtocolError
from tests.protocols.echonet.vectors import READABLE_A

MAP = PropertyMapCodec()


def test_the_captured_map_of_25_properties_is_read_and_written() -> None:
    wire = bytes.fromhex("1941414160404000624300414040430202")
    assert MAP.decode(wire) == READABLE_A
    assert MAP.encode(READABLE_A) == wire


def test_fifteen_properties_are_listed_and_sixteen_are_bits() -> None:
    assert MAP.encode(range(0x80, 0x8F)) == bytes([15, *range(0x80, 0x8F)])
    assert MAP.encode(range(0x80, 0x90)) == bytes([16]) + b"\x01" * 16
    assert MAP.encode([]) == b"\x00"


@given(st.frozensets(st.integers(0x80, 0xFF)))
def test_every_map_comes_back(epcs: frozenset[int]) -> None:
    wire = MAP.encode(epcs)
    assert MAP.decode(wire) == epcs
    assert len(wire) == (1 + len(epcs) if len(epcs) < 16 else 17)


@pytest.mark.parametrize(
    "wire",
    ["", "0180E0", "03808081", "017F", "02E0", "10" + "01" * 15, "10" + "03" * 16, "11" + "01" * 16, "00E0"],
)
def test_a_map_that_contradicts_itself_is_refused(wire: str) -> None:
    with pytest.raises(ProtocolError):
        MAP.decode(bytes.fromhex(wire))


def test_a_map_has_no_codes_below_80() -> None:
    with pytest.raises(EncodeError, match="0x7f"):
        MAP.encode([0x7F, 0x80])


@given(st.lists(st.builds(Eoj, st.integers(0, 0xFFFF), st.integers(0, 0xFF)), max_size=84).map(tuple))
def test_instance_lists_come_back(eojs: tuple[Eoj, ...]) -> None:
    assert InstanceListCodec().decode(InstanceListCodec().encode(eojs)) == eojs


@given(st.lists(st.integers(0, 0xFFFF), max_size=8).map(tuple))
def test_class_lists_come_back(codes: tuple[int, ...]) -> None:
    assert ClassListCodec().decode(ClassListCodec().encode(codes)) == codes


@pytest.mark.parametrize("wire", ["", "0102880102", "02028801", "55" + "028801" * 85])
def test_an_instance_list_of_the_wrong_length_is_refused(wire: str) -> None:
    with pytest.raises(ProtocolError, match="no list"):
        InstanceListCodec().decode(bytes.fromhex(wire))


def test_lists_beyond_their_bound_are_our_own_fault() -> None:
    with pytest.raises(EncodeError, match="85 instances"):
        InstanceListCodec().encode([LV_METER] * 85)
    with pytest.raises(EncodeError, match="8 classes"):
        ClassListCodec().encode(range(9))
