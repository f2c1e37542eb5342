import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.errors import EncodeError
from protocols.dlms.wrapper import Frame, WrapperReader
from protocols.errors import ProtocolError

AARQ = bytes.fromhex("000100100001001F601DA109060760857405080101BE10040E01000000065F1F0400401E5DFFFF")
GET = bytes.fromhex("000100100001000DC001C100080000010000FF0200")
IMAGE_INITIATE = bytes.fromhex("000100100001001EC301C1001200002C0000FF01010202090846572D312E322E3306000003E8")
DISCONNECT = bytes.fromhex("000100100001000FC301C10046000060030AFF01010F00")
FRAMES = st.lists(st.builds(Frame, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=300)), max_size=6)


@pytest.mark.parametrize("wire", [AARQ, GET, IMAGE_INITIATE, DISCONNECT])
def test_captured_frames_hold_in_both_directions(wire: bytes) -> None:
    frame = Frame(16, 1, wire[8:])
    assert WrapperReader().feed(wire) == [frame]
    assert frame.to_bytes() == wire


@given(FRAMES, st.lists(st.integers(1, 40), min_size=1))
def test_frames_come_whole_however_the_stream_is_cut(frames: list[Frame], cuts: list[int]) -> None:
    reader, stream, found, turn = WrapperReader(), b"".join(frame.to_bytes() for frame in frames), [], 0
    while stream:
        cut = cuts[turn % len(cuts)]
        found += reader.feed(stream[:cut])
        stream, turn = stream[cut:], turn + 1
    assert found == frames
    assert reader.pending == 0


@pytest.mark.parametrize(
    ("wire", "complaint"), [("0002001000010001C0", "version 2"), ("00010010000101F5", "501 bytes, above 500")]
)
def test_a_stream_that_breaks_the_rules_stays_broken(wire: str, complaint: str) -> None:
    reader = WrapperReader(max_apdu=500)
    with pytest.raises(ProtocolError, match=complaint):
        reader.feed(bytes.fromhex(wire))
    with pytest.raises(ProtocolError, match="lost its frame boundaries"):
        reader.feed(GET)
    assert reader.pending == 0


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_stream_makes_the_reader_hold_more_than_one_frame(chunks: list[bytes]) -> None:
    reader = WrapperReader(max_apdu=100)
    for chunk in chunks:
        try:
            reader.feed(chunk)
        except ProtocolError:
            break
        assert reader.pending < 108


@pytest.mark.parametrize("frame", [Frame(-1, 1, b""), Frame(1, 0x10000, b""), Frame(1, 1, bytes(0x10000))])
def test_what_has_no_wrapper_is_our_own_fault(frame: Frame) -> None:
    with pytest.raises(EncodeError):
        frame.to_bytes()
