"""What a reference analyser can be asked: values of one moment, energy over a time, and how far it is to be trusted.

Rules of this file: V, A, W, var by element, in the order of its inputs; what does not exist is NaN. Reactive power is
positive where the current lags. Uncertainty is a bound on the error (data sheet: % of reading + % of range), not k = 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Protocol

from hil_drivers.session import InstrumentIdentity


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A bound on the error: % of the reading + % of the range, with the range in the unit of the reading."""

    reading_percent: float
    range_percent: float
    range: float

    def percent_at(self, value: float) -> float:
        """The bound in % of a value; infinite at 0."""
        return self.reading_percent + self.range_percent * self.range / abs(value) if value else float("inf")

    def percent_of_sum(self, values: Sequence[float]) -> float | None:
        """The bound in % of the sum of values, one of each element; None where the sum is 0, or one is no number."""
        total = abs(sum(values))
        bound = sum(self.reading_percent * abs(value) + self.range_percent * self.range for value in values)
        return bound / total if total > 0 and isfinite(bound) else None


@dataclass(frozen=True, slots=True)
class AnalyserCapabilities:
    """Elements, time between updates, and the accuracy of voltage, current and power at mains frequency.

    The accuracies are those in the ranges that are in force; ``volt_ranges`` and ``amp_ranges`` are those that it has.
    """

    elements: int
    update_s: float
    volts: Accuracy
    amps: Accuracy
    watts: Accuracy
    volt_ranges: tuple[float, ...]
    amp_ranges: tuple[float, ...]

    def in_ranges(self, volts: float, amps: float) -> AnalyserCapabilities:
        """The same in the smallest ranges that hold so many V and A, or in the widest."""
        volt_range, amp_range = smallest(self.volt_ranges, volts), smallest(self.amp_ranges, amps)
        return replace(
            self,
            volts=replace(self.volts, range=volt_range),
            amps=replace(self.amps, range=amp_range),
            watts=replace(self.watts, range=volt_range * amp_range),
        )


def smallest(ranges: Sequence[float], value: float) -> float:
    """The smallest range that holds a value; the widest when none does."""
    return min((each for each in ranges if each >= value), default=max(ranges))


@dataclass(frozen=True, slots=True)
class AnalyserReading:
    """Values of one update, by element; ``hertz`` is of the first element's voltage."""

    volts: tuple[float, ...]
    amps: tuple[float, ...]
    watts: tuple[float, ...]
    vars: tuple[float, ...]
    power_factor: tuple[float, ...]
    hertz: float

    @property
    def total_watts(self) -> float:
        """Active power of all elements."""
        return sum(self.watts)

    @property
    def total_vars(self) -> float:
        """Reactive power of all elements."""
        return sum(self.vars)


@dataclass(frozen=True, slots=True)
class Integral:
    """Energy by element over the seconds that the instrument itself has counted."""

    element_wh: tuple[float, ...]
    seconds: float

    @property
    def wh(self) -> float:
        """Energy of all elements."""
        return sum(self.element_wh)


class Analyser(Protocol):
    """A reference analyser. All methods raise LinkError, AnswerError, InstrumentError and IdentityError besides."""

    @property
    def capabilities(self) -> AnalyserCapabilities:
        """What it can do and how well."""

    def identity(self) -> InstrumentIdentity:
        """Ask it who it is."""

    def reading(self) -> AnalyserReading:
        """The values of its last update."""

    def choose_ranges(self, volts: float, amps: float) -> None:
        """Take the smallest ranges that hold so many V and A (infinite: the widest); not while it integrates."""

    def begin_integration(self) -> None:
        """Begin to count energy, from 0."""

    def integral(self) -> Integral:
        """What has been counted so far, or in the integration that was ended last."""

    def end_integration(self) -> Integral:
        """Stop counting."""

    def integrate(self, seconds: float, wait: Callable[[float], None]) -> float:
        """Energy (Wh) over some time, for which ``wait`` waits; other threads may use the analyser meanwhile."""

    def safe(self) -> None:
        """End an integration; an analyser puts nothing out."""

    def close(self) -> None:
        """Let go of it."""
