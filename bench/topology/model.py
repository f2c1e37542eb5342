"""The topology: what exists and how it is wired, as typed, checked, frozen data.

The descriptions are the documentation: editors show them out of the JSON Schema, and ``docs/topology.md`` is made of
them. Checks that need to know where the file lies (do the TLS files exist?) use the context ``{"folder": Path}``.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from bench.topology.addresses import is_loopback
from bench.topology.base import SLUG, Number, Share, Table, WholeNumber, check_names, check_shares, known_names
from bench.topology.bus import Bus, EmbeddedBus, ExternalBus, MosquittoBus
from bench.topology.campaigns import Campaigns
from bench.topology.clock import Clock
from bench.topology.defects import Defect, check_meters, plan_defects
from bench.topology.emulation import check_emulated
from bench.topology.field import FieldSettings, misplaced
from bench.topology.problems import Fault, reject, shown
from bench.topology.rack import Rack
from bench.topology.variations import Variation, check_variations, plan_variations
from twins.field.areas import AreaField
from twins.hosts import ATTACHABLE
from twins.load.parameters import japan
from twins.plan import METER_CLASSES, AreaPlan, FleetPlan, MeterClass
from twins.shard.spec import DefectPlan

__all__ = ["Area", "Bus", "Clock", "EmbeddedBus", "Engine", "ExternalBus", "HeadEnd", "MosquittoBus", "Topology"]

MAX_METERS = 81_600_000  # all of Japan: 80.7 million LV and 0.87 million HV/EHV meters (requirements, scale figures)

Utility: TypeAlias = Literal[
    "hokkaido", "tohoku", "tepco", "chubu", "hokuriku", "kansai", "chugoku", "shikoku", "kyushu", "okinawa"
]

_LOAD_CLASSES = {
    name: f"Share of {load.meter_class} meters of the load class {name}, {load.annual:,.0f} "
    f"{japan().customers_of(load.meter_class).unit} a year on average."
    for name, load in japan().classes.items()
}


def _check_load_mix(mix: dict[str, float]) -> dict[str, float]:
    check_names(mix, _LOAD_CLASSES)
    check_shares(mix)
    return mix


class GenerationMix(Table):
    """Shares of the meter generations; they sum to 1."""

    current: Share = Field(default=0.0, description="Meters of the generation in service.")
    next: Share = Field(default=0.0, description="Meters of the next generation.")

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        check_shares({"current": self.current, "next": self.next})
        return self


class Area(Table):
    """A piece of field: one utility, one medium, and a number of equal concentrators with their meters."""

    name: str = Field(
        pattern=SLUG, max_length=16, description="Name, no other area's; a level of its topics.", examples=["suburb"]
    )
    utility: Utility = Field(description="The utility whose area it is.")
    medium: Literal["multihop", "cellular", "plc", "direct"] = Field(
        description="What carries the readings: multihop (920 MHz radio mesh), cellular (1:N radio), plc (power line), "
        "direct (nothing but a wire, which loses nothing: to look at all that stands behind a field)."
    )
    concentrators: Annotated[WholeNumber, Field(ge=1)] = Field(description="How many concentrators the area has.")
    meters_per_concentrator: Annotated[WholeNumber, Field(ge=1, le=1000)] = Field(
        default=250, description="Meters at each concentrator. Published: 500 at most, about 250 on average."
    )
    meter_class: MeterClass = Field(
        default="LV",
        description="What its meters are: LV and HV (low- and high-voltage electricity), gas, water. Gas and water "
        "meters have no generator behind them and are all of the current generation.",
    )
    through: str | None = Field(
        default=None,
        description="Name of the LV area whose meters read those of this one (gas and water, where it is needed): "
        "meter k is read through meter k of that area, from the first again when those are fewer.",
        examples=["suburb"],
    )
    generation_mix: GenerationMix = Field(
        default=GenerationMix(current=1.0),
        description="Shares of the meter generations; they sum to 1.",
        examples=[{"current": 0.9, "next": 0.1}],
    )
    load_mix: Annotated[dict[str, Share], AfterValidator(_check_load_mix)] = Field(
        default={},
        description="Shares of the load classes, which are those of the meter class; they sum to 1. Without it all "
        "meters are of its first: " + ", ".join(japan().classes_of(name)[0] for name in METER_CLASSES) + ".",
        json_schema_extra=known_names(_LOAD_CLASSES),
        examples=[{"household": 0.8, "all_electric": 0.15, "shop": 0.05}],
    )
    pv_share: Share = Field(
        default=0.0, description="Share of meters with photovoltaics behind them, which export by day."
    )
    field: FieldSettings = Field(
        default=FieldSettings(), description="Its field, where not as usual.", examples=[{"area_class": "rural"}]
    )

    @property
    def meters(self) -> int:
        """Meters in the area."""
        return self.concentrators * self.meters_per_concentrator

    @property
    def mix(self) -> dict[str, float]:
        """The load classes of the meters, also where the file does not say."""
        return self.load_mix or {japan().classes_of(self.meter_class)[0]: 1.0}

    @model_validator(mode="after")
    def _fits_its_meters(self) -> Self:
        own, faults = japan().classes_of(self.meter_class), misplaced(self.field, self.medium, self.concentrators)
        for name in self.load_mix:
            if name not in own:
                what = f"is a load class of {japan().classes[name].meter_class} meters, not of {self.meter_class}"
                faults.append(Fault(("load_mix", name), what, f"{self.meter_class} has {', '.join(own)}", on_key=True))
        if self.meter_class in ATTACHABLE:
            if self.pv_share:
                faults.append(Fault(("pv_share",), f"{self.meter_class} meters have no generator", "remove it"))
            if self.generation_mix.next:
                what = f"{self.meter_class} meters have no next generation here"
                faults.append(Fault(("generation_mix", "next"), what, "remove generation_mix"))
            if self.through is None:
                right = "add through: the name of the LV area whose meters read these"
                faults.append(Fault(("through",), f"is missing for {self.meter_class} meters", right))
        elif self.through is not None:
            what = f"{self.meter_class} meters are not read through others"
            faults.append(Fault(("through",), what, "remove it", on_key=True))
        if faults:
            reject(*faults)
        return self


class Recollection(Table):
    """When the head-end asks again for a value that is missing, and when it gives up."""

    first_after: Annotated[Number, Field(gt=0, le=86_400)] = Field(
        default=600.0, description="Seconds after the end of a half-hour until missing values are asked for."
    )
    interval: Annotated[Number, Field(gt=0, le=86_400)] = Field(
        default=300.0, description="Seconds from asking to asking."
    )
    tries: Annotated[WholeNumber, Field(ge=0, le=1000)] = Field(
        default=20, description="Askings before the head-end gives a value up and names the meter; 0 never asks."
    )
    audit: Share = Field(
        default=0.001,
        description="Share of values that are asked for although they came: does the meter repeat what it said?",
    )


class HeadEnd(Table):
    """How the head-end collects."""

    recollection: Recollection = Field(default=Recollection(), description="Asking again for missing values.")
    settle: Annotated[Number, Field(ge=0, le=604_800)] = Field(
        default=7200.0, description="Seconds after the end of the last half-hour during which the run goes on asking."
    )


def _shards(value: object) -> object:
    counted = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000
    if not counted and value != "auto":
        reject(Fault((), f"{shown(value)} is not a number of shards", "give a whole number from 1 to 1000, or auto"))
    return value


class Engine(Table):
    """What the shards, the processes that own slices of the fleet, run on."""

    kind: Literal["local"] = Field(default="local", description="local: child processes on this machine.")
    shards: Annotated[Annotated[int, Field(ge=1, le=1000)] | Literal["auto"], BeforeValidator(_shards)] = Field(
        default="auto",
        description="How many shards; auto fits them to the processor cores. Results do not depend on it.",
    )


class Topology(Table):
    """A topology says what exists and how it is wired; it is one YAML file."""

    name: str = Field(
        pattern=SLUG, max_length=48, description="Name of the topology, and of its runs.", examples=["village"]
    )
    description: str | None = Field(default=None, max_length=2000, description="What it is for, in a sentence or two.")
    seed: Annotated[WholeNumber, Field(ge=0, le=2**63 - 1)] = Field(
        default=1, description="Seed of everything that is drawn. The same seed gives the same run again."
    )
    clock: Clock = Field(description="How time passes and when the run begins.")
    bus: Bus = Field(default=EmbeddedBus(broker="embedded"), description="The MQTT broker that carries all messages.")
    areas: tuple[Area, ...] = Field(
        description=f"The fleet, area by area; {MAX_METERS:,} meters at most, all of Japan's.",
        json_schema_extra={"minItems": 1},  # not min_length: pydantic counts the sound ones only
    )
    head_end: HeadEnd = Field(default=HeadEnd(), description="How the head-end collects.")
    engine: Engine = Field(default=Engine(), description="What the shards run on.")
    campaigns: Campaigns = Field(default=Campaigns(), description="Defaults of the campaigns.")
    defects: tuple[Defect, ...] = Field(
        default=(), description="Deliberate faults, to prove that the bench catches them."
    )
    rack: Rack | None = Field(default=None, description="The rack, where real or emulated meters stand.")
    variations: tuple[Variation, ...] = Field(
        default=(),
        description="Loss that comes and goes: at links of twins, and at attenuators of the rack in a collection.",
        examples=[[{"name": "van-outside", "kind": "truck", "at": "lv-1", "start_minutes": 60, "minutes": 20}]],
    )

    @field_validator("areas")
    @classmethod
    def _areas_fit_together(cls, areas: tuple[Area, ...]) -> tuple[Area, ...]:
        if not areas:
            reject(Fault((), "there are no areas", "describe at least one"))
        faults, names = [], set()
        for position, area in enumerate(areas):
            if area.name in names:
                right = "give each area a name of its own"
                faults.append(Fault((position, "name"), f"{area.name} is the name of an area above", right))
            names.add(area.name)
        hosts = [area.name for area in areas if area.meter_class == "LV"]
        for position, area in enumerate(areas):
            if area.through is not None and area.through not in hosts:
                what = f"{shown(area.through)} is not the name of an LV area"
                right = f"give {' or '.join(hosts)}" if hosts else "describe an LV area"
                faults.append(Fault((position, "through"), what, right))
        if (meters := sum(area.meters for area in areas)) > MAX_METERS:
            right = f"have at most {MAX_METERS:,}, all of Japan's"
            faults.append(Fault((), f"the areas have {meters:,} meters together", right))
        if faults:
            reject(*faults)
        return areas

    @field_validator("defects")
    @classmethod
    def _meters_exist(cls, defects: tuple[Defect, ...], info: ValidationInfo) -> tuple[Defect, ...]:
        if "areas" in info.data:  # absent when the areas are faulty themselves
            check_meters(defects, sum(area.meters for area in info.data["areas"]))
        return defects

    @field_validator("rack")
    @classmethod
    def _real_instruments_live_in_real_time(cls, rack: Rack | None, info: ValidationInfo) -> Rack | None:
        campaigns = info.data.get("campaigns", Campaigns()).by_name
        clocks = {"clock": info.data.get("clock")} | {
            f"campaigns.{n}.clock": each.clock for n, each in campaigns.items()
        }
        modes = {name: clock.mode for name, clock in clocks.items() if clock is not None and clock.mode != "wall"}
        if rack is not None and modes:
            keys = " and ".join(f"{name}.mode" for name in modes)
            right = f"set {keys} to wall; only what answers on a loopback address can follow another clock"
            away = [at for at, instrument in enumerate(rack.instruments) if not is_loopback(instrument)]
            others = f", as {len(away) - 1} more do" if len(away) > 1 else ""
            what = f"is not on this machine, so it lives in real time{others}"
            faults = [Fault(("instruments", position, "address"), what, right) for position in away[:1]]
            if "virtual" in modes.values():
                what, right = "no rack can follow virtual time", "set clock.mode to scaled or wall, or remove the rack"
                faults.append(Fault((), what, right, on_key=True))
            if faults:
                reject(*faults)
        return rack

    @field_validator("variations")
    @classmethod
    def _vary_what_exists(cls, variations: tuple[Variation, ...], info: ValidationInfo) -> tuple[Variation, ...]:
        if "areas" in info.data and "rack" in info.data:  # absent when they are faulty themselves
            check_variations(variations, info.data["areas"], info.data["rack"])
        return variations

    @model_validator(mode="after")
    def _emulated_meters_are_twins(self) -> Self:
        if faults := list(check_emulated(self)):
            reject(*faults)
        return self

    @property
    def meters(self) -> int:
        """Meters in the fleet."""
        return sum(area.meters for area in self.areas)

    @property
    def concentrators(self) -> int:
        """Concentrators in the fleet."""
        return sum(area.concentrators for area in self.areas)

    @property
    def slots(self) -> int:
        """Half-hours that the campaign `collection` collects."""
        return self.campaigns.collection.slot_count

    def fleet_plan(self, clock: Clock | None = None) -> FleetPlan:
        """The plan that shards and head-end share; registers count from the start of the clock."""
        first = (clock or self.clock).first_slot
        return FleetPlan(seed=self.seed, first_slot=first, areas=tuple(map(_area_plan, self.areas)))

    def field_plan(self) -> tuple[AreaField, ...]:
        """Each area's field, in the order of the plan's areas."""
        varied = plan_variations(self.variations, self.areas, self.rack)
        return tuple(
            msgspec.structs.replace(area.field.plan(), variations=own)
            for area, own in zip(self.areas, varied, strict=True)
        )

    def defect_plans(self) -> tuple[DefectPlan, ...]:
        """The planted defects with meter indices in place of ids and counts."""
        return plan_defects(self.defects, self.meters)


def _area_plan(area: Area) -> AreaPlan:
    mix = area.mix
    total = sum(mix.values())  # 1 but for rounding in the file
    return AreaPlan(
        name=area.name,
        utility=area.utility,
        medium=area.medium,
        concentrators=area.concentrators,
        meters_per_concentrator=area.meters_per_concentrator,
        generation_mix={"current": area.generation_mix.current, "next": area.generation_mix.next},
        load_mix={name: share / total for name, share in mix.items()},
        pv_share=area.pv_share,
        meter_class=area.meter_class,
        through=area.through or "",
    )
