"""Bytes from strangers: silence or a valid frame, nothing else, and the next good request is served."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.echonet.controller import Controller
from protocols.echonet.frame import LV_METER as LV
from protocols.echonet.frame import Frame
from protocols.echonet.node import Node
from protocols.echonet.route_b import MAX_FRAME_BYTES
from tests.protocols.echonet.vectors import FRAMES, VALUES, meter, node_a, profile

HOME, METER = "home", "meter"
GOOD = bytes.fromhex("1081000105FF010288016201E700")
ANSWER = bytes.fromhex(VALUES["A1 power"][0])
REQUESTS = [
    GOOD,
    bytes.fromhex("1081000105FF010288006103E50101810161ED0707EA05140A1E02"),
    bytes.fromhex("1081000105FF010288016E01E5010102E200E400"),
    bytes.fromhex("1081000105FF010EF0016301D500"),
    bytes.fromhex("1081000105FF010288007402EA00EB00"),
    *[bytes.fromhex(wire) for wire, _ in FRAMES.values()],
    *[bytes.fromhex(wire) for wire, _, _ in VALUES.values()],
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good frame with bytes changed, cut out or doubled."""
    raw = bytearray(draw(st.sampled_from(REQUESTS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(raw) - 1, 0)))
        match draw(st.sampled_from(["change", "cut", "double"])):
            case "change":
                raw[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del raw[at : at + draw(st.integers(1, 4))]
            case _:
                raw[at:at] = raw[at : at + draw(st.integers(1, 300))]
    return bytes(raw)


HEADED = st.builds(
    lambda esv, rest: b"\x10\x81\x00\x01\x05\xff\x01\x02\x88\x00" + bytes([esv]) + rest,
    st.sampled_from([0x60, 0x61, 0x62, 0x63, 0x6E, 0x73, 0x74, 0x7A]),
    st.binary(max_size=1500),
)
HOSTILE = st.one_of(st.binary(max_size=1500), HEADED, mutated())


@given(HOSTILE, st.booleans())
def test_a_node_answers_anything_with_silence_or_valid_bounded_frames(raw: bytes, multicast: bool) -> None:
    node = Node(profile(), [meter(), meter(instance=2)])
    outgoing = node.receive(raw, HOME, multicast=multicast)
    assert len(outgoing) <= 2
    for item in outgoing:
        assert item.to in (None, HOME)
        assert Frame.from_bytes(item.data).to_bytes() == item.data
        assert len(item.data) <= max(len(raw), MAX_FRAME_BYTES)
    assert [item.data for item in node.receive(GOOD, HOME)] == [ANSWER]


@given(HOSTILE)
def test_a_controller_takes_anything_and_still_gets_its_answer(raw: bytes) -> None:
    controller = Controller()
    controller.get(METER, LV, [0xE7], 0)
    controller.receive(raw, "stranger")
    assert controller.receive(ANSWER, METER) is not None


@given(st.lists(HOSTILE, max_size=20))
def test_no_garbage_makes_a_node_keep_anything(datagrams: list[bytes]) -> None:
    node = node_a()
    for raw in datagrams:
        node.receive(raw, HOME)
    assert node.next_due() is None


FULL_LIST = bytes([254]) + (b"\xe2\xff" + bytes(255)) * 254
HALF_LISTS = (bytes([127]) + (b"\xe2\xff" + bytes(255)) * 127) * 2


@pytest.mark.parametrize(
    ("esv", "lists"), [(0x60, FULL_LIST), (0x61, FULL_LIST), (0x62, FULL_LIST), (0x63, FULL_LIST), (0x6E, HALF_LISTS)]
)
def test_the_largest_requests_get_bounded_answers(esv: int, lists: bytes) -> None:
    raw = b"\x10\x81\x00\x01\x05\xff\x01\x02\x88\x01" + bytes([esv]) + lists
    node = node_a()
    (reply,) = node.receive(raw, HOME)
    assert len(reply.data) <= len(raw)
    assert [item.data for item in node.receive(GOOD, HOME)] == [ANSWER]
