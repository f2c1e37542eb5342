"""The planted defects that a score is about: the catalogue of the twins, and variants of it with figures of their own.

Which test should find a defect stands in ``bench/suites/finders.toml``, for variants in ``variants.toml`` here. A
defect that nothing is named for counts as missed: that is what the score is for.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, Final, Literal, TypeAlias

import msgspec

from bench.suites.support import finders
from twins.catalogue import DEFECTS

Lane: TypeAlias = Literal["twin", "rack", "field"]
"""Where a defect is planted: a twin of each kind, the meter of a place, some meters of a mesh."""

_VARIED: Final = "hidden-error"
_FIELDS: Final[dict[str, dict[str, Any]]] = {"late": {"minutes": 50}}
"""Figures that a defect of the twins needs. Late by 50 minutes: more than half of all values miss the hour."""

_AREAS: Final = {"wraps-at-2-32": "shops"}
"""Defects that show only at meters of an area of the score's own, by its name; for those of the field, a mesh."""

_CAMPAIGNS: Final = {"ignores-air-time": "five-minute", "five-minute-late": "five-minute", "never-rejoins": "outage"}
"""Campaigns that find defects of the field, by defect."""


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A defect ``hidden-error`` with figures of its own; ``metrology`` are tests of that campaign which find it,
    ``field_sweep`` says that the campaign of this name does."""

    errors: dict[str, float | bool]
    requirement: str
    text: str
    tests: tuple[str, ...] = ()
    metrology: tuple[str, ...] = ()
    field_sweep: bool = False


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """One defect to plant: its ``kind`` and ``fields`` in a topology, or in an ``area`` of the score's own; and what
    should find it: tests of the suites, or a campaign (of ``metrology`` these tests)."""

    name: str
    kind: str
    fields: dict[str, Any]
    lane: Lane
    route: str
    requirement: str
    text: str
    tests: tuple[str, ...] = ()
    metrology: tuple[str, ...] = ()
    campaign: str = ""
    area: str = ""

    @property
    def findable(self) -> bool:
        """Whether anything is named that should find it."""
        return bool(self.tests or self.campaign)


def all_planted() -> list[Planted]:
    """Every defect, in the order of the files. Raises ``msgspec.ValidationError`` for an unsound file."""
    found_by = finders()
    plain = [
        Planted(
            name=name,
            kind=name,
            fields=_FIELDS.get(name, {}),
            lane="field" if defect.route == "field" else "twin",
            route=defect.route,
            requirement=defect.requirement,
            text=defect.text,
            tests=found_by.get(name, ()),
            campaign=_CAMPAIGNS.get(name, ""),
            area="mesh" if defect.route == "field" else _AREAS.get(name, ""),
        )
        for name, defect in DEFECTS.items()
        if name != _VARIED
    ]
    varied = [
        Planted(
            name=name,
            kind=_VARIED,
            fields=dict(variant.errors),
            lane="rack",
            route=DEFECTS[_VARIED].route,
            requirement=variant.requirement,
            text=variant.text,
            tests=variant.tests,
            metrology=variant.metrology,
            campaign="metrology" if variant.metrology else "field-sweep" if variant.field_sweep else "",
        )
        for name, variant in _variants().items()
    ]
    return plain + varied


def finder_tests() -> list[str]:
    """Every test that should find something."""
    return list(dict.fromkeys(test for each in all_planted() for test in each.tests))


def _variants() -> dict[str, Variant]:
    text = resources.files("bench.score").joinpath("variants.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Variant])
