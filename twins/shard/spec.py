"""What a shard is told at its start. A file of this is all it takes to start the shard anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from twins.bus.address import BusAddress
from twins.catalogue import DefectKind
from twins.clock import ClockSpec
from twins.field.areas import AreaField
from twins.plan import FleetPlan

_Spec = TypeVar("_Spec")


class DefectPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One planted defect: its kind, the meter indices that have it, and its parameter if it has one.

    ``errors`` are fields of :class:`twins.rack.world.hidden.Hidden`, which the meters of an emulated rack have.
    """

    kind: DefectKind
    meters: tuple[int, ...]
    minutes: float = 0.0
    errors: dict[str, float | bool] = {}


class ShardSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One shard: its run and name, its rows ``start … stop - 1`` of the plan, and everything around them.

    Meters ``elsewhere`` are none of its twins: something else speaks for them.
    """

    run: str
    name: str
    plan: FleetPlan
    start: int
    stop: int
    field: tuple[AreaField, ...]
    defects: tuple[DefectPlan, ...]
    bus: BusAddress
    clock: ClockSpec
    master_key: bytes
    last_slot: int
    window: int
    journal: str
    elsewhere: tuple[int, ...] = ()


def read_spec(path: str, kind: type[_Spec]) -> _Spec:
    """A spec out of its JSON file."""
    return msgspec.json.decode(Path(path).read_bytes(), type=kind)
