"""The hidden error set of an emulated meter: what is wrong with it, and what that makes of the true power.

Nobody but the topology's ``defects`` section knows these numbers; the bench has to find them out by measuring.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

import msgspec

from twins.rack.world.wiring import Element


class Hidden(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Errors of one meter; all 0 is the perfect one.

    ``gain_percent`` of the power; ``phase_deg`` by which it sees currents lag too much; ``offset_w`` that it adds while
    it counts; below ``starting_a`` in every element it counts nothing but ``creep_w``. Influences: change of error in %
    for each % of voltage and frequency off nominal, and for each kelvin off 23 °C. The clock is off by
    ``clock_offset_s`` and runs fast by ``clock_ppm``. With ``forgets`` a power cut takes back what was counted since
    the meter last started. Its radio hears by ``deaf_db`` worse than it should; its antenna
    takes ``antenna_db`` away, both ways.
    """

    gain_percent: float = 0.0
    phase_deg: float = 0.0
    offset_w: float = 0.0
    starting_a: float = 0.005
    creep_w: float = 0.0
    per_volt_percent: float = 0.0
    per_hertz_percent: float = 0.0
    per_kelvin_percent: float = 0.0
    clock_offset_s: float = 0.0
    clock_ppm: float = 0.0
    forgets: bool = False
    deaf_db: float = 0.0
    antenna_db: float = 0.0


class Conditions(msgspec.Struct, frozen=True):
    """What a meter's error may depend on: deviations in % from nominal voltage and frequency, and in K from 23 °C."""

    volts_percent: float = 0.0
    hertz_percent: float = 0.0
    kelvin: float = 0.0


def measured(hidden: Hidden, seen: Sequence[Element], conditions: Conditions) -> complex:
    """The power (W and var) that the meter takes for true."""
    if all(abs(element.amps) < hidden.starting_a for element in seen):
        return complex(hidden.creep_w)
    percent = (
        hidden.gain_percent
        + hidden.per_volt_percent * conditions.volts_percent
        + hidden.per_hertz_percent * conditions.hertz_percent
        + hidden.per_kelvin_percent * conditions.kelvin
    )
    true = sum((element.power for element in seen), 0j)
    return true * cmath.rect(1 + percent / 100, math.radians(hidden.phase_deg)) + hidden.offset_w
