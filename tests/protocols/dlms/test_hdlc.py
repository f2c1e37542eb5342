"""HDLC frames: vectors of open clients, every garbled bit found, no dependence on how a line cuts its bytes."""

from __future__ import annotations

import pytest
from dlms_cosem.hdlc import address as peer_address
from dlms_cosem.hdlc import frames as peer_frames
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.errors import EncodeError
from protocols.dlms.hdlc import FLAG, LONGEST, Address, Control, HdlcFrame, HdlcReader, Kind, crc
from protocols.dlms.hdlc_parameters import Parameters
from protocols.errors import ProtocolError

PUBLISHED = [
    # From the test of jDLMS (OpenMUC) for the check sequence, recomputed here; the last one is quoted by many.
    "A00A000200232193 1871",
    "A023210002002373F6C58180140502008006020080070400000001080400000001 CE6A",
    "A02E0002002321107ECBE6E600601DA109060760857405080101BE10040E01000000065F1F040000301DFFFF D4C5",
    "A03A2100020023309941E6E7006129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F040000301D19000007"
    " 0C52",
    "A0199575546835E6E600C0018100080000010000FF0100 0DFD",
    "A018759574E9E8E6E700C401810009060000010000FF FD49",
    "A027957598B8DBE6E600C1018100080000010000FF0200090C07D20C04030A060BFF007800 62FB",
    "A0107595B85101E6E700C5018100 36CF",
    "A0070321930F01",
]
SERVER, CLIENT = Address(1, 17, wide=True), Address(16)

addresses = st.one_of(
    st.builds(Address, st.integers(0, 127)),
    st.builds(Address, st.integers(0, 127), st.integers(0, 127)),
    st.builds(Address, st.integers(0, 16383), st.integers(0, 16383), st.just(True)),
)
numbers = st.integers(0, 7)
controls = st.one_of(
    st.builds(Control, st.just(Kind.I), numbers, numbers, st.booleans()),
    st.builds(Control, st.sampled_from([Kind.RR, Kind.RNR]), st.just(0), numbers, st.booleans()),
    st.builds(
        Control, st.sampled_from([Kind.SNRM, Kind.DISC, Kind.UA, Kind.DM, Kind.FRMR, Kind.UI]), poll=st.booleans()
    ),
)
frames = st.builds(HdlcFrame, addresses, addresses, controls, st.binary(max_size=300), st.booleans())


def test_the_check_is_that_of_x_25() -> None:
    assert crc(b"123456789") == 0x906E


@pytest.mark.parametrize("text", PUBLISHED)
def test_published_frames_are_read_and_written_alike(text: str) -> None:
    content = bytes.fromhex(text)
    frame = HdlcFrame.from_content(content)
    assert frame.to_bytes() == bytes([FLAG]) + content + bytes([FLAG])


def test_what_published_frames_say() -> None:
    snrm, ua, aarq, aare = (HdlcFrame.from_content(bytes.fromhex(text)) for text in PUBLISHED[:4])
    assert (snrm.destination, snrm.source, snrm.control) == (SERVER, CLIENT, Control(Kind.SNRM))
    assert (ua.destination, ua.source, ua.control) == (CLIENT, SERVER, Control(Kind.UA))
    assert Parameters.from_bytes(ua.information) == Parameters(128, 128)
    assert (aarq.control, aarq.information[:4]) == (Control(Kind.I, 0, 0), bytes.fromhex("E6E60060"))
    assert (aare.control, aare.information[:4]) == (Control(Kind.I, 0, 1), bytes.fromhex("E6E70061"))


def test_parameters_are_written_with_as_many_bytes_as_they_need() -> None:
    assert Parameters(128, 512).to_bytes().hex().upper() == "8180130501800602020007040000000108040000 0001".replace(
        " ", ""
    )


@given(frames)
def test_a_frame_is_read_as_it_was_written(frame: HdlcFrame) -> None:
    assert HdlcReader().feed(frame.to_bytes()) == [frame]


