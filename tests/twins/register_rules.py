"""What must hold for any meter's registers (``ami-twin-anchors`` §3.3, row *register*): one checker for many tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.slots import SLOTS_PER_DAY


def violations(registers: NDArray[Any], intervals: NDArray[Any], bound_wh: NDArray[Any]) -> list[str]:
    """Names of the rules broken.

    ``registers`` ``(slots + 1, meters)`` before the first and after every slot; ``intervals`` ``(slots, meters)`` the
    energies computed for the slots; ``bound_wh`` ``(meters,)`` the most that a contract lets through in half an hour.
    """
    registers, intervals = registers.astype(np.int64), intervals.astype(np.int64)
    steps = np.diff(registers, axis=0)
    whole_days = len(steps) // SLOTS_PER_DAY
    day_ends = registers[: whole_days * SLOTS_PER_DAY + 1 : SLOTS_PER_DAY]
    day_sums = intervals[: whole_days * SLOTS_PER_DAY].reshape(whole_days, SLOTS_PER_DAY, -1).sum(axis=1)
    rules = {
        "register falls": (steps < 0).any(),
        "interval differs from its register step": (steps != intervals).any(),
        "48 intervals differ from the day": (np.diff(day_ends, axis=0) != day_sums).any(),
        "interval above the contract": (steps > bound_wh).any(),
    }
    return [rule for rule, broken in rules.items() if broken]
