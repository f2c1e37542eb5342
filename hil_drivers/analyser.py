"""What a reference analyser can be asked: values of one moment, energy over a time, and how far it is to be trusted.

Rules of this file: V, A, W, var by element, in the order of its inputs; what does not exist is NaN. Reactive power is
positive where the current lags. Uncertainty is a bound on the error (data sheet: % of reading + % of range), not k = 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class AnalyserCapabilities:
    """Elements, time between updates, and the accuracy of voltage, current and power at mains frequency."""

    elements: int
    update_s: float
    volts: Accuracy
    amps: Accuracy
    watts: Accuracy


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
    """Energy of all elements over the seconds that the instrument itself has counted."""

    wh: float
    seconds: float


class Analyser(Protocol):
    """A reference analyser. All methods raise LinkError, AnswerError, InstrumentError and IdentityError besides."""

    @property
    def capabilities(self) -> AnalyserCapabilities:
        """What it can do and how well."""

    def identity(self) -> InstrumentIdentity:
        """Ask it who it is."""

    def reading(self) -> AnalyserReading:
        """The values of its last update."""

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
