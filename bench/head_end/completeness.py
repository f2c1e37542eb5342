"""Which (meter, slot) pairs have been stored.

Memory is one byte a meter for each slot under way, and eight bytes a missing value once few are missing: a meter that
stays silent for a year costs next to nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FEW = 64  # "few" are at most one of so many: then the rows that are missing take no more than a bit a meter


class Completeness:
    """The book of what is there, for slots ``first … last`` of ``meters`` meters."""

    def __init__(self, meters: int, first: int, last: int) -> None:
        self._meters = meters
        self._first = first
        self._last = last
        self._have: dict[int, NDArray[np.bool_]] = {}  # slots under way
        self._lack: dict[int, NDArray[np.int64]] = {}  # slots that few are missing of: their rows, ascending
        self._count: dict[int, int] = {}
        self.stored = 0

    def covers(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which slots are among those that are collected."""
        return (slots >= self._first) & (slots <= self._last)

    def add(self, rows: NDArray[np.int64], slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Note values as stored; True where a value is new, False where it was there or comes twice in one call."""
        held = set(slots.tolist())
        if len(held) == 1:
            return self._add_slot(rows, held.pop())
        new = np.zeros(len(rows), dtype=np.bool_)
        for slot in held:
            at = slots == slot
            new[at] = self._add_slot(rows[at], slot)
        return new

    def _add_slot(self, rows: NDArray[np.int64], slot: int) -> NDArray[np.bool_]:
        new = self._absent(rows, slot)
        in_order = np.sort(rows[new])
        if (in_order[1:] == in_order[:-1]).any():
            candidates = np.flatnonzero(new)
            new[:] = False
            new[candidates[np.unique(rows[candidates], return_index=True)[1]]] = True
        if len(in_order):
            self._note(rows[new], slot)
        return new

    def _absent(self, rows: NDArray[np.int64], slot: int) -> NDArray[np.bool_]:
        if not self.count(slot):
            return np.ones(len(rows), dtype=np.bool_)
        return ~self._have[slot][rows] if slot in self._have else np.isin(rows, self.missing(slot))

    def _note(self, rows: NDArray[np.int64], slot: int) -> None:
        """Note values of one slot that are new, each meter's once."""
        self.stored += len(rows)
        count = self._count[slot] = self.count(slot) + len(rows)
        if slot in self._lack:
            self._lack[slot] = np.setdiff1d(self._lack[slot], rows, assume_unique=True)
        else:
            have = self._have.setdefault(slot, np.zeros(self._meters, dtype=np.bool_))
            have[rows] = True
            if (self._meters - count) * _FEW <= self._meters:
                self._lack[slot] = np.flatnonzero(~self._have.pop(slot))
        if count == self._meters:
            del self._lack[slot]

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
        if slot in self._lack:
            return self._lack[slot]
        return np.flatnonzero(~self._have[slot]) if slot in self._have else np.arange(self._meters)
