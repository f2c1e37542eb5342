"""The ``variations`` of a topology: loss that comes and goes at places, meters and concentrators."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from bench.topology.base import SLUG, Number, Table
from bench.topology.defects import index_of
from bench.topology.problems import Fault, reject
from bench.topology.rack import Rack
from twins.field.variations import Variation as Planned
from twins.field.variations import kind_of, kinds

if TYPE_CHECKING:
    from bench.topology.model import Area

_CONCENTRATOR: Final = re.compile(r"c(\d{6})")
_KINDS: Final = {
    name: f"{kind.db:g} dB {'on the way to its parent' if kind.way_up else 'at all its links'}"
    + (f", as the deviation of a drift over {kind.fading_s:g} s" if kind.fading_s else "")
    for name, kind in kinds().items()
}


class Variation(Table):
    """Loss at one node of a mesh for a while, on top of the link table: for twins and attenuators alike."""

    name: str = Field(pattern=SLUG, max_length=32, description="Name, no other variation's.", examples=["van-outside"])
    kind: Literal["door", "truck", "fading"] = Field(
        description="What it is: " + "; ".join(f"{name}: {text}" for name, text in _KINDS.items()) + "."
    )
    at: str = Field(
        description="Where: a place of the rack, a meter, or a concentrator (c000007), in a multihop area.",
        examples=["lv-1", "TWN000000000042", "c000007"],
    )
    start_minutes: Annotated[Number, Field(ge=0, le=527_040)] = Field(
        default=0.0, description="When it begins, in minutes after the run's first half-hour begins."
    )
    minutes: Annotated[Number, Field(gt=0, le=527_040)] = Field(description="How long it lasts.")
    db: Annotated[Number, Field(ge=0, le=200)] | None = Field(
        default=None, description="Loss in dB, or its deviation, where not as usual."
    )
    fading_seconds: Annotated[Number, Field(ge=1, le=86_400)] | None = Field(
        default=None, description="Time from one draw of a fading loss to the next, where not as usual. For fading."
    )

    @model_validator(mode="after")
    def _fades_only_if_it_fades(self) -> Self:
        if self.fading_seconds is not None and not kind_of(self.kind).fading_s:
            reject(Fault(("fading_seconds",), f"says nothing for {self.kind}", "remove it", on_key=True))
        return self


class Node(NamedTuple):
    """A node of a mesh: its area, the concentrator's number within it, and its own; 0 is the concentrator."""

    area: int
    concentrator: int
    node: int


def check_variations(variations: Sequence[Variation], areas: Sequence[Area], rack: Rack | None) -> None:
    """Refuse names that come twice, places that do not exist or are in no mesh, trucks in front of concentrators."""
    faults, names = [], set()
    for position, each in enumerate(variations):
        if each.name in names:
            what, right = f"{each.name} is the name of a variation above", "give each a name of its own"
            faults.append(Fault((position, "name"), what, right))
        names.add(each.name)
        found = _located(each.at, areas, rack)
        if found is None:
            what = f"there is no place, meter or concentrator {each.at}"
            faults.append(Fault((position, "at"), what, "give one of those"))
        elif areas[found.area].medium != "multihop":
            what = f"{each.at} is in the area {areas[found.area].name}, which is {areas[found.area].medium}"
            faults.append(Fault((position, "at"), what, "choose one of a multihop area"))
        elif kind_of(each.kind).way_up and found.node == 0:
            what = f"a {each.kind} stands in the way from a meter to its parent; {each.at} is a concentrator"
            faults.append(Fault((position, "at"), what, "name a meter or a place"))
    if faults:
        reject(*faults)


def plan_variations(
    variations: Sequence[Variation], areas: Sequence[Area], rack: Rack | None
) -> list[tuple[Planned, ...]]:
    """The variations of each area, for the twins; they are sound."""
    planned: list[list[Planned]] = [[] for _ in areas]
    for each in variations:
        found, kind = _located(each.at, areas, rack), kind_of(each.kind)
        assert found is not None
        begin = 60.0 * each.start_minutes
        planned[found.area].append(
            Planned(
                name=each.name,
                kind=each.kind,
                concentrator=found.concentrator,
                node=found.node,
                begin=begin,
                end=begin + 60.0 * each.minutes,
                db=kind.db if each.db is None else each.db,
                fading_s=kind.fading_s if each.fading_seconds is None else each.fading_seconds,
                way_up=kind.way_up,
            )
        )
    return [tuple(each) for each in planned]


def _located(at: str, areas: Sequence[Area], rack: Rack | None) -> Node | None:
    """Where something stands; None for what does not exist."""
    meters = {place.id: place.meter for place in rack.places} if rack else {}
    number = _CONCENTRATOR.fullmatch(at)
    if number is not None:
        left = int(number[1])
        for position, area in enumerate(areas):
            if left < area.concentrators:
                return Node(position, left, 0)
            left -= area.concentrators
        return None
    index = index_of(meters.get(at, at))
    if index is None:
        return None
    for position, area in enumerate(areas):
        if index < area.meters:
            concentrator, rank = divmod(index, area.meters_per_concentrator)
            return Node(position, concentrator, rank + 1)
        index -= area.meters
    return None