@given(
    st.integers(0, 16383), st.integers(1, 16383), st.binary(min_size=1, max_size=60), numbers, numbers, st.booleans()
)
def test_the_peer_writes_information_frames_as_we_do(
    upper: int, lower: int, information: bytes, sent: int, received: int, segmented: bool
) -> None:
    wide = upper > 127 and lower > 127
    upper, lower = (upper, lower) if wide else (upper & 63 | 64, lower & 63 | 64)  # it writes no zero and no mixed form
    theirs = peer_frames.InformationFrame(
        peer_address.HdlcAddress(upper, lower, "server"),
        peer_address.HdlcAddress(16, None, "client"),
        information,
        segmented,
        True,
        sent,
        received,
    )
    if not wide or (upper & 0x7F and lower & 0x7F):  # it leaves out a byte that is zero
        ours = HdlcFrame(Address(upper, lower, wide), CLIENT, Control(Kind.I, sent, received), information, segmented)
        assert ours.to_bytes() == theirs.to_bytes()


@given(st.lists(frames, max_size=4), st.binary(max_size=40), st.integers(1, 30))
def test_frames_do_not_depend_on_how_the_line_cuts_them(sent: list[HdlcFrame], noise: bytes, size: int) -> None:
    stream = noise + b"".join(frame.to_bytes() for frame in sent)
    whole, pieces = HdlcReader(), HdlcReader()
    found = [frame for at in range(0, len(stream), size) for frame in pieces.feed(stream[at : at + size])]
    assert found == whole.feed(stream)
    assert pieces.pending == whole.pending <= LONGEST + 2
    if FLAG not in noise:
        assert found == sent


@given(frames, st.data())
def test_a_garbled_bit_is_found_out_and_the_next_frame_is_read(frame: HdlcFrame, data: st.DataObject) -> None:
    raw = bytearray(frame.to_bytes())
    at = data.draw(st.integers(1, len(raw) - 2))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    after = HdlcFrame(SERVER, CLIENT, Control(Kind.RR))
    assert HdlcReader().feed(bytes(raw) + after.to_bytes()) == [after]


@given(frames, st.data())
def test_what_broke_off_is_forgotten_when_the_line_was_silent(frame: HdlcFrame, data: st.DataObject) -> None:
    reader, raw = HdlcReader(), frame.to_bytes()
    assert reader.feed(raw[: data.draw(st.integers(1, len(raw) - 1))]) == []
    reader.expire()
    assert reader.feed(raw) == [frame]


@given(st.binary(max_size=80))
def test_any_content_is_a_frame_or_a_protocol_error(content: bytes) -> None:
    for read in (HdlcFrame.from_content, Parameters.from_bytes):
        try:
            read(content)
        except ProtocolError:
            continue


@pytest.mark.parametrize("wrong", [Address(128), Address(1, 128), Address(1, None, wide=True), Address(-1)])
def test_an_address_that_does_not_fit_is_not_written(wrong: Address) -> None:
    with pytest.raises(EncodeError):
        wrong.to_bytes()


def test_a_frame_that_is_too_long_is_not_written() -> None:
    with pytest.raises(EncodeError):
        HdlcFrame(SERVER, CLIENT, Control(Kind.I), bytes(LONGEST)).to_bytes()


@pytest.mark.parametrize(
    "raw", ["8180", "81800105", "818003050110", "818003060100", "82800 0".replace(" ", ""), "8180040501FF00"]
)
def test_parameters_that_break_off_or_allow_too_little_are_refused(raw: str) -> None:
    with pytest.raises(ProtocolError):
        Parameters.from_bytes(bytes.fromhex(raw + "0" * (len(raw) % 2)))


def test_stations_agree_on_what_both_can() -> None:
    assert Parameters(512, 400).agreed(Parameters(100, 2000)) == Parameters(512, 100)
    assert Parameters(2047, 512).agreed(Parameters(512, 9000)) == Parameters(2030, 512)
