"""Planted defects of a topology: which meters are deliberately faulty, and how."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from bench.topology.base import Number, Table
from bench.topology.problems import Fault, reject, shown
from twins.catalogue import DEFECTS, DefectKind
from twins.plan import MAKER, meter_id
from twins.shard.spec import DefectPlan

_METER_ID = re.compile(rf"{MAKER.decode()}(\d{{12}})", re.ASCII)

if TYPE_CHECKING:
    PlainKind: TypeAlias = DefectKind
else:  # a Literal of the catalogue's names, so that the schema lists them and editors offer them
    PlainKind = Literal[tuple(kind for kind in DEFECTS if kind != "late")]


def _in_words() -> str:
    return " ".join(f"{name}: {defect.text}." for name, defect in DEFECTS.items() if name != "late")


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


Defect: TypeAlias = Annotated[PlainDefect | LateDefect, Field(discriminator="kind")]


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
        plans.append(DefectPlan(kind=defect.kind, meters=meters, minutes=minutes))
    return tuple(plans)


def _index(meter: str) -> int:
    return int(meter[len(MAKER) :])
