"""The meter's own clock (requirement M10): an offset, a rate error, and what others have set it by.

Setting a clock adds a *shift*; shifts add up, so all settings of a meter until now are one number, a column of the
fleet with a journal behind it, and the past is had by summing the events before it.

The clock is what a meter tells when it is asked for the time. Which half-hour an energy belongs to, and the time that a
reading is stamped with, follow true time: a reading's slot is not affected by the clock in this model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.slots import slot_end
from twins.meter.parameters import ClockParameters, generation_parameters
from twins.plan import FleetPlan
from twins.random import keys, mix32, salt, unit


class Adjustment(NamedTuple):
    """One setting of a clock: when (true Unix seconds) and by how many seconds it was moved forward."""

    at: float
    shift: float


class Clocks:
    """The clocks of all meters of a plan, by fleet-wide index; scalars and arrays broadcast."""

    def __init__(self, plan: FleetPlan, parameters: ClockParameters | None = None) -> None:
        self._parameters = parameters or generation_parameters().clock
        self._seed, self._start = plan.seed, slot_end(plan.first_slot - 1)
        self._shifts: dict[int, float] = {}
        self._offset_salt, self._drift_salt = salt(plan.seed, "clock offset"), salt(plan.seed, "clock drift")

    def offset(self, index: NDArray[Any]) -> NDArray[np.float64]:
        """Seconds that each clock is ahead at the plan's first slot."""
        return self._within(index, self._offset_salt, self._parameters.offset_s)

    def drift(self, index: NDArray[Any]) -> NDArray[np.float64]:
        """Seconds that each clock gains in a second of true time."""
        return self._within(index, self._drift_salt, self._parameters.drift_ppm * 1e-6)

    def put_shift(self, index: int, shift: float) -> None:
        """One clock was moved forward by ``shift`` seconds altogether; :meth:`of` knows it from now on."""
        self._shifts[index] = shift

    def of(self, index: int, true_time: float) -> float:
        """What one clock shows (Unix seconds) at a true time, with the shift put for it."""
        return float(self.time(np.array([index]), true_time, self._shifts.get(index, 0.0))[0])

    def time(self, index: NDArray[Any], true_time: Any, shift: Any = 0.0) -> NDArray[np.float64]:
        """What the clocks show (Unix seconds) at a true time, after having been moved by ``shift`` altogether."""
        return np.asarray(true_time + self.offset(index) + self.drift(index) * (true_time - self._start) + shift)

    def shift_to_show(self, index: NDArray[Any], true_time: Any, wanted: Any) -> NDArray[np.float64]:
        """The shift after the clocks were set to ``wanted`` at a true time."""
        return np.asarray(wanted - self.time(index, true_time))

    def _within(self, index: NDArray[Any], purpose: np.uint32, width: float) -> NDArray[np.float64]:
        return np.asarray((2 * unit(mix32(keys(self._seed, index) ^ purpose)) - 1) * width)


def shift_at(adjustments: Iterable[Adjustment], true_time: float) -> float:
    """The shift of a clock at a true time, out of the settings of its whole life in any order."""
    return sum(adjustment.shift for adjustment in adjustments if adjustment.at <= true_time)


def meter_time(clocks: Clocks, index: int, true_time: float, adjustments: Iterable[Adjustment] = ()) -> float:
    """What one meter's clock shows at a true time, now or in the past."""
    return float(clocks.time(np.array([index]), true_time, shift_at(adjustments, true_time))[0])
