"""Campaign defaults of a topology: how long to collect, and which limits to judge by instead of those that ship."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

import msgspec
from pydantic import AfterValidator, Field, model_validator

from bench.measure import Limit, load_limits
from bench.topology.base import Number, Table, WholeNumber, check_names, known_names
from bench.topology.clock import Clock
from bench.topology.problems import Fault, reject
from protocols.slots import SLOTS_PER_DAY
from twins.field.classes import AREA_CLASSES, AreaClass
from twins.field.settings import MOST_METERS

MAX_DAYS = 3 * 366  # as long as the next generation's 30-minute values are kept (requirement D4)

_COLLECTION = load_limits("collection")
_MEANINGS = {name: f"{limit.doc} ({limit.unit})." for name, limit in _COLLECTION.items()}


class LimitOverride(Table):
    """Limits that replace those that ship; null takes one away, so that the value is recorded and not judged."""

    low: Number | None = Field(default=None, description="Lowest value that passes.")
    high: Number | None = Field(default=None, description="Highest value that passes.")

    def over(self, limit: Limit) -> Limit:
        """The shipped limit with these in place of its own."""
        mine = {key: getattr(self, key) for key in self.model_fields_set}
        return msgspec.structs.replace(limit, **mine, source=f"topology, instead of: {limit.source}")


def _check_limits(limits: Mapping[str, LimitOverride]) -> Mapping[str, LimitOverride]:
    check_names(limits, _MEANINGS)
    faults = []
    for name, override in limits.items():
        merged = override.over(_COLLECTION[name])
        if not override.model_fields_set:
            faults.append(Fault((name,), "sets no limit", "give low, high or both"))
        elif merged.low is not None and merged.high is not None and merged.low > merged.high:
            faults.append(Fault((name,), f"low {merged.low:g} is above high {merged.high:g}", "let low be below high"))
    if faults:
        reject(*faults)
    return limits


Limits: TypeAlias = Annotated[dict[str, LimitOverride], AfterValidator(_check_limits)]


class Campaign(Table):
    """What every campaign has."""

    clock: Clock | None = Field(
        default=None,
        description="Clock of this campaign, where it is not the topology's. A rack that is emulated may follow a "
        "scaled clock; real meters live in real time.",
    )


class Collection(Campaign):
    """The campaign `collection`: every meter's 30-minute values, on time and complete."""

    days: Annotated[Number, Field(gt=0, le=MAX_DAYS)] | None = Field(
        default=None,
        description="How long, in days of 48 half-hours, such as 0.5 or 7. Give this or `slots`, else it is 1 day.",
    )
    slots: Annotated[WholeNumber, Field(ge=1, le=MAX_DAYS * SLOTS_PER_DAY)] | None = Field(
        default=None, description="How long, in half-hours."
    )
    amps: Annotated[tuple[Annotated[Number, Field(ge=0)], ...], Field(min_length=1)] = Field(
        default=(1.0, 3.0, 0.5, 2.0),
        description="Current in A that the loads of a rack draw through its places, one after the other by half-hour.",
    )
    limits: Limits = Field(
        default={},
        description="Measurements to judge by other limits than those that ship.",
        json_schema_extra=known_names(_MEANINGS),
        examples=[{"on_time_share": {"low": 0.999}}],
    )

    @property
    def slot_count(self) -> int:
        """How many half-hours are collected."""
        if self.days is not None:
            return round(self.days * SLOTS_PER_DAY)
        return SLOTS_PER_DAY if self.slots is None else self.slots

    def judged_by(self) -> dict[str, Limit]:
        """The limits of the campaign with this topology's own in their places."""
        mine = {name: override.over(_COLLECTION[name]) for name, override in self.limits.items()}
        return {**_COLLECTION, **mine}

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.days is not None and self.slots is not None:
            reject(Fault(("slots",), "is given beside days", "keep one of the two", on_key=True))
        if self.days is not None and (self.slot_count < 1 or abs(self.days * SLOTS_PER_DAY - self.slot_count) > 1e-6):
            what = f"{self.days:g} days are not a number of half-hours"
            reject(Fault(("days",), what, "give a multiple of 1/48, or slots in place of it"))
        return self


MetrologyTest: TypeAlias = Literal["start-up", "no-load", "starting", "error", "influence", "power-cut", "dips"]


