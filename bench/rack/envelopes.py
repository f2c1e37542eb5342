"""Envelopes: what a source may be told at a place. The tightest of place, instrument and driver holds.

A setting outside is refused as a whole before anything is sent, with the limit and whose it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from hil_drivers.errors import EnvelopeError
from hil_drivers.source import Setting

RAMP_STEP = 0.1
"""Seconds from one step of a ramp to the next."""


class Limited(Protocol):
    """Anything that has limits; None where it has none of that kind."""

    @property
    def volts_max(self) -> float | None:
        """Highest voltage in V."""

    @property
    def hertz_min(self) -> float | None:
        """Lowest frequency in Hz."""

    @property
    def hertz_max(self) -> float | None:
        """Highest frequency in Hz."""

    @property
    def amps_max(self) -> float | None:
        """Highest current in A."""

    @property
    def volts_per_second(self) -> float | None:
        """Fastest change of voltage in V/s."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit and whose it is; without a limit it is infinite (or 0, for a lowest value)."""

    value: float
    whose: str


_NOTHING = Bound(0.0, "anything")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The tightest limits of several."""

    volts_max: Bound
    hertz_min: Bound
    hertz_max: Bound
    amps_max: Bound
    volts_per_second: Bound

    def check(self, setting: Setting) -> None:
        """Refuse a setting that lies outside, or is no number; raises EnvelopeError."""
        for phase, each in enumerate(setting.phases, start=1):
            _within(f"voltage of phase {phase}", each.volts, "V", _NOTHING, self.volts_max)
        _within("frequency", setting.hertz, "Hz", self.hertz_min, self.hertz_max)
        if setting.current_limit_a is not None:
            self.check_amps(setting.current_limit_a)

    def check_amps(self, amps: float) -> None:
        """Refuse a current outside; raises EnvelopeError."""
        _within("current", amps, "A", _NOTHING, self.amps_max)

    def ramp(self, start: tuple[float, ...], end: tuple[float, ...]) -> Iterator[tuple[float, ...]]:
        """Voltages per phase from after ``start`` to ``end``, one step each RAMP_STEP s, none faster than allowed."""
        widest = max((abs(to - at) for at, to in zip(start, end, strict=True)), default=0.0)
        steps = max(1, math.ceil(widest / (self.volts_per_second.value * RAMP_STEP) - 1e-9))
        for step in range(1, steps):
            yield tuple(at + (to - at) * step / steps for at, to in zip(start, end, strict=True))
        yield end


def tightest(parts: list[tuple[str, Limited]]) -> Envelope:
    """The tightest limits of these, each named by whose it is."""

    def lowest(name: str) -> Bound:
        return min(_bounds(parts, name), key=lambda bound: bound.value, default=Bound(math.inf, "nobody"))

    return Envelope(
        volts_max=lowest("volts_max"),
        hertz_min=max(_bounds(parts, "hertz_min"), key=lambda bound: bound.value, default=Bound(0.0, "nobody")),
        hertz_max=lowest("hertz_max"),
        amps_max=lowest("amps_max"),
        volts_per_second=lowest("volts_per_second"),
    )


def _bounds(parts: list[tuple[str, Limited]], name: str) -> list[Bound]:
    return [Bound(value, whose) for whose, part in parts if (value := getattr(part, name)) is not None]


def _within(what: str, value: float, unit: str, low: Bound, high: Bound) -> None:
    if not math.isfinite(value):
        raise EnvelopeError(f"{what}: {value} is not a finite number")
    for bound, outside, side in ((low, value < low.value, "below"), (high, value > high.value, "above")):
        if outside:
            raise EnvelopeError(
                f"{what}: {value:g} {unit} lies {side} the limit of {bound.whose}, {bound.value:g} {unit}"
            )
