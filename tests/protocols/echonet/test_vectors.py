from typing import Any

import pytest

from protocols.echonet.classes import LV_METER, object_class
from protocols.echonet.frame import HEMS, Esv, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from tests.protocols.echonet.vectors import FRAMES, VALUES


@pytest.mark.parametrize(("wire", "epc", "value"), VALUES.values(), ids=VALUES.keys())
def test_published_values_are_read_and_written_byte_for_byte(wire: str, epc: int, value: Any) -> None:
    raw = bytes.fromhex(wire)
    codec = object_class(LV_METER).properties[epc].codec
    frame = Frame.from_bytes(raw)
    (item,) = frame.properties
    assert (frame.esv, frame.seoj, frame.deoj, item.epc) == (Esv.GET_RES, LV, HEMS, epc)
    assert codec.decode(item.edt) == value
    assert Frame(frame.tid, LV, HEMS, Esv.GET_RES, (Property(epc, codec.encode(value)),)).to_bytes() == raw


@pytest.mark.parametrize(("wire", "frame"), FRAMES.values(), ids=FRAMES.keys())
def test_published_frames_are_read_and_written_byte_for_byte(wire: str, frame: Frame) -> None:
    raw = bytes.fromhex(wire)
    assert Frame.from_bytes(raw) == frame
    assert frame.to_bytes() == raw
