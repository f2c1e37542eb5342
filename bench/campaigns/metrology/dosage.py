"""Register dosage, the dial test: registers before and after a dose of energy that the analyser counts too.

Nothing has to be synchronous: with the load off nothing is counted, so registers are read at leisure, and the analyser
counts from before the load is on until after it is off. Only the size of the dose decides how fine the result is, since
a register shows whole counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.campaigns.metrology.apparatus import Apparatus, Energy, NoAnswerError, Register
from bench.campaigns.metrology.points import Stimulus
from bench.campaigns.metrology.uncertainty import error_bound, error_percent

_ALMOST = 0.999  # a dose that is short of its energy by less than this is complete: no wait is exact
_MOST_LOOKS = 50


@dataclass(frozen=True, slots=True)
class Counted:
    """What one meter counted of a dose: Wh, Wh of one count of its register; NaN and the reason when it is silent."""

    wh: float
    resolution_wh: float
    silent: str = ""


@dataclass(frozen=True, slots=True)
class Dose:
    """What the analyser counted, its bound (%) while the load drew, and what each meter counted.

    ``idle_s`` is how long the load was off between the two readings of the registers.
    """

    reference_wh: float
    seconds: float
    percent: float
    counted: dict[str, Counted]
    idle_s: float

    def error(self, place: str) -> float:
        """Error of a meter in %."""
        return error_percent(self.counted[place].wh, self.reference_wh)

    def bound(self, place: str, idle_wh_per_h: float = 0.0) -> float:
        """Bound on :meth:`error` in %, for a meter that counts so much without load."""
        counted = self.counted[place]
        uncertain_wh = counted.resolution_wh + idle_wh_per_h * self.idle_s / 3600
        return error_bound(counted.wh, self.reference_wh, uncertain_wh, self.percent)


EnergyNeeded = Callable[[float], float]
"""Wh that a dose should have when the analyser is off by so many % at most."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a dose may take (s), how long until registers are at rest, and until the analyser shows a change.

    All in time of the campaign: where that is scaled, the analyser's update takes long in it.
    """

    longest_s: float
    rest_s: float
    update_s: float


def give_dose(
    apparatus: Apparatus,
    before: dict[str, Register],
    read_at: float,
    stimulus: Stimulus,
    needed: EnergyNeeded,
    pace: Pace,
) -> Dose:
    """Feed a dose to meters whose registers have been read, from ``read_at`` on, at the voltage that is there.

    The load is off before and after, also when something fails. Raises OutOfReachError when the load cannot draw this.
    """
    apparatus.begin(stimulus.volts, stimulus.amps)
    try:
        apparatus.draw(stimulus.amps, stimulus.factor)
        on_at = apparatus.now()
        percent = _draw_until(apparatus, needed, pace)
        off_at = apparatus.now()
    finally:
        apparatus.draw(0.0, 1.0)
        apparatus.wait(pace.rest_s)
        total = apparatus.end()
    after = read_registers(apparatus, list(before))
    counted = {}
    for place, register in before.items():
        found = after[place]
        if isinstance(found, str):
            counted[place] = Counted(math.nan, register.resolution_wh, found)
        else:
            counted[place] = Counted(found.since(register), register.resolution_wh)
    idle_s = apparatus.now() - read_at - (off_at - on_at)
    return Dose(total.wh, total.seconds, percent, counted, idle_s)


def _draw_until(apparatus: Apparatus, needed: EnergyNeeded, pace: Pace) -> float:
    """Wait until the analyser has counted what is needed; its bound in %."""
    began = apparatus.now()
    apparatus.wait(pace.update_s)
    seen = apparatus.energy()
    for _ in range(_MOST_LOOKS):
        missing = _seconds_missing(seen, needed(seen.percent), pace.rest_s)
        left = began + pace.longest_s - apparatus.now()
        if left <= 0 or (missing <= 0 and not math.isnan(seen.percent)):
            break
        apparatus.wait(min(missing or pace.update_s, left))
        seen = apparatus.energy()
    return seen.percent


def _seconds_missing(seen: Energy, target_wh: float, least_s: float) -> float:
    """How long until the target at the power so far; what little the settling took makes the first look rough."""
    if seen.wh >= _ALMOST * target_wh:
        return 0.0
    watts = 3600 * seen.wh / seen.seconds if seen.seconds > 0 else 0.0
    return max((target_wh - seen.wh) * 3600 / watts, least_s) if watts > 0 else math.inf


def read_registers(apparatus: Apparatus, places: Sequence[str]) -> dict[str, Register | str]:
    """The registers of meters, or why one does not answer when asked twice."""
    found: dict[str, Register | str] = {}
    for place in [*places, *places]:
        if isinstance(found.get(place), Register):
            continue
        try:
            found[place] = apparatus.register(place)
        except NoAnswerError as error:
            found[place] = str(error)
    return found
