"""Which (meter, slot) pairs have been stored. Memory is one byte a meter for each slot that is still incomplete."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Completeness:
    """The book of what is there, for slots ``first … last`` of ``meters`` meters."""

    def __init__(self, meters: int, first: int, last: int) -> None:
        self._meters = meters
        self._first = first
        self._last = last
        self._open: dict[int, NDArray[np.bool_]] = {}
        self._count: dict[int, int] = {}
        self.stored = 0

    def plausible(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which slots are among those that are collected."""
        return (slots >= self._first) & (slots <= self._last)

    def add(self, rows: NDArray[np.int64], slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Note values as stored; True where a value is new, False where it was there or comes twice in one call."""
        new = np.zeros(len(rows), dtype=np.bool_)
        for slot in np.unique(slots):
            at = np.flatnonzero(slots == slot)
            new[at] = self._add_slot(rows[at], int(slot))
        return new

    def _add_slot(self, rows: NDArray[np.int64], slot: int) -> NDArray[np.bool_]:
        new = np.zeros(len(rows), dtype=np.bool_)
        if self.complete(slot):
            return new
        have = self._open.setdefault(slot, np.zeros(self._meters, dtype=np.bool_))
        absent = np.flatnonzero(~have[rows])
        _, first = np.unique(rows[absent], return_index=True)
        new[absent[first]] = True
        have[rows[absent]] = True
        self.stored += len(first)
        self._count[slot] = self._count.get(slot, 0) + len(first)
        if self.complete(slot):
            del self._open[slot]
        return new

    def count(self, slot: int) -> int:
        """How many values of a slot are stored."""
        return self._count.get(slot, 0)

    def complete(self, slot: int) -> bool:
        """Whether every meter's value of a slot is stored."""
        return self.count(slot) == self._meters

    def missing(self, slot: int) -> NDArray[np.int64]:
        """Rows whose value of a slot is not stored, ascending."""
        if self.complete(slot):
            return np.empty(0, dtype=np.int64)
        have = self._open.get(slot)
        return np.arange(self._meters) if have is None else np.flatnonzero(~have)
