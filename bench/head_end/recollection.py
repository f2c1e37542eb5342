"""When to ask again, and whom for what: pure decisions, no I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.head_end.completeness import Completeness
from bench.head_end.spec import RecollectionPolicy
from protocols.slots import SLOTS_PER_DAY, slot_end


class Wanted(NamedTuple):
    """Ranges to ask for (n,): rows of meters, first and last slot of each range."""

    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


class Recollection:
    """Rounds of asking, slot by slot.

    A restarted head-end begins its rounds anew, so it never gives up too early; what was complete before is left alone.
    """

    def __init__(self, policy: RecollectionPolicy, book: Completeness, first: int, last: int) -> None:
        self._policy = policy
        self._book = book
        self._waiting = deque(slot for slot in range(first, last + 1) if not book.complete(slot))
        self._under_way: dict[int, tuple[int, float]] = {}  # rounds that a slot has had, and when its next is due

    def due(self) -> float | None:
        """When the next round of any slot is due (simulated Unix s); None when every slot is closed."""
        dues = [due for _, due in self._under_way.values()]
        if self._waiting:
            dues.append(self._first_due())
        return min(dues, default=None)

    def round(self, now: float) -> list[int]:
        """Slots whose next round begins now. Slots that are complete, or had all their tries, are closed on the way."""
        begun = []
        for slot, (rounds, due) in list(self._under_way.items()):
            if due > now:
                continue
            if rounds >= self._policy.rounds or self._book.complete(slot):
                del self._under_way[slot]
            else:
                begun.append((slot, rounds + 1))
        while self._waiting and self._first_due() <= now:
            slot = self._waiting.popleft()
            if self._policy.rounds:
                begun.append((slot, 1))
        # Counted from now: after time was lost, rounds must not follow each other faster than answers can come.
        self._under_way |= {slot: (rounds, now + self._policy.pause(rounds)) for slot, rounds in begun}
        return [slot for slot, _ in begun]

    def first_round(self, slot: int) -> bool:
        """Whether the round that began last is the slot's first."""
        return slot in self._under_way and self._under_way[slot][0] == 1

    def _first_due(self) -> float:
        return slot_end(self._waiting[0]) + self._policy.first_after


def ranges(pairs: Iterable[tuple[NDArray[np.int64], int]], longest: int = SLOTS_PER_DAY) -> Wanted:
    """Join missing (rows, slot) into ranges: neighbouring slots of a meter are asked for in one request."""
    listed = list(pairs)
    rows = np.concatenate([r for r, _ in listed] or [np.empty(0, np.int64)])
    slots = np.concatenate([np.full(len(r), s, dtype=np.int64) for r, s in listed] or [np.empty(0, np.int64)])
    if not len(rows):
        return Wanted(rows, slots, slots)
    order = np.lexsort((slots, rows))
    rows, slots = rows[order], slots[order]
    begins = np.r_[True, (np.diff(rows) != 0) | (np.diff(slots) != 1)]
    # Cut what is longer than one answer may be.
    position = np.arange(len(rows)) - np.maximum.accumulate(np.where(begins, np.arange(len(rows)), 0))
    begins |= position % longest == 0
    ends = np.r_[begins[1:], True]
    return Wanted(rows[begins], slots[begins], slots[ends])
