"""When to ask again, and whom for what: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.head_end.completeness import Completeness
from bench.head_end.spec import RecollectionPolicy
from protocols.slots import SLOTS_PER_DAY, slot_end


class Wanted(NamedTuple):
    """Ranges to ask for: meter rows, first and last slot of each range, all of one length."""

    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


class Recollection:
    """Rounds of asking, slot by slot. A restarted head-end begins its rounds anew, so it never gives up too early."""

    def __init__(self, policy: RecollectionPolicy, book: Completeness, first: int, last: int) -> None:
        self._policy = policy
        self._book = book
        self._rounds = dict.fromkeys(range(first, last + 1), 0)

    def due(self) -> float | None:
        """When the next round of any slot is due (simulated Unix s); None when every slot is closed."""
        due: float | None = None
        for slot, rounds in self._rounds.items():
            moment = self._due_of(slot, rounds)
            due = moment if due is None else min(due, moment)
            if rounds == 0:
                break  # slots are in order, and none after this one has had a round
        return due

    def _due_of(self, slot: int, rounds: int) -> float:
        return slot_end(slot) + self._policy.first_after + rounds * self._policy.interval

    def round(self, now: float) -> list[int]:
        """Slots whose next round begins now. Slots that are complete, or had all their tries, are closed on the way."""
        begun = []
        for slot, rounds in list(self._rounds.items()):
            if self._due_of(slot, rounds) > now:
                if rounds == 0:
                    break
                continue
            if rounds >= self._policy.tries or (rounds > 0 and self._book.complete(slot)):
                del self._rounds[slot]
                continue
            self._rounds[slot] = rounds + 1
            begun.append(slot)
        return begun

    def first_round(self, slot: int) -> bool:
        """Whether the round that has just begun is the slot's first."""
        return self._rounds.get(slot) == 1


def ranges(pairs: Iterable[tuple[NDArray[np.int64], int]], longest: int = SLOTS_PER_DAY) -> Wanted:
    """Join missing (rows, slot) into ranges: neighbouring slots of a meter are asked for in one request."""
    listed = list(pairs)
    rows = np.concatenate([r for r, _ in listed] or [np.empty(0, np.int64)])
    slots = np.concatenate([np.full(len(r), s, dtype=np.int64) for r, s in listed] or [np.empty(0, np.int64)])
    order = np.lexsort((slots, rows))
    rows, slots = rows[order], slots[order]
    if not len(rows):
        return Wanted(rows, slots, slots)
    begins = np.r_[True, (np.diff(rows) != 0) | (np.diff(slots) != 1)]
    # Cut what is longer than one answer may be.
    position = np.arange(len(rows)) - np.maximum.accumulate(np.where(begins, np.arange(len(rows)), 0))
    begins |= position % longest == 0
    ends = np.r_[begins[1:], True]
    return Wanted(rows[begins], slots[begins], slots[ends])
