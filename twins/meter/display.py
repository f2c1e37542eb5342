"""A register as a meter shows and sends it: counts of a unit, cut to a number of digits (ECHONET E1 and D7).

The rounding lies in the cumulative register: a count is the whole units that the exact Wh hold, never a rounded
interval. So the differences of counts over any stretch sum to the difference of its ends, and nothing is lost.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from twins.meter.parameters import Generation

Count = TypeVar("Count", int, NDArray[np.int64])
"""One register, or an array of them."""


def span(generation: Generation) -> int:
    """Number of different values shown: 10^digits."""
    return int(10**generation.digits)


def counts(generation: Generation, wh: Count) -> Count:
    """Shown value of a register of exact Wh (or varh), 0 … 10^digits - 1."""
    return wh // generation.unit_wh % span(generation)


def advance(generation: Generation, before: Count, after: Count) -> Count:
    """Counts between two shown values of one register that wrapped at most once."""
    return (after - before) % span(generation)
