import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.echonet.errors import EncodeError
from protocols.echonet.frame import (
    HEMS,
    LV_METER,
    MAX_FRAME,
    REQUESTS,
    TWO_LISTS,
    Eoj,
    Esv,
    Frame,
    FreeFormat,
    Property,
    parse,
)
from protocols.errors import ProtocolError

EOJS = st.builds(Eoj, st.integers(0, 0xFFFF), st.integers(0, 0xFF))
PROPERTIES = st.lists(st.builds(Property, st.integers(0, 0xFF), st.binary(max_size=255)), max_size=20).map(tuple)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    esv = draw(st.sampled_from(Esv))
    gets = draw(PROPERTIES) if esv in TWO_LISTS else ()
    return Frame(draw(st.integers(0, 0xFFFF)), draw(EOJS), draw(EOJS), esv, draw(PROPERTIES), gets)


@given(frames())
def test_every_frame_comes_back_as_it_was_sent(frame: Frame) -> None:
    assert parse(frame.to_bytes()) == frame


@given(frames(), st.data())
def test_a_frame_that_is_cut_short_is_no_frame(frame: Frame, data: st.DataObject) -> None:
    raw = frame.to_bytes()
    with pytest.raises(ProtocolError):
        parse(raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(frames(), st.binary(min_size=1, max_size=9))
def test_bytes_behind_the_last_property_are_refused(frame: Frame, rest: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(frame.to_bytes() + rest)


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        ("", r"\(empty\)"),
        ("10", "no ECHONET Lite frame"),
        ("1181000105FF010288016201E000", "no ECHONET Lite frame"),
        ("1080000105FF010288016201E000", "no ECHONET Lite frame"),
        ("1081000105FF01028801", "a frame of 10 bytes"),
        ("1081000105FF0102880162", "no property count"),
        ("1081000105FF010288016001", "0 properties instead of 1"),
        ("1081000105FF010288016201E0", "0 properties instead of 1"),
        ("1081000105FF010288016201E00412", "ends 3 bytes behind"),
        ("1081000105FF010288016F01E000", "unknown service 6f"),
        ("1081000105FF010288016E01E50101", "no property count"),
        ("1081000105FF010288016201E00000", "1 bytes too many"),
    ],
)
def test_broken_frames_are_refused_with_a_reason(wire: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        parse(bytes.fromhex(wire))


def test_more_than_a_datagram_is_not_even_looked_at() -> None:
    with pytest.raises(ProtocolError, match="65508 bytes"):
        parse(bytes(MAX_FRAME + 1))


def test_the_free_format_is_recognised_and_left_alone() -> None:
    raw = bytes.fromhex("1082123401020304")
    assert parse(raw) == FreeFormat(0x1234, b"\x01\x02\x03\x04")
    assert FreeFormat(0x1234, b"\x01\x02\x03\x04").to_bytes() == raw
    with pytest.raises(ProtocolError, match="free format"):
        Frame.from_bytes(raw)


@pytest.mark.parametrize(
    ("request_", "ok", "refused"),
    [(0x60, None, 0x50), (0x61, 0x71, 0x51), (0x62, 0x72, 0x52), (0x63, 0x73, 0x53), (0x6E, 0x7E, 0x5E)],
)
def test_each_request_has_its_two_answers(request_: int, ok: int | None, refused: int) -> None:
    assert REQUESTS[Esv(request_)] == (ok, refused)


def test_an_object_code_reads_as_in_the_documents() -> None:
    assert (str(LV_METER), str(HEMS)) == ("028801", "05FF01")
    assert Eoj.from_bytes(b"\x02\x88\x01") == LV_METER
    with pytest.raises(ProtocolError, match="2 bytes"):
        Eoj.from_bytes(b"\x02\x88")


@pytest.mark.parametrize(
    "frame",
    [
        Frame(0x10000, HEMS, LV_METER, Esv.GET, (Property(0xE0),)),
        Frame(1, HEMS, Eoj(0x10000, 1), Esv.GET, (Property(0xE0),)),
        Frame(1, HEMS, LV_METER, Esv.GET, (Property(0x100),)),
        Frame(1, HEMS, LV_METER, Esv.SET_C, (Property(0xE5, bytes(256)),)),
        Frame(1, HEMS, LV_METER, Esv.GET, (Property(0xE0),) * 256),
        Frame(1, HEMS, LV_METER, Esv.GET, (Property(0xE0),), (Property(0xE0),)),
        Frame(1, HEMS, LV_METER, Esv.SET_GET, (Property(0xE0, bytes(255)),) * 255, (Property(0xE0),) * 255),
    ],
    ids=["tid", "class", "epc", "edt", "count", "second list", "length"],
)
def test_what_does_not_fit_a_frame_is_our_own_fault(frame: Frame) -> None:
    with pytest.raises(EncodeError):
        frame.to_bytes()
