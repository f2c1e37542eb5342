"""How far a measured error may be off, how large a dose has to be for that, and what follows for a verdict.

Rules of this file:

* All figures are *bounds* in %, not k = 2: an error of measurement beyond them is a fault of the bench. They are added,
  not squared and added, because nothing says that they are independent.
* A register shows whole counts, whether cut off or rounded, so a difference of two readings is off by less than one.
* With a limit L and a bound U, a value passes within L - U, fails beyond L + U, and between them nothing is proved.
"""

from __future__ import annotations

import math

from bench.measure import Verdict


def register_percent(resolution_wh: float, energy_wh: float) -> float:
    """What one count of the register makes of an energy in %; infinite for none."""
    return 100 * resolution_wh / energy_wh if energy_wh > 0 else math.inf


def error_percent(counted_wh: float, reference_wh: float) -> float:
    """Error of a meter against the reference in %; NaN when nothing flowed."""
    return 100 * (counted_wh / reference_wh - 1) if reference_wh > 0 else math.nan


def error_bound(counted_wh: float, reference_wh: float, resolution_wh: float, analyser_percent: float) -> float:
    """Bound on :func:`error_percent` in %: one count of the register, and what the analyser may be off by.

    An analyser off by a part u of its reading makes at most ``u / (1 - u)`` of the quotient.
    """
    part = analyser_percent / 100
    if reference_wh <= 0 or part >= 1:
        return math.inf
    of_quotient = part / (1 - part) * max(counted_wh, 0.0) / reference_wh
    return register_percent(resolution_wh, reference_wh) / (1 - part) + 100 * of_quotient


def change_bound(bounds: tuple[float, float], analyser_percents: tuple[float, float], uncancelled: float) -> float:
    """Bound on the difference of two errors: of what the analyser adds to each, only a part is not in both."""
    return sum(bounds) - (1 - uncancelled) * sum(analyser_percents)


def register_share(wanted: float, analyser_percent: float, least_share: float) -> float:
    """What is left of a wanted bound for the register; a part of it at least, else no dose would be large enough."""
    return max(wanted - analyser_percent, least_share * wanted)


def decide(value: float, bound: float, low: float | None, high: float | None) -> Verdict:
    """Verdict on a value with a bound on its error; NaN proves nothing."""
    if math.isnan(value) or math.isnan(bound):
        return Verdict.INCONCLUSIVE
    if (low is not None and value + bound < low) or (high is not None and value - bound > high):
        return Verdict.FAIL
    if (low is None or value - bound >= low) and (high is None or value + bound <= high):
        return Verdict.PASS
    return Verdict.INCONCLUSIVE
