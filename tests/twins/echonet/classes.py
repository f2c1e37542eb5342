"""Twins of all meter classes, and how to ask them."""

from __future__ import annotations

from typing import Any

from protocols.echonet.classes import ObjectClass, class_of_code
from protocols.echonet.frame import Esv, Frame, Property
from protocols.slots import SLOT_SECONDS
from tests.twins.customers import all_classes, metered
from tests.twins.echonet.twin import HOME, MASTER, ask
from twins.echonet.node import TwinNode
from twins.meter.clock import Clocks
from twins.meter.meters import Meters
from twins.meter.view import MeterView
from twins.plan import MeterClass

FLEET = metered(all_classes(20))
METERS = Meters(FLEET)
NOW = FLEET.slot * SLOT_SECONDS + 617.25
HALF_HOUR = int(NOW // SLOT_SECONDS) * SLOT_SECONDS


def view_of(meter_class: MeterClass, generation: str = "current", generator: bool = False) -> MeterView:
    """The first meter of this kind."""
    views = (MeterView(METERS, row) for row in range(FLEET.size))
    wanted = (meter_class, generation, generator)
    return next(view for view in views if (view.meter_class, view.generation, view.has_generator) == wanted)


def twin_of(view: MeterView, *defects: str) -> TwinNode:
    return TwinNode(view, Clocks(FLEET.plan), MASTER, defects)


def of_class(twin: TwinNode) -> ObjectClass:
    return class_of_code(twin.eoj.class_code)


def value(twin: TwinNode, epc: int, now: float = NOW) -> Any:
    """A property of the meter, decoded."""
    return values(twin, epc, now=now)[0]


def values(twin: TwinNode, *epcs: int, now: float = NOW) -> list[Any]:
    """Properties that are read with one request, decoded; all of them must be served."""
    answer = ask(twin, Esv.GET, *map(Property, epcs), deoj=twin.eoj, now=now)
    assert answer.esv is Esv.GET_RES
    return [of_class(twin).properties[item.epc].codec.decode(item.edt) for item in answer.properties]


def choose(twin: TwinNode, epc: int, what: Any) -> Frame:
    edt = of_class(twin).properties[epc].codec.encode(what)
    return ask(twin, Esv.SET_C, Property(epc, edt), deoj=twin.eoj, now=NOW)


__all__ = ["FLEET", "HALF_HOUR", "HOME", "METERS", "NOW", "choose", "of_class", "twin_of", "value", "values", "view_of"]
