"""The ``field`` of an area: where its meters stand, how their messages go, and what is imposed on top."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bench.topology.base import Number, Share, Table, WholeNumber, check_names, check_shares, known_names
from bench.topology.problems import Fault
from twins.field.areas import AreaField, Jammed
from twins.field.classes import AreaClass
from twins.field.physics.links import NEAREST
from twins.field.physics.parameters import path_loss_parameters, phy_modes
from twins.field.physics.phy import channels, mode, plan_of
from twins.field.settings import MOST_TRAFFIC, JammerSetting, MeshSetting, TrafficSetting, WideAreaSetting

_AROUND = {
    name: f"Share of meters with {extra.db:g} dB more loss: {name.replace('_', ' ')}."
    for name, extra in path_loss_parameters().extra.items()
}
_MODES = {name: f"{mode.rate_kbps} kb/s" for name, mode in phy_modes().mode.items()}


def _mode_word(value: Any) -> Any:
    """The word of a mode that YAML reads as a number."""
    return str(value) if type(value) is int and str(value) in _MODES else value


def _check_around(around: dict[str, float]) -> dict[str, float]:
    check_names(around, _AROUND)
    if around:
        check_shares(around)
    return around


class WideArea(Table):
    """The links from concentrators to the head-end."""

    outages_per_year: Annotated[Number, Field(ge=0, le=365)] = Field(
        default=0.0,
        description="How often the link of a concentrator fails, at most once a day. Readings wait at the concentrator "
        "meanwhile, requests are lost.",
    )
    outage_minutes: Annotated[Number, Field(gt=0, le=1440)] = Field(
        default=30.0, description="How long an outage lasts on average."
    )

    def plan(self) -> WideAreaSetting:
        """The same for the twins."""
        return WideAreaSetting(outages_per_year=self.outages_per_year, outage_minutes=self.outage_minutes)


class Jammer(Table):
    """A jammer beside one concentrator; the others of the area do not hear it."""

    concentrator: Annotated[WholeNumber, Field(ge=0)] = Field(
        description="Which concentrator of the area, counted from 0."
    )
    east: Annotated[Number, Field(ge=-5000, le=5000)] = Field(default=0.0, description="Metres east of it.")
    north: Annotated[Number, Field(ge=-5000, le=5000)] = Field(default=10.0, description="Metres north of it.")
    power: Annotated[Number, Field(ge=-40, le=50)] = Field(
        default=13.0, description="Power in dBm in each of its channels, with the antenna's gain."
    )
    channels: tuple[Annotated[WholeNumber, Field(ge=0)], ...] = Field(
        default=(), description="The channels it disturbs, counted from 0 among the usable ones; all when not given."
    )
    pattern: Literal["constant", "random", "reactive", "deceptive"] = Field(
        default="constant", description="When it sends: always, in bursts, after frames it hears, or frames of its own."
    )

    def plan(self) -> JammerSetting:
        """The same for the twins."""
        return JammerSetting(
            east_m=self.east,
            north_m=self.north,
            power_dbm=self.power,
            channels=self.channels,
            pattern=self.pattern,
        )


class Traffic(Table):
    """What else is on the air of each mesh beside readings and re-requests, all the time."""

    five_minute: Annotated[Number, Field(ge=0, le=MOST_TRAFFIC["five_minute"])] = Field(
        default=0.0, description="Share of the meters that send a value every 5 minutes."
    )
    polls: Annotated[Number, Field(ge=0, le=MOST_TRAFFIC["polls"])] = Field(
        default=0.0, description="Polls of instantaneous values, a meter and hour."
    )
    controls: Annotated[Number, Field(ge=0, le=MOST_TRAFFIC["controls"])] = Field(
        default=0.0, description="Controls (switching, demand response), a meter and hour."
    )
    firmware: Annotated[Number, Field(ge=0, le=MOST_TRAFFIC["firmware"])] = Field(
        default=0.0, description="Blocks of firmware an hour, each flooded to all meters."
    )
    joins: Annotated[Number, Field(ge=0, le=MOST_TRAFFIC["joins"])] = Field(
        default=0.0, description="Share of the meters that join anew in an hour."
    )

    def plan(self) -> TrafficSetting:
        """The same for the twins."""
        return TrafficSetting(**{name: getattr(self, name) for name in MOST_TRAFFIC})


class FieldSettings(Table):
    """The field-area network of an area, where it is not as usual."""

    area_class: AreaClass = Field(
        default="suburban",
        description="Where its meters stand: urban (8 m apart, shafts and boxes), suburban (15 m), rural (45 m). It "
        "chooses the path loss too. For multihop.",
    )
    mode: Annotated[
        Literal["1b", "2b", "3", "4b", "5"],
        BeforeValidator(_mode_word, json_schema_input_type=Literal["1b", "2b", "3", "4b", "5", 3, 5]),
    ] = Field(
        default="2b",
        description="Radio mode: " + ", ".join(f"{name} {rate}" for name, rate in _MODES.items()) + ". For multihop.",
    )
    spacing: Annotated[Number, Field(ge=2, le=1000)] | None = Field(
        default=None, description="Metres from meter to meter, where not as in the class. For multihop."
    )
    around: Annotated[dict[str, Share], AfterValidator(_check_around)] = Field(
        default={},
        description="What stands around the meters, as shares that sum to 1, where not as in the class. For multihop.",
        json_schema_extra=known_names(_AROUND),
        examples=[{"meter_box": 0.8, "indoor": 0.2}],
    )
    send_window: Annotated[Number, Field(ge=1, le=1800)] = Field(
        default=300.0,
        description="Seconds after the half-hour in which meters send, each at a random moment. For multihop.",
    )
    retry_spread: Annotated[Number, Field(ge=0, le=60)] = Field(
        default=0.0,
        description="A frame that failed is sent again after a random time of up to so many seconds; 0 is at once, as "
        "the usual stack does. For multihop.",
    )
    fallback: Literal["cellular", "none"] = Field(
        default="cellular",
        description="What carries the meters that the mesh does not reach: cellular, as utilities choose where a mesh "
        "does not do, or none: then they are lost, out of reach. For multihop.",
    )
    deep_coverage: Share | None = Field(
        default=None,
        description="Share of cellular meters with deep coverage, which are slow. For cellular, and for the fallback.",
    )
    wide_area: WideArea = Field(
        default=WideArea(),
        description="Links behind the concentrators. For multihop and plc.",
        examples=[{"outages_per_year": 12}],
    )
    jammers: tuple[Jammer, ...] = Field(
        default=(),
        description="Jammers beside concentrators. For multihop.",
        examples=[[{"concentrator": 0, "power": 20}]],
    )
    traffic: Traffic = Field(
        default=Traffic(),
        description="Other traffic that competes with the readings. For multihop.",
        examples=[{"five_minute": 0.1, "firmware": 60}],
    )
    loss: Annotated[Number, Field(ge=0, le=0.9)] = Field(
        default=0.0,
        description="Mean probability that a message is lost on a single sending, on top of what the medium loses by "
        "itself. Concentrators differ around it. For tests: its cause is told as imposed.",
    )
    slowness: Annotated[Number, Field(gt=0, le=1000)] = Field(
        default=1.0, description="Factor on the delays of the medium; 2 is twice as slow."
    )

    def plan(self) -> AreaField:
        """The same for the twins."""
        return AreaField(
            mesh=MeshSetting(
                area_class=self.area_class,
                mode=self.mode,
                spacing_m=self.spacing or 0.0,
                around=tuple(sorted(self.around.items())),
                window_s=self.send_window,
                retry_spread_s=self.retry_spread,
            ),
            jammed=tuple(
                Jammed(
                    concentrator=number,
                    jammers=tuple(jammer.plan() for jammer in self.jammers if jammer.concentrator == number),
                )
                for number in sorted({jammer.concentrator for jammer in self.jammers})
            ),
            traffic=self.traffic.plan(),
            fallback=self.fallback == "cellular",
            deep_share=-1.0 if self.deep_coverage is None else self.deep_coverage,
            wide_area=self.wide_area.plan(),
            loss=self.loss,
            slowness=self.slowness,
        )


_MESH = ("area_class", "mode", "spacing", "around", "send_window", "retry_spread", "fallback", "jammers", "traffic")
_OF_MEDIUM = {
    "multihop": {*_MESH, "deep_coverage", "wide_area", "loss", "slowness"},
    "cellular": {"deep_coverage", "loss", "slowness"},
    "plc": {"wide_area", "loss", "slowness"},
    "direct": {"loss", "slowness"},
}


def misplaced(settings: FieldSettings, medium: str, concentrators: int) -> list[Fault]:
    """Faults for what is set but says nothing for this medium, and for jammers that cannot be where they are told."""
    faults = []
    last = len(channels(plan_of(mode(settings.mode)))) - 1
    for position, jammer in enumerate(settings.jammers):
        if jammer.concentrator >= concentrators:
            what = f"{jammer.concentrator} is not a concentrator of this area"
            right = f"give a whole number from 0 to {concentrators - 1}"
            faults.append(Fault(("field", "jammers", position, "concentrator"), what, right))
        away = math.hypot(jammer.east, jammer.north)
        if away < NEAREST:
            what = f"stands {away:g} m from its concentrator"
            faults.append(
                Fault(("field", "jammers", position), what, f"put it {NEAREST:g} m or more away by east or north")
            )
        for number, channel in enumerate(jammer.channels):
            if channel > last:
                what = f"{channel} is not a channel of mode {settings.mode}"
                right = f"give a whole number from 0 to {last}"
                faults.append(Fault(("field", "jammers", position, "channels", number), what, right))
    for name in sorted(settings.model_fields_set - _OF_MEDIUM[medium]):
        media = " and ".join(other for other, names in _OF_MEDIUM.items() if name in names)
        faults.append(Fault(("field", name), f"says nothing for {medium}, only for {media}", "remove it", on_key=True))
    if settings.deep_coverage is not None and medium == "multihop" and settings.fallback == "none":
        what = "says nothing without a cellular fallback"
        faults.append(Fault(("field", "deep_coverage"), what, "remove it", on_key=True))
    return faults
