"""ECHONET Lite: frames, property data, and both sides of the wire."""

from __future__ import annotations

from collections.abc import Iterator

from protocols.echonet.controller import Controller
from protocols.echonet.epc import CODECS
from protocols.echonet.frame import HEMS, Esv, Frame, Property, parse
from protocols.echonet.frame import LV_METER as LV
from protocols.echonet.node import Node
from protocols.echonet.route_b import MAX_FRAME_BYTES
from tests.fuzz.target import Target, joined, pieces, refused
from tests.protocols.echonet.test_hostile_input import ANSWER, GOOD, HOME, METER, REQUESTS
from tests.protocols.echonet.vectors import meter, profile

_NAMES = sorted(CODECS)


def _frame(data: bytes) -> None:
    frame = refused(parse, data)
    if frame is not None:
        assert frame.to_bytes() == data


def _property(data: bytes) -> None:
    """The first byte chooses the data type; every property of every class has one of these."""
    name, edt = _NAMES[data[0] % len(_NAMES)] if data else "date", data[1:]
    value = refused(CODECS[name].decode, edt)
    if value is not None:
        assert CODECS[name].encode(value) == (edt if name != "property_map" else _sorted_map(edt))


def _sorted_map(edt: bytes) -> bytes:
    """A map that lists its codes may come in any order and goes out in ascending order."""
    return edt[:1] + bytes(sorted(edt[1:])) if edt[0] < 16 else edt


def _node(data: bytes) -> None:
    """Datagrams from one peer or several, alone or to the group, while the node waits for confirmations."""
    node = Node(profile(), [meter(), meter(instance=2)])
    for now, (what, raw) in enumerate(pieces(data)):
        if what & 4:
            node.inform_confirmed(LV, [0xEA], HOME, now)
            node.due(now)
        for item in node.receive(raw, HOME if what & 2 else "stranger", multicast=bool(what & 1)):
            assert Frame.from_bytes(item.data).to_bytes() == item.data
            assert len(item.data) <= max(len(raw), MAX_FRAME_BYTES)
    assert [item.data for item in node.receive(Frame(9, HEMS, LV, Esv.GET, (Property(0x81),)).to_bytes(), HOME)]


def _controller(data: bytes) -> None:
    controller = Controller()
    for now, (what, raw) in enumerate(pieces(data)):
        if what & 1:
            controller.get(METER if what & 2 else None, LV, [0xE7], now)
        if what & 4:
            controller.expired(now * 10)
        controller.receive(raw, METER if what & 8 else "stranger")
    controller.expired(1e9)
    request = controller.get(METER, LV, [0xE7], 0)
    answer = Frame(request.frame.tid, LV, HEMS, Esv.GET_RES, (Property(0xE7, bytes(4)),))
    assert controller.receive(answer.to_bytes(), METER) is not None


def _codec_seeds() -> Iterator[bytes]:
    edts = [item.edt for raw in REQUESTS if (frame := refused(Frame.from_bytes, raw)) for item in frame.properties]
    for at, name in enumerate(_NAMES):
        yield from (bytes([at]) + edt for edt in edts if edt and refused(CODECS[name].decode, edt) is not None)


def _node_seeds() -> Iterator[bytes]:
    yield from (joined((2, raw)) for raw in REQUESTS)
    confirmation = Frame(1, HEMS, LV, Esv.INFC_RES, (Property(0xEA),)).to_bytes()
    yield joined((6, GOOD), (2, confirmation), (1, GOOD))


def _controller_seeds() -> Iterator[bytes]:
    yield joined((11, ANSWER), (9, GOOD), (4, b""))
    yield from (joined((9, raw), (5, raw)) for raw in REQUESTS)


WORDS = (*(esv.to_bytes(1, "big") for esv in Esv), LV.to_bytes(), HEMS.to_bytes(), b"\x10\x81", b"\x10\x82")

TARGETS = (
    Target("echonet-frame", _frame, lambda: REQUESTS, 150, words=WORDS),
    Target("echonet-property", _property, _codec_seeds, 100),
    Target("echonet-node", _node, _node_seeds, 40, 600, words=WORDS),
    Target("echonet-controller", _controller, _controller_seeds, 60, words=WORDS),
)
