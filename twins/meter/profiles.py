"""Which periodic rows a meter has: the retention rules of M3 to M7 as lookups and masks.

A row is stamped with the end of its period. It is there when its period has ended, and when it ended less than ``keep``
before the newest row; so ``keep / period`` rows at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twins.meter.noise import Ints
from twins.meter.parameters import ProfileRule, profile_parameters
from twins.plan import MeterClass


@dataclass(frozen=True, slots=True)
class Profile:
    """Rows of ``n`` meters at ``m`` times: what they have of one period in a stretch of time.

    ``ends`` (m,) Unix seconds; ``present`` (n, m) tells which meter has which row, where it is False the other arrays
    say nothing. ``registers_wh`` (n, m, 2) import and export at the end of the row. ``reactive_varh`` (n, m, 2) +R and
    -R, and ``voltage_mv`` (n, m, 2) the period's mean of legs R and T; None when no meter asked has such a column. A
    meter has the columns of its own rule: see :func:`rule`. Leg T means nothing for 2-wire meters.
    """

    ends: Ints
    present: NDArray[np.bool_]
    registers_wh: Ints
    reactive_varh: Ints | None
    voltage_mv: Ints | None


def rule(meter_class: MeterClass, generation: str, period: int) -> ProfileRule | None:
    """The rule for a record, or None when such meters have no record of this period."""
    for candidate in profile_parameters().profile:
        if (candidate.meter_class, candidate.generation, candidate.period) == (meter_class, generation, period):
            return candidate
    return None


def newest_end(period: int, now: float) -> int:
    """Stamp of the newest row that can be there."""
    return int(now // period) * period


def ends_kept(of: ProfileRule, first: float, last: float, now: float) -> range:
    """Stamps of the rows from ``first`` to ``last`` (both included) that are there at ``now``."""
    newest = newest_end(of.period, now)
    low = max(-int(-first // of.period) * of.period, newest - of.keep + of.period)
    high = newest_end(of.period, min(last, now))
    return range(low, high + 1, of.period)
