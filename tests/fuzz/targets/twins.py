"""Whole twins: what a stranger reaches through the protocols."""

from __future__ import annotations

from collections.abc import Iterator

from protocols.echonet.classes import object_class
from protocols.echonet.frame import HEMS, Eoj, Esv, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from protocols.echonet.route_b import MAX_FRAME_BYTES
from tests.fuzz.target import Target, joined, pieces
from tests.fuzz.targets.echonet import WORDS
from tests.protocols.echonet.test_hostile_input import HOME, REQUESTS
from tests.twins.echonet.twin import NOW, read, twin_of, view_of

_VIEW = view_of("next", generator=True)


def _echonet(data: bytes) -> None:
    """Histories, selectors and registers behind the frames; time runs on between the datagrams."""
    twin = twin_of(_VIEW)
    for what, raw in pieces(data):
        for item in twin.receive(raw, HOME, NOW + what * 60.0):
            assert Frame.from_bytes(item.data).to_bytes() == item.data
            assert len(item.data) <= max(len(raw), MAX_FRAME_BYTES)
    assert len(read(twin, 0xE7)[0]) == 4


def _echonet_seeds() -> Iterator[bytes]:
    yield from (joined((0, raw)) for raw in REQUESTS)
    for at in range(4):
        epcs = sorted(object_class("lv_meter").properties)[at::4]
        yield joined((0, Frame(1, HEMS, LV, Esv.GET, tuple(map(Property, epcs))).to_bytes()))
    yield joined((0, Frame(1, HEMS, Eoj.of(0x0EF001), Esv.GET, (Property(0xD6), Property(0x9F))).to_bytes()))


TARGETS = (Target("twin-echonet", _echonet, _echonet_seeds, 10, 300, words=WORDS),)
