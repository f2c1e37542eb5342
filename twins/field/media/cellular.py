"""1:N radio: every meter has a link of its own to a cell; deep coverage is slow, and a cell attaches only so many.

Attaching is a token bucket, as a fluid: when more meters of a cell want to attach than it grants, one that comes at
time t of the window waits for what has gathered by then. So the wait needs no look at the others' draws.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twins.field.causes import COVERAGE
from twins.field.interface import Passage
from twins.field.media.base import Keys, Place, Rows, draw, hashes, normal
from twins.field.media.parameters import CellularTable


def attach_wait(at: NDArray[np.float64], meters: float, window: float, rate: float) -> NDArray[np.float64]:
    """s that a meter waits which asks at ``at`` of a ``window`` (s) in which ``meters`` ask, ``rate`` a second granted.

    With window 0 all ask at once, and ``at`` between 0 and 1 is a meter's place among them.
    """
    if window == 0:
        return np.asarray(at * meters / rate)
    return np.asarray(at * max(0.0, meters / window / rate - 1))


class Cellular:
    """Implements :class:`twins.field.media.base.Medium`."""

    def __init__(self, place: Place, table: CellularTable, deep_share: float, slowness: float, meters: int) -> None:
        self._seed = place.seed
        self._table = table
        self._deep = table.deep_share if deep_share < 0 else deep_share
        self._slowness = slowness
        self._cell = min(meters, table.cell_meters)

    def deep(self, keys: Keys) -> NDArray[np.bool_]:
        """Which meters have deep coverage; they keep it."""
        return draw(self._seed, keys, "deep coverage") < self._deep

    def reading(self, rows: Rows, keys: Keys, slot: int) -> Passage:
        """See the protocol."""
        table = self._table
        at = table.send_window * draw(self._seed, keys, "reading", "window", slot)
        found = self._passage(keys, "reading", slot, ways=1)
        wait = attach_wait(at, self._cell, table.send_window, table.attach_rate)
        found.delay[:] += at + wait + table.attach * self._slowness
        return found

    def exchange(self, rows: Rows, keys: Keys, occasion: int, now: float) -> Passage:
        """See the protocol."""
        return self._passage(keys, "exchange", occasion, ways=2)

    def _passage(self, keys: Keys, kind: str, occasion: int, ways: int) -> Passage:
        table, deep = self._table, self.deep(keys)
        loss = np.where(deep, table.deep_loss, table.loss)
        lost = draw(self._seed, keys, kind, "loss", occasion) < 1 - (1 - loss) ** ways
        spread = normal(hashes(self._seed, keys, kind, "delay", occasion))
        sigma, median = np.where(deep, table.deep_sigma, table.sigma), np.where(deep, table.deep_median, table.median)
        delay = ways * self._slowness * median * np.exp(sigma * spread)
        return Passage(np.where(lost, COVERAGE, 0).astype(np.uint8), delay, np.ones(len(keys), np.uint8))
