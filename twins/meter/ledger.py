"""Registers at the begin of any half-hour, past or ahead, counted from where the fleet stands by its own intervals.

The cost grows with the distance from the fleet's slot. Tables that all meters share are kept for the days last walked.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from protocols.slots import SLOTS_PER_DAY
from twins.fleet import Fleet, FleetError
from twins.load.moment import Moment
from twins.meter.noise import Ints

Rows = NDArray[np.int64]

FEW_SLOTS = 4
"""Stretches up to this long are evaluated as they are, longer ones by whole days."""

_CACHED_MOMENTS = 48  # recent hours and the 45 days of a history: about 20 kB a day for every area of the plan
_CELLS = 1 << 20  # half-hours of meters that are summed at a time


class Ledger:
    """Registers and energies of a fleet's rows, ``(…, 2)``: import and export in exact Wh.

    Registers know what was cut, energies do not.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._moment = lru_cache(_CACHED_MOMENTS)(self._make_moment)

    def now(self, rows: Rows) -> Ints:
        """Registers ``(n, 2)`` at the begin of the fleet's slot."""
        return np.stack([self._fleet.import_wh[rows], self._fleet.export_wh[rows]], axis=-1).astype(np.int64)

    def at_begin(self, rows: Rows, first: int, last: int) -> Ints:
        """Registers ``(n, m, 2)`` at the begin of each of the slots ``first … last``.

        Raises :class:`twins.fleet.FleetError` before the history of the meters.
        """
        here = self._fleet.slot
        if first <= self._fleet.first_known_slot:
            raise FleetError(f"registers are known from the end of slot {self._fleet.first_known_slot}")
        low, high = min(first, here), max(last, here)
        found = np.empty((len(rows), last - first + 1, 2), dtype=np.int64)
        step = max(1, _CELLS // (high - low + 1))
        for row in range(0, len(rows), step):
            some = rows[row : row + step]
            counted = np.zeros((len(some), high - low + 1, 2), dtype=np.int64)
            np.cumsum(self._cut(some, low, self.energies(some, low, high - 1)), axis=1, out=counted[:, 1:])
            since = counted[:, first - low : last - low + 1] - counted[:, here - low, None]
            found[row : row + step] = self.now(some)[:, None] + since
        return found

    def energies(self, rows: Rows, first: int, last: int) -> Ints:
        """Wh ``(n, m, 2)`` in each of the slots ``first … last``, which may be none; with nothing cut."""
        if last < first:
            return np.zeros((len(rows), 0, 2), dtype=np.int64)
        if last - first < FEW_SLOTS:
            return self._evaluate(rows, first, last)
        parts = []
        for begin in range(first - first % SLOTS_PER_DAY, last + 1, SLOTS_PER_DAY):
            day = self._evaluate(rows, begin, begin + SLOTS_PER_DAY - 1)
            parts.append(day[:, max(first - begin, 0) : last - begin + 1])
        return np.concatenate(parts, axis=1)

    def _cut(self, rows: Rows, first: int, whole: Ints) -> Ints:
        if self._fleet.cuts is not None:
            self._fleet.cuts.cut(rows, first, whole[..., 0], whole[..., 1])
        return whole

    def _evaluate(self, rows: Rows, first: int, last: int) -> Ints:
        return np.stack(self._fleet.flows(rows, self._moment(first, last)), axis=-1).astype(np.int64)

    def _make_moment(self, first: int, last: int) -> Moment:
        return self._fleet.moment(np.arange(first, last + 1))
