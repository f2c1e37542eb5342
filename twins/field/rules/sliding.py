"""The sum of what a sender has sent within a sliding window: rings of 61 bins, one for each sender.

A bin is a 60th of the window wide and holds the sendings that *ended* in it. It counts until all of it lies outside
the window, so the sum is never less than that of the window itself; a sender waits up to one bin longer than it must.

Plain functions over arrays of whole numbers, one unit of time throughout: the event engine compiles them, the governor
calls them as they are. ``bins`` is (senders, :data:`BINS`) int64, ``newest`` (senders,) int64, both from zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 61

Counts = NDArray[np.int64]


def rings(senders: int) -> tuple[Counts, Counts]:
    """``bins`` and ``newest`` of so many senders that have not sent."""
    return np.zeros((senders, BINS), dtype=np.int64), np.zeros(senders, dtype=np.int64)


def bin_of(at: int, window: int) -> int:
    """Number of the bin that a time falls into."""
    return at // (window // 60)


def advance(bins: Counts, newest: Counts, sender: Any, number: int) -> None:
    """Let bins leave the window until ``number`` is the newest; a sender's calls go forward in time."""
    gone = min(number - newest[sender], BINS)
    for step in range(gone):
        bins[sender, (number - step) % BINS] = 0
    if gone > 0:
        newest[sender] = number


def spend(bins: Counts, newest: Counts, sender: Any, duration: int) -> None:
    """Account for a sending that ends in the newest bin: :func:`advance` to it first."""
    bins[sender, newest[sender] % BINS] += duration


def fits_from(bins: Counts, newest: Counts, sender: Any, window: int, limit: int, at: int, duration: int) -> int:
    """When a sending of ``duration`` may begin under the sum: ``at`` or later.

    ``at`` lies in the newest bin: :func:`advance` to it first. One longer than the limit is put off again and again.
    """
    used = bins[sender].sum()
    begin, number = at, newest[sender] - BINS + 1
    while used + duration > limit and number <= newest[sender]:
        used -= bins[sender, number % BINS]
        begin = (number + BINS) * (window // 60)
        number += 1
    return begin
