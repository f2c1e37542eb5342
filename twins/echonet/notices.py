"""When each twin tells its half-hour: at a moment of its own within five minutes after :00 and :30.

The moment is drawn once for a meter, by (seed, index). Real meters' jitter is not published (``meter-protocols`` §0).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from protocols.echonet.route_b import HALF_HOUR_WITHIN
from protocols.slots import SLOT_SECONDS, slot_end, slot_of
from twins.random import keys, mix32, salt, unit


class HalfHourNotices:
    """The notices of some meters, by their place among ``indices``; ``now`` in true Unix seconds."""

    def __init__(self, seed: int, indices: Sequence[int], now: float) -> None:
        hashes = mix32(keys(seed, np.array(indices)) ^ salt(seed, "half-hour notice"))
        delays = unit(hashes) * HALF_HOUR_WITHIN
        order = np.argsort(delays, kind="stable")
        self._order, self._delays = order.tolist(), delays[order].tolist()
        self._end, self._next = slot_end(slot_of(now)), 0

    def next_due(self) -> float:
        """When the next notice is due."""
        return float(self._end + self._delays[self._next])

    def due(self, now: float) -> list[int]:
        """Places of the meters whose notice is due; half-hours that were missed as a whole are not made up for."""
        newest = slot_of(now) * SLOT_SECONDS
        if newest > self._end:
            self._end, self._next = newest, 0
        found = []
        while self.next_due() <= now:
            found.append(self._order[self._next])
            self._next += 1
            if self._next == len(self._order):
                self._end, self._next = self._end + SLOT_SECONDS, 0
        return found
