"""Anti-replay window: each invocation counter of a meter is accepted once, late ones included.

Per meter the highest counter seen and a bitmap of the 64 counters that end there, as IPsec has it (RFC 4303
§3.4.3). The strict rule of the DLMS standard, *counter above the last*, would refuse genuine readings that the
field delivered out of order: ``docs/decisions/0003-replay-window.md``. Give it authentic counters only: a forged
one would shut the true meter out.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from protocols.dlms.errors import EncodeError

WINDOW: Final = 64
"""Counters at and below the highest that can still be told apart, one bit each."""

STATE: Final = np.dtype([("highest", "u4"), ("seen", "u8")])
"""State of one meter, 12 bytes. Bit k of ``seen``: the counter ``highest - k`` was accepted. No bit set: none ever."""

_ONE: Final = np.uint64(1)


class ReplayWindow:
    """Windows of N meters, rows 0 … N - 1; a new one has seen nothing."""

    def __init__(self, meters: int) -> None:
        self._highest = np.zeros(meters, dtype=np.uint32)
        self._seen = np.zeros(meters, dtype=np.uint64)

    def accept(self, rows: NDArray[np.int64], counters: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Which of M authentic messages (M,) are no replays; those are now seen.

        Messages of one meter count in the order of arrival. The first counter of a meter may be any. Refused are a
        counter accepted before and one 64 or more below the highest.
        """
        in_order = np.sort(rows)
        if (in_order[1:] != in_order[:-1]).all():  # as is usual: nobody comes twice
            return self._accept_distinct(rows, counters.astype(np.int64))
        accepted = np.zeros(len(rows), dtype=np.bool_)
        # A second copy within the batch is a replay whatever becomes of the first, so each pair is looked at once.
        pairs = rows.astype(np.uint64) << np.uint64(32) | counters.astype(np.uint64)
        first = np.unique(pairs, return_index=True)[1]
        for turn in _turns(rows, np.sort(first)):
            accepted[turn] = self._accept_distinct(rows[turn], counters[turn].astype(np.int64))
        return accepted

    def _accept_distinct(self, rows: NDArray[np.int64], counters: NDArray[np.int64]) -> NDArray[np.bool_]:
        """At most one message a meter."""
        seen = self._seen[rows]
        ahead = counters - self._highest[rows].astype(np.int64)
        if ((ahead > 0) & (ahead < WINDOW)).all():  # as is usual: each a little above the one before
            self._seen[rows] = seen << ahead.astype(np.uint64) | _ONE
            self._highest[rows] = counters
            return np.ones(len(rows), dtype=np.bool_)
        newest = (ahead > 0) | (seen == 0)
        shift = np.clip(np.abs(ahead), 0, WINDOW - 1).astype(np.uint64)
        bit = np.where(newest, _ONE, _ONE << shift)
        kept = np.where(newest, np.where(ahead < WINDOW, seen << shift, np.uint64(0)), seen)
        accepted = newest | ((ahead > -WINDOW) & (seen & bit == 0))
        self._seen[rows[accepted]] = (kept | bit)[accepted]
        self._highest[rows[newest]] = counters[newest].astype(np.uint32)
        return np.asarray(accepted, dtype=np.bool_)

    def state(self) -> NDArray[Any]:
        """A copy of the state (N,) of :data:`STATE`, to be stored."""
        state = np.empty(len(self._highest), dtype=STATE)
        state["highest"], state["seen"] = self._highest, self._seen
        return state

    @classmethod
    def restored(cls, state: NDArray[Any]) -> ReplayWindow:
        """The window that :meth:`state` was taken of."""
        if state.dtype != STATE:
            raise EncodeError(f"a replay state of type {state.dtype}")
        window = cls(len(state))
        window._highest[:], window._seen[:] = state["highest"], state["seen"]
        return window


def _turns(rows: NDArray[np.int64], order: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Positions ``order`` cut into turns: the first message of every meter, then the second of those that have one …"""
    by_meter = order[np.argsort(rows[order], kind="stable")]
    sorted_rows = rows[by_meter]
    starts = (
        np.flatnonzero(np.r_[True, sorted_rows[1:] != sorted_rows[:-1]]) if len(order) else np.empty(0, dtype=np.intp)
    )
    sizes = np.diff(np.r_[starts, len(order)])
    rank = np.arange(len(order)) - np.repeat(starts, sizes)
    return [by_meter[rank == turn] for turn in range(int(sizes.max(initial=0)))]
