"""What stands before a high-voltage meter, and what the meter therefore shows.

The fleet and the meter model know the meter alone: W and Wh behind the transformers, 110 V and 5 A at most. The
customer's own are those times the *ratio*, which ECHONET Lite states as a coefficient (D3) and a multiplier of it (D4).
Transformers and closing day are drawn by (seed, index) from ``high_voltage.toml``.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cache
from typing import NamedTuple

import numpy as np

from twins.meter.noise import between
from twins.meter.parameters import electric_parameters, high_voltage_parameters
from twins.random import keys, mix32, salt, unit

_ROOT_3 = math.sqrt(3)


class Phases(NamedTuple):
    """A second of a three-phase service with meters in the phases R and T; negative is export."""

    power_w: int
    current_r_ma: int
    current_t_ma: int


class HighVoltage(NamedTuple):
    """One meter's: the ``ratio`` from behind the transformers to before them is ``coefficient`` × ``multiplier``.

    ``closing_day`` is the day of the month at whose begin a month's maximum demand begins anew.
    """

    ratio: int
    current_ratio: int
    coefficient: int
    multiplier: Decimal
    closing_day: int

    def primary(self, behind: Phases) -> Phases:
        """What the customer's side has when this is behind the transformers."""
        currents = (behind.current_r_ma * self.current_ratio, behind.current_t_ma * self.current_ratio)
        return Phases(behind.power_w * self.ratio, *currents)


def high_voltage(seed: int, index: int) -> HighVoltage:
    """The transformers and the closing day of a meter by its fleet-wide index."""
    parameters = high_voltage_parameters()
    of, stated, closing = parameters.transformers, parameters.coefficient, parameters.closing
    key = keys(seed, np.array([index]))
    steps = np.cumsum(of.share)[:-1]
    primary_a = of.primary_a[int((unit(mix32(key ^ salt(seed, "transformers"))) >= steps[:, None]).sum())]
    current_ratio = primary_a // of.secondary_a
    ratio = of.primary_v // of.secondary_v * current_ratio
    multiplier = Decimal(1)
    if unit(mix32(key ^ salt(seed, "coefficient")))[0] < stated.share:
        multiplier = Decimal(str(stated.multiplier))
    day = int(between(mix32(key ^ salt(seed, "closing day")), closing.first, closing.last)[0])
    return HighVoltage(ratio, current_ratio, int(ratio / multiplier), multiplier, day)


def phases(power_w: int, reactive_var: int, leg_r_ma: int, leg_t_ma: int) -> Phases:
    """Line currents behind the transformers: U × I × √3 is the apparent power, a little more of it in one phase.

    How uneven the phases are comes from the legs of the model's single-phase service, which know no third phase.
    """
    legs = abs(leg_r_ma) + abs(leg_t_ma)
    volts = high_voltage_parameters().transformers.secondary_v
    line_ma = math.copysign(1000 * math.hypot(power_w, reactive_var) / (_ROOT_3 * volts), power_w)
    part_r = 0.5 + (abs(leg_r_ma) / legs - 0.5) / 2 if legs else 0.5
    return Phases(power_w, round(line_ma * 2 * part_r), round(line_ma * 2 * (1 - part_r)))


def terminal_voltage(leg_mv: int) -> int:
    """Voltage behind the transformer in mV, which moves as that of the model's 100 V service does."""
    return leg_mv * _volts_per_leg_volt()[0] // _volts_per_leg_volt()[1]


@cache
def _volts_per_leg_volt() -> tuple[int, int]:
    return high_voltage_parameters().transformers.secondary_v * 1000, electric_parameters().voltage.nominal_mv
