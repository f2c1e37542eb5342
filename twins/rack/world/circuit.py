"""The circuit between an AC source and the places: source, its impedance, the cable, the load at the far end.

Voltages and currents are rms phasors (complex numbers). The load draws a current of fixed magnitude and power factor;
the source's electromotive force is what it is set to. A load that the source cannot feed collapses the voltage to 0.
"""

from __future__ import annotations

import cmath
import math
from typing import NamedTuple

import msgspec

_NOTHING = 0j


class Impedance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Resistance (ohm) and inductance (henry) of one conductor pair."""

    ohms: float = 0.0
    henries: float = 0.0

    def at(self, hertz: float) -> complex:
        """The complex impedance in ohm."""
        return complex(self.ohms, 2 * math.pi * hertz * self.henries)


class Draw(NamedTuple):
    """What a load draws of one phase; ``power_factor`` is negative for a leading (capacitive) current."""

    amps: float = 0.0
    power_factor: float = 1.0

    @property
    def lag(self) -> float:
        """Angle in radians by which the current lags behind the voltage."""
        return math.copysign(math.acos(min(1.0, abs(self.power_factor))), self.power_factor)


class Phase(NamedTuple):
    """One phase: voltage where places, analyser and load are, the current, the voltage at the source's terminals."""

    volts: complex = _NOTHING
    amps: complex = _NOTHING
    at_source: complex = _NOTHING

    @property
    def power(self) -> complex:
        """Active power (W) and reactive power (var, positive is inductive) at the load."""
        return self.volts * self.amps.conjugate()


class State(NamedTuple):
    """The electrical world at one instant."""

    phases: tuple[Phase, ...]
    hertz: float
    temperature_c: float


def solve(force: complex, source: complex, cable: complex, draw: Draw) -> Phase:
    """One phase: ``force`` behind the impedances ``source`` and ``cable``, with a load that draws at their end.

    With the load's voltage V as reference, ``force = V + Z I exp(-j lag)``; its magnitude gives V, its angle follows.
    """
    if not draw.amps or not force:
        return Phase(force, _NOTHING, force)
    drop = (source + cable) * cmath.rect(draw.amps, -draw.lag)
    magnitude = abs(force)
    volts = math.sqrt(magnitude**2 - drop.imag**2) - drop.real if magnitude > abs(drop.imag) else 0.0
    if volts <= 0:
        return Phase()
    angle = cmath.phase(force) - math.atan2(drop.imag, volts + drop.real)
    there, current = cmath.rect(volts, angle), cmath.rect(draw.amps, angle - draw.lag)
    return Phase(there, current, there + cable * current)
