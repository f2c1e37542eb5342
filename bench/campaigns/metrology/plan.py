"""What a campaign is to do, out of a topology: which places, which tests, how fine, how long at most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from bench.campaigns.metrology.points import TESTS, Kind, Rated
from bench.campaigns.metrology.uncertainty import register_share
from bench.measure import load_parameters
from bench.topology.campaigns import Metrology
from bench.topology.rack import Place
from hil_drivers.registry import Kind as InstrumentKind
from twins.clock import Clock

_ELECTRICITY: Final = ("LV", "HV")
_NEEDED: Final = (InstrumentKind.SOURCE, InstrumentKind.ANALYSER, InstrumentKind.LOAD)


@dataclass(frozen=True, slots=True)
class MetrologyPlan:
    """What to do. ``settings`` are the topology's, ``clock`` and ``scale`` the campaign's time."""

    settings: Metrology
    clock: Clock
    scale: float = 1.0

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests to do, in the order in which they are done."""
        return tuple(test for test in TESTS if not self.settings.tests or test in self.settings.tests)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What they find out."""
        return tuple(kind for test in self.tests for kind in TESTS[test])

    @property
    def longest_s(self) -> float:
        """How long a point may take at most, in time of the campaign."""
        return self.settings.longest_hours * 3600 * self.scale

    def register_bound(self, limit: float, analyser_percent: float) -> float:
        """What a count of the register may make of a dose in %, to judge an error with this limit.

        That is the topology's ``fineness``, or what a share of the limit leaves beside the analyser; on scaled time,
        where a fine dose costs little, never more than the parameter ``register_percent``.
        """
        if self.settings.fineness is not None:
            return self.settings.fineness
        share = register_share(parameter("limit_share") * limit, analyser_percent, parameter("least_share"))
        return min(parameter("register_percent"), share) if self.scale > 1 else share


@dataclass(frozen=True, slots=True)
class Case:
    """A place to be tested: its name, its meter's id, and what that is made for."""

    place: str
    meter: str
    rated: Rated


@dataclass(frozen=True, slots=True)
class Group:
    """Places that share source, analyser and load, with the same rated voltage and frequency: measured together."""

    source: str
    cases: tuple[Case, ...]


@cache
def parameter(name: str) -> float:
    """A parameter of the campaign (``bench/limits/metrology.toml``)."""
    return load_parameters("metrology")[name].value


def groups_of(places: Mapping[str, Place], wanted: tuple[str, ...]) -> tuple[list[Group], dict[str, str]]:
    """The groups to measure, and the places that cannot be measured, with the reason."""
    chosen = {name: places[name] for name in wanted or places}
    skipped = {name: reason for name, place in chosen.items() if (reason := _unfit(place))}
    shared: dict[tuple[str, ...], list[Case]] = {}
    for name, place in chosen.items():
        if name in skipped:
            continue
        cases = shared.setdefault(tuple(getattr(place.wiring, kind.value).instrument for kind in _NEEDED), [])
        case = Case(name, place.meter, _rated(place))
        if cases and _supply(case) != _supply(cases[0]):
            first = cases[0]
            skipped[name] = (
                f"shares its source with {first.place}, whose meter is made for {first.rated.volts:g} V and "
                f"{first.rated.hertz:g} Hz: measure it by itself"
            )
        else:
            cases.append(case)
    return [Group(wired[0], tuple(cases)) for wired, cases in shared.items()], skipped


def _unfit(place: Place) -> str:
    """Why a place cannot be measured; empty when it can."""
    if place.meter_class not in _ELECTRICITY:
        return f"a {place.meter_class} meter measures no electricity"
    if not place.readers and place.stick is None:
        return "its meter has neither reader nor stick"
    missing = [kind.value for kind in _NEEDED if getattr(place.wiring, kind.value) is None]
    return f"no {' and no '.join(missing)} is wired to it" if missing else ""


def _rated(place: Place) -> Rated:
    ratings = place.ratings
    elements = len(place.wiring.source.phases) if place.wiring.source else 1
    return Rated(
        ratings.volts,
        float(ratings.hertz),
        ratings.amps,
        ratings.amps_max,
        elements,
        "transformer" if place.meter_class == "HV" else "direct",
        ratings.accuracy_class,
    )


def _supply(case: Case) -> tuple[float, float]:
    return case.rated.volts, case.rated.hertz


Note = Callable[[str], None]
"""Tells people what goes on."""
