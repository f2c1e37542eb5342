"""Invocation counters of a shard's meters: taken here and nowhere else, and only once the journal covers them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twins.journal import COUNTER_LIMIT, CounterJournal


class InvocationCounters:
    """The counters of all meters of a shard, in the column ``last`` (rows,) that holds the last one that each used.

    A new owner starts at the journal's ceiling, above everything that the last owner may have used. All methods raise
    :class:`twins.journal.JournalError` when a meter has used up its counters.
    """

    def __init__(self, last: NDArray[np.uint32], journal: CounterJournal) -> None:
        self._last = last
        self._journal = journal
        last[:] = min(journal.ceiling, COUNTER_LIMIT - 1)

    def take_all(self) -> NDArray[np.uint32]:
        """The next counter of every meter; a view of the column, so pick or copy before the next are taken."""
        self._journal.cover(int(self._last.max(initial=0)) + 1)
        self._last += np.uint32(1)
        return self._last

    def take(self, row: int) -> int:
        """The next counter of one meter."""
        counter = int(self._last[row]) + 1
        self._journal.cover(counter)
        self._last[row] = counter
        return counter
