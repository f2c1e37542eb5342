"""What is tested on a meter: a list of points out of its ratings and the standard's tables.

Rules of this file: a point is what the source and the load are set to, and the limits of what comes out. Meters of the
same ratings have the same stimuli, so that one dose serves all that share a source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bench.campaigns.metrology.tables import AccuracyClass, Connection, Influence, tables


class Kind(StrEnum):
    """What is found out; the names of the measurements (``bench/limits/metrology.toml``)."""

    START_UP = "start_up"
    NO_LOAD = "no_load"
    STARTING = "starting_current"
    ERROR = "metering_error"
    VOLTAGE = "voltage_influence"
    FREQUENCY = "frequency_influence"
    CUT_REGISTER = "power_cut_register"
    CUT_FAILURES = "power_cut_failures"
    CUT_ROWS = "power_cut_rows"
    DIP_REGISTER = "dip_register"
    DIP_RESTARTS = "dip_restarts"


TESTS: Final[dict[str, tuple[Kind, ...]]] = {
    "start-up": (Kind.START_UP,),
    "no-load": (Kind.NO_LOAD,),
    "starting": (Kind.STARTING,),
    "error": (Kind.ERROR,),
    "influence": (Kind.VOLTAGE, Kind.FREQUENCY),
    "power-cut": (Kind.CUT_REGISTER, Kind.CUT_FAILURES, Kind.CUT_ROWS),
    "dips": (Kind.DIP_REGISTER, Kind.DIP_RESTARTS),
}
"""Tests as users choose them, in the order in which they are done, and what each finds out."""


@dataclass(frozen=True, slots=True)
class Rated:
    """What a meter is made for: rated V (of a phase), Hz, Ib or In and Imax (A), elements that count, class."""

    volts: float
    hertz: float
    amps: float
    amps_max: float
    elements: int
    connection: Connection
    accuracy: AccuracyClass

    @property
    def symbol(self) -> str:
        """Ib of a directly connected meter, In behind transformers."""
        return "Ib" if self.connection == "direct" else "In"

    @property
    def register_change_wh(self) -> float:
        """``x`` of IEC 62052-11 in Wh: what a disturbance may change the register by."""
        return round(tables().register_change.x * self.elements * self.volts * self.amps_max * 1000, 6)


@dataclass(frozen=True, slots=True)
class Stimulus:
    """What source and load are set to: V of a phase, Hz, A of a phase (0: no load), power factor."""

    volts: float
    hertz: float
    amps: float = 0.0
    factor: float = 1.0

    def watts(self, elements: int) -> float:
        """Active power of so many elements."""
        return self.volts * self.amps * abs(self.factor) * elements


@dataclass(frozen=True, slots=True)
class Point:
    """A stimulus and the limit (±) in % of what it is for; ``name`` is unique within its kind.

    ``multiple`` is the current as a multiple of Ib or In. ``change`` is the smallest limit of a change of
    error that has to be told from the error found here; infinite where none is.
    """

    kind: Kind
    name: str
    stimulus: Stimulus
    limit: float
    multiple: float = 0.0
    change: float = math.inf


def factor_name(factor: float) -> str:
    """A power factor as the standards write it: ``PF 1``, ``0.5 ind``, ``0.8 cap``."""
    return "PF 1" if factor == 1 else f"{abs(factor):g} {'cap' if factor < 0 else 'ind'}"


def error_points(rated: Rated) -> list[Point]:
    """Current times power factor, lowest current first; where the class has no limit there is no point."""
    points: dict[tuple[float, float], Point] = {}
    for row in tables().currents:
        if row.connection != rated.connection:
            continue
        wanted = [(part * rated.amps, f"{part:g} {rated.symbol}") for part in row.basic]
        wanted += [(part * rated.amps_max, "Imax" if part == 1 else f"{part:g} Imax") for part in row.maximum]
        for amps, name in wanted:
            multiple = round(amps / rated.amps, 9)
            limit = tables().limit(rated.connection, rated.accuracy, multiple, row.factor)
            if limit is not None:
                stimulus = Stimulus(rated.volts, rated.hertz, amps, row.factor)
                change = _smallest_change(rated, row.factor) if multiple == 1 else math.inf
                point = Point(Kind.ERROR, f"{name}, {factor_name(row.factor)}", stimulus, limit, multiple, change)
                points.setdefault((row.factor, amps), point)
    return sorted(points.values(), key=lambda point: (-point.stimulus.factor, point.stimulus.amps))


def reference_point(rated: Rated, factor: float) -> Point:
    """The point under reference conditions that influences are told from: Ib or In at a power factor."""
    name = f"1 {rated.symbol}, {factor_name(factor)}"
    limit = tables().limit(rated.connection, rated.accuracy, 1.0, factor)
    stimulus = Stimulus(rated.volts, rated.hertz, rated.amps, factor)
    change = _smallest_change(rated, factor)
    return Point(Kind.ERROR, name, stimulus, math.inf if limit is None else limit, 1.0, change)


def _smallest_change(rated: Rated, factor: float) -> float:
    """The smallest limit of a change of error that is told from the error at Ib or In."""
    rows = [row for row in tables().influences if row.factor == factor and rated.accuracy in row.limits]
    return min((row.limits[rated.accuracy] for row in rows), default=math.inf)


def influence_points(rated: Rated) -> list[Point]:
    """Voltage and frequency off their rated values at Ib or In; the limit is of the *change* of error."""
    return [
        _influenced(rated, row, part)
        for row in tables().influences
        for part in row.parts
        if rated.accuracy in row.limits
    ]


def _influenced(rated: Rated, row: Influence, part: float) -> Point:
    voltage = row.quantity == "voltage"
    volts, hertz = rated.volts * (part if voltage else 1), rated.hertz * (1 if voltage else part)
    return Point(
        Kind.VOLTAGE if voltage else Kind.FREQUENCY,
        f"{100 * part:g} % of {'Un' if voltage else 'fn'}, 1 {rated.symbol}, {factor_name(row.factor)}",
        Stimulus(volts, hertz, rated.amps, row.factor),
        row.limits[rated.accuracy],
        1.0,
        row.limits[rated.accuracy],
    )


def starting_point(rated: Rated) -> Point:
    """The starting current at power factor 1; what comes out has a lower limit only, which is a parameter."""
    part = getattr(tables().starting, rated.connection)[rated.accuracy]
    stimulus = Stimulus(rated.volts, rated.hertz, part * rated.amps)
    return Point(Kind.STARTING, f"{part:g} {rated.symbol}, PF 1", stimulus, math.inf, part)


def no_load_point(rated: Rated) -> Point:
    """Raised voltage and no current."""
    part = tables().no_load.volts
    name = f"{100 * part:g} % of Un, no current"
    return Point(Kind.NO_LOAD, name, Stimulus(part * rated.volts, rated.hertz), math.inf)


def no_load_seconds(rated: Rated, resolution_wh: float) -> float:
    """Shortest time of a no-load test when a count of the register stands for so much energy."""
    pulses_per_kwh = 1000 / resolution_wh
    minutes = tables().no_load.time[rated.accuracy] / (pulses_per_kwh * rated.elements * rated.volts * rated.amps_max)
    return minutes * 60
