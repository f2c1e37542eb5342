"""Planted defects of a topology: which meters are deliberately faulty, and how."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, Strict, model_validator

from bench.topology.base import Number, Table
from bench.topology.problems import Fault, reject, shown
from twins.catalogue import DEFECTS, DefectKind
from twins.plan import MAKER, meter_id
from twins.shard.spec import DefectPlan

_METER_ID = re.compile(rf"{MAKER.decode()}(\d{{12}})", re.ASCII)

if TYPE_CHECKING:
    PlainKind: TypeAlias = DefectKind
else:  # a Literal of the catalogue's names, so that the schema lists them and editors offer them
    PlainKind = Literal[tuple(kind for kind in DEFECTS if kind not in ("late", "hidden-error"))]


def _in_words() -> str:
    plain = {name: defect for name, defect in DEFECTS.items() if name not in ("late", "hidden-error")}
    return " ".join(f"{name}: {defect.text}." for name, defect in plain.items())


def _meters(value: object) -> object:
    """A count of at least 1, or a list of meter ids of which none comes twice."""
    right = f"give a count of at least 1, or a list of meter ids such as [{meter_id(42)}]"
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            reject(Fault((), f"{value} is too small", right))
        return value
    if not isinstance(value, list | tuple) or not value:
        reject(Fault((), f"{shown(value)} is neither a count nor a list of meters", right))
    seen: set[object] = set()
    faults = []
    for position, item in enumerate(value):
        if not isinstance(item, str) or not _METER_ID.fullmatch(item):
            faults.append(Fault((position,), f"{shown(item)} is not a meter id", f"give one such as {meter_id(42)}"))
        elif item in seen:
            faults.append(Fault((position,), f"{item} is listed twice", "name each meter once"))
        else:
            seen.add(item)
    if faults:
        reject(*faults)
    return value


def _named(value: object) -> object:
    if isinstance(value, int):
        reject(Fault((), f"{shown(value)} is a number", f"name the meters, such as [{meter_id(42)}]"))
    return _meters(value)


Meters: TypeAlias = Annotated[
    Annotated[int, Field(ge=1)] | Annotated[tuple[str, ...], Field(min_length=1)],
    BeforeValidator(_meters),
    Field(
        description="Which meters have the defect: a count, spread evenly over the fleet, or a list of meter ids.",
        examples=[5, [meter_id(42)]],
    ),
]


class PlainDefect(Table):
    """A defect that needs no number."""

    kind: PlainKind = Field(description=_in_words())
    meters: Meters


class LateDefect(Table):
    """Readings that leave the meter late."""

    kind: Literal["late"] = Field(description=f"{DEFECTS['late'].text}.")
    meters: Meters
    minutes: Annotated[Number, Field(gt=0, le=1440)] = Field(description="By how many minutes.")


def _percent(what: str) -> Any:
    return Field(default=None, ge=-50, le=50, description=what)


class HiddenErrorDefect(Table):
    """Errors of emulated meters, in place of the small ones that a healthy one has."""

    kind: Literal["hidden-error"] = Field(description=f"{DEFECTS['hidden-error'].text}.")
    meters: Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_named)] = Field(
        description="Ids of the meters, which are in places of an emulated rack.", examples=[[meter_id(2)]]
    )
    gain_percent: Number | None = _percent("Error of the power in %.")
    phase_deg: Annotated[Number, Field(ge=-60, le=60)] | None = Field(
        default=None, description="Degrees by which it sees currents lag too much."
    )
    offset_w: Number | None = Field(default=None, description="What it adds to the power while it counts, in W.")
    starting_a: Annotated[Number, Field(ge=0)] | None = Field(
        default=None, description="Current in A below which it does not count."
    )
    creep_w: Number | None = Field(default=None, description="What it counts below its starting current, in W.")
    per_volt_percent: Number | None = _percent("Change of its error in % for each % of voltage off nominal.")
    per_hertz_percent: Number | None = _percent("Change of its error in % for each % of frequency off nominal.")
    per_kelvin_percent: Number | None = _percent("Change of its error in % for each kelvin off 23 °C.")
    clock_offset_s: Number | None = Field(default=None, description="By how many seconds its clock is ahead.")
    clock_ppm: Annotated[Number, Field(ge=-10_000, le=10_000)] | None = Field(
        default=None, description="By how many millionths its clock runs fast."
    )
    forgets: Annotated[bool, Strict()] | None = Field(
        default=None, description="Whether a power cut takes back what was counted since it last started."
    )

    deaf_db: Annotated[Number, Field(ge=0, le=60)] | None = Field(
        default=None, description="By how many dB its radio hears worse than it should."
    )
    antenna_db: Annotated[Number, Field(ge=0, le=60)] | None = Field(
        default=None, description="What its antenna takes away from all that it sends and hears, in dB."
    )

    @property
    def errors(self) -> dict[str, float | bool]:
        """The errors that are given, by name."""
        return self.model_dump(exclude={"kind", "meters"}, exclude_none=True)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if not self.errors:
            reject(Fault((), "no error is given", "give one, such as gain_percent: 1.5"))
        return self


Defect: TypeAlias = Annotated[PlainDefect | LateDefect | HiddenErrorDefect, Field(discriminator="kind")]


def check_meters(defects: Sequence[Defect], fleet: int) -> None:
    """Refuse defects of meters that a fleet of this many does not have."""
    faults = []
    for position, defect in enumerate(defects):
        if isinstance(defect.meters, int):
            if defect.meters > fleet:
                what = f"{defect.meters:,} meters are more than the fleet's {fleet:,}"
                faults.append(Fault((position, "meters"), what, f"give at most {fleet}"))
            continue
        for item, meter in enumerate(defect.meters):
            if _index(meter) >= fleet:
                right = f"the fleet has {meter_id(0)} to {meter_id(fleet - 1)}"
                faults.append(Fault((position, "meters", item), f"there is no meter {meter}", right))
    if faults:
        reject(*faults)


def plan_defects(defects: Sequence[Defect], fleet: int) -> tuple[DefectPlan, ...]:
    """The defects with meter indices in place of ids and counts.

    A count of n takes the middle of each n-th of the fleet; the defect's position in the list moves them on, so that
    one defect does not hide behind another on the same meters.
    """
    plans = []
    for position, defect in enumerate(defects):
        if isinstance(defect.meters, int):
            n = defect.meters
            meters = tuple(sorted(((2 * i + 1) * fleet // (2 * n) + position) % fleet for i in range(n)))
        else:
            meters = tuple(sorted(_index(meter) for meter in defect.meters))
        minutes = defect.minutes if isinstance(defect, LateDefect) else 0.0
        errors = defect.errors if isinstance(defect, HiddenErrorDefect) else {}
        plans.append(DefectPlan(kind=defect.kind, meters=meters, minutes=minutes, errors=errors))
    return tuple(plans)


def index_of(meter: str) -> int | None:
    """The fleet-wide index of a twin by its id; None for another maker's meter."""
    found = _METER_ID.fullmatch(meter)
    return int(found[1]) if found else None


def _index(meter: str) -> int:
    return int(meter[len(MAKER) :])
