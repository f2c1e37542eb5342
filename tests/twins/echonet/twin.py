"""Twins of both generations, with and without export, and how to ask them."""

from __future__ import annotations

from typing import Any

from protocols.echonet.classes import LV_METER, object_class
from protocols.echonet.frame import HEMS, Eoj, Esv, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from protocols.slots import SLOT_SECONDS
from tests.twins.meter.fleets import metered_fleet
from twins.catalogue import DefectKind
from twins.echonet.node import TwinNode
from twins.meter.clock import Clocks
from twins.meter.meters import Meters
from twins.meter.view import MeterView

FLEET = metered_fleet()
METERS = Meters(FLEET)
NOW = FLEET.slot * SLOT_SECONDS + 617.25
MASTER = b"twins' master ke"
HOME = "127.0.0.1"


def view_of(generation: str, generator: bool, three_wire: bool | None = None) -> MeterView:
    """The first meter of this kind."""
    views = (MeterView(METERS, row) for row in range(FLEET.size))
    return next(
        view
        for view in views
        if (view.generation, view.has_generator) == (generation, generator) and three_wire in (None, view.three_wire)
    )


def twin_of(view: MeterView, *defects: DefectKind) -> TwinNode:
    return TwinNode(view, Clocks(FLEET.plan), MASTER, defects)


def request(esv: Esv, *properties: Property, deoj: Eoj = LV) -> bytes:
    return Frame(7, HEMS, deoj, esv, properties).to_bytes()


def ask(twin: TwinNode, esv: Esv, *properties: Property, deoj: Eoj = LV, now: float = NOW) -> Frame:
    """The one answer to a request."""
    (answer,) = twin.receive(request(esv, *properties, deoj=deoj), HOME, now)
    assert answer.to == HOME
    return Frame.from_bytes(answer.data)


def read(twin: TwinNode, *epcs: int, deoj: Eoj = LV, now: float = NOW) -> list[bytes]:
    """Property data; all of it must be served."""
    answer = ask(twin, Esv.GET, *map(Property, epcs), deoj=deoj, now=now)
    assert answer.esv is Esv.GET_RES
    return [item.edt for item in answer.properties]


def value(twin: TwinNode, epc: int, now: float = NOW) -> Any:
    """A property of the meter, decoded."""
    return decoded(epc, *read(twin, epc, now=now))


def decoded(epc: int, edt: bytes) -> Any:
    return object_class(LV_METER).properties[epc].codec.decode(edt)


def choose(twin: TwinNode, epc: int, what: Any, now: float = NOW) -> Frame:
    edt = object_class(LV_METER).properties[epc].codec.encode(what)
    return ask(twin, Esv.SET_C, Property(epc, edt), now=now)
