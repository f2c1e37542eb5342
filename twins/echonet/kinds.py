"""Which object a twin shows: the class, its release and its optional properties, by the kind of meter.

A meter of the current generation follows release F, one of the next generation release R; gas and water meters follow
the release that their class needs. That is our own mapping (``meter-protocols`` §1.6 says what the releases have).
Beyond the required properties a twin has what the captured low-voltage meter had (§6): serial number, time and date,
coefficient, and history 2 with its selector; also a product code. Reactive energy of high-voltage meters, which the
class leaves optional, follows from requirement M7.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from protocols.echonet.classes import (
    GAS_METER,
    HV_METER,
    HV_METER_BIDIRECTIONAL,
    LV_METER,
    WATER_METER,
    DeviceTable,
    Options,
    object_class,
    resolve,
)
from protocols.echonet.frame import Eoj
from twins.echonet.hv_meter import BidirectionalHvMeter, HvMeter
from twins.echonet.lv_meter import LvMeter
from twins.echonet.meter_object import MeterObject
from twins.echonet.volume_meter import GasMeter, WaterMeter
from twins.meter.clock import Clocks
from twins.meter.traits import Kind
from twins.meter.view import MeterView

MakeMeter: TypeAlias = Callable[[MeterView, Clocks, bytes, Collection[str]], MeterObject]
"""View, clocks, route-B identification number, planted defects."""


@dataclass(frozen=True)
class ObjectKind:
    """One class of objects as twins show it: its table's name, its release, the optional parts, and the provider."""

    name: str
    release: str
    get: frozenset[int]
    set: frozenset[int]
    make: MakeMeter

    @property
    def eoj(self) -> Eoj:
        """The object; a twin has one."""
        return Eoj(object_class(self.name).class_code, 1)


_DEVICE = frozenset({0x8C, 0x8D, 0x97, 0x98})
_LV = _DEVICE | {0xD3, 0xEC, 0xED}
_HV = _DEVICE | {0xCB, 0xCC, 0xCD, 0xCE}
_NOTHING: frozenset[int] = frozenset()

_KINDS = {
    Kind("LV", "current"): ObjectKind(LV_METER, "F", _LV, frozenset({0xED}), LvMeter),
    Kind("LV", "next"): ObjectKind(LV_METER, "R", _LV, frozenset({0xED}), LvMeter),
    Kind("HV", "current"): ObjectKind(HV_METER, "F", _HV, _NOTHING, HvMeter),
    Kind("HV", "next"): ObjectKind(
        HV_METER_BIDIRECTIONAL, "R", _HV | {0xCF, 0xD5, 0xD6}, _NOTHING, BidirectionalHvMeter
    ),
    Kind("gas", "current"): ObjectKind(GAS_METER, "A", _DEVICE | {0xE2}, _NOTHING, GasMeter),
    # Release P brought E7, the history in the meter's own unit.
    Kind("water", "current"): ObjectKind(WATER_METER, "P", _DEVICE | {0xD0, 0xE2, 0xE3, 0xE7}, _NOTHING, WaterMeter),
}


def kind_of(view: MeterView) -> ObjectKind:
    """The object that a meter shows."""
    return _KINDS[Kind(view.meter_class, view.generation)]


@cache
def table_of(kind: ObjectKind, reverse: bool) -> DeviceTable:
    """Property table of a twin; ``reverse`` when it measures export."""
    of = object_class(kind.name)
    known = {rule.access.when for rule in of.properties.values()}
    conditions = known & ({"japan", "reverse"} if reverse else {"japan"})
    return resolve(of, kind.release, Options(get=kind.get, set=kind.set, conditions=frozenset(conditions)))