class Metrology(Campaign):
    """The campaign `metrology`: errors of the meters on the rack, and how they bear their supply."""

    places: tuple[str, ...] = Field(
        default=(), description="Places to measure; all with an electricity meter when none is named."
    )
    tests: tuple[MetrologyTest, ...] = Field(default=(), description="What to test; everything when nothing is named.")
    fineness: Annotated[Number, Field(gt=0, le=50)] | None = Field(
        default=None,
        description="What one count of a meter's register may make of a dose, in %. If not given, what a third of each "
        "limit leaves beside the analyser, and 0.04 % at most where time is scaled. Finer takes longer.",
    )
    longest_hours: Annotated[Number, Field(gt=0, le=1000)] = Field(
        default=4.0,
        description="Real hours that a point may take. Where a register is too coarse for it, the point is "
        "inconclusive and says how long it would take.",
    )
    dip_class: Literal[2, 3] = Field(
        default=3, description="Electromagnetic environment of IEC 61000-4-11 whose dips are played."
    )


class FieldSweep(Campaign):
    """The campaign `field-sweep`: the radios on the rack over attenuation."""

    places: tuple[str, ...] = Field(
        default=(), description="Places to sweep; all with a stick and an attenuator when none is named."
    )
    requests: Annotated[WholeNumber, Field(ge=1, le=10_000)] = Field(
        default=200, description="Requests that are sent at each step across the edge of what a radio hears."
    )


Concentrators: TypeAlias = Annotated[WholeNumber, Field(ge=1, le=50)]


class FiveMinute(Campaign):
    """The campaign `five-minute`: 5-minute values beside readings."""

    hours: Annotated[WholeNumber, Field(ge=1, le=72)] = Field(default=6, description="Simulated hours.")
    concentrators: Concentrators = Field(
        default=2, description="How many concentrators of each mesh area are simulated frame by frame."
    )


class Capacity(Campaign):
    """The campaign `capacity`: how many meters a concentrator bears."""

    area_classes: Annotated[tuple[AreaClass, ...], Field(min_length=1)] = Field(
        default=AREA_CLASSES, description="Classes of areas."
    )
    modes: Annotated[tuple[Literal["1b", "2b", "3", "4b", "5"], ...], Field(min_length=1)] = Field(
        default=("1b", "2b"), description="Radio modes."
    )
    meters: Annotated[tuple[Annotated[WholeNumber, Field(ge=1, le=MOST_METERS)], ...], Field(min_length=1)] = Field(
        default=(50, 100, 250, 500, 1000), description="Numbers of meters to try, rising."
    )
    sites: Annotated[WholeNumber, Field(ge=1, le=50)] = Field(
        default=3, description="Sites for each class; the worst one counts."
    )
    concentrators: Concentrators = Field(
        default=2, description="How many concentrators of each mesh area are judged as they are planned."
    )

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if list(self.meters) != sorted(set(self.meters)):
            reject(Fault(("meters",), "does not rise", "give the numbers from small to large, each once"))
        return self


class OutageCampaign(Campaign):
    """The campaign `outage`: meters lose their network for a while, join again, and their values are recovered."""

    slots: Annotated[WholeNumber, Field(ge=2, le=7 * SLOTS_PER_DAY)] = Field(
        default=16, description="How long values are due, in half-hours."
    )
    begin: Annotated[Number, Field(ge=0)] = Field(
        default=7200.0, description="Seconds after the start at which it becomes dark."
    )
    minutes: Annotated[Number, Field(ge=1, le=4320)] = Field(default=120.0, description="How long it stays dark.")
    meters: Annotated[WholeNumber, Field(ge=1)] | None = Field(
        default=None, description="At most so many meters go dark, whole concentrators, area by area; all if not given."
    )


class Campaigns(Table):
    """What to do when nothing else is asked for, campaign by campaign."""

    collection: Collection = Field(default=Collection(), description="Collect every 30-minute value and judge it.")
    metrology: Metrology = Field(default=Metrology(), description="Measure the meters on the rack.")
    field_sweep: FieldSweep = Field(
        default=FieldSweep(), description="Campaign `field-sweep`: sweep the radios on the rack over attenuation."
    )

    five_minute: FiveMinute = Field(
        default=FiveMinute(), description="Campaign `five-minute`: 5-minute values beside readings, frame by frame."
    )
    capacity: Capacity = Field(default=Capacity(), description="Find how many meters a concentrator bears.")

    outage: OutageCampaign = Field(
        default=OutageCampaign(), description="Let meters lose their network, join again, and be collected in full."
    )

    @property
    def by_name(self) -> dict[str, Campaign]:
        """The campaigns, by their keys in a topology."""
        return {field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()}
