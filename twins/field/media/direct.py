"""A medium that loses nothing and takes hardly any time: what is above it can be tried without a field (A1)."""

from __future__ import annotations

import numpy as np

from twins.field.interface import Passage
from twins.field.media.base import Keys, Place, Rows, draw

WINDOW = 300.0
"""s in which readings are sent."""

_WIRE = 0.01  # s


class Direct:
    """Implements :class:`twins.field.media.base.Medium`."""

    def __init__(self, place: Place, slowness: float = 1.0) -> None:
        self._seed = place.seed
        self._delay = _WIRE * slowness

    def reading(self, rows: Rows, keys: Keys, slot: int) -> Passage:
        """See the protocol."""
        found = self.exchange(rows, keys, slot, 0.0)
        found.delay[:] += WINDOW * draw(self._seed, keys, "reading", "window", slot)
        return found

    def exchange(self, rows: Rows, keys: Keys, occasion: int, now: float) -> Passage:
        """See the protocol."""
        n = len(rows)
        return Passage(np.zeros(n, np.uint8), np.full(n, self._delay), np.ones(n, np.uint8))
