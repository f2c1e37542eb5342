"""Dark spells of an area: concentrators whose meters have no power or no network for a while, and come back one by one.

What such a meter sends, or is asked, while it is dark is lost; its registers and its clock go on, as of a meter whose
communication alone is down. When the spell ends each meter takes its time to join again, drawn by the meter from what
the event engine found.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocols.slots import slot_end
from twins.field.causes import code
from twins.field.checks import need
from twins.field.interface import Passage
from twins.field.media.base import Keys, Place, Rows, draw

NO_POWER, NOT_JOINED = code("without power"), code("not joined")


class Dark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One spell from ``begin`` to ``end`` (Unix s) at concentrators, by number within the area; all where empty.

    ``rejoin``: quantiles of the time that a meter takes afterwards (s, evenly spaced from 0 to 1); none: it is back at
    once. ``never``: meters (fleet's indices) that do not come back.
    """

    begin: float
    end: float
    concentrators: tuple[int, ...] = ()
    rejoin: tuple[float, ...] = ()
    never: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        need(math.isfinite(self.begin) and self.end > self.begin, "a dark spell ends after it begins")
        need(all(b >= a >= 0 for a, b in zip(self.rejoin, self.rejoin[1:], strict=False)), "quantiles rise from 0")


class Spell:
    """A dark spell for the meters of a place."""

    def __init__(self, place: Place, dark: Dark, number: int) -> None:
        self._place, self._dark, self._number = place, dark, number
        rows = np.arange(place.stop - place.start)
        there = (
            np.isin(place.concentrator(rows), dark.concentrators) if dark.concentrators else np.ones(len(rows), bool)
        )
        self._back = np.full(len(rows), -np.inf)
        self._back[there] = dark.end + self._rejoin(place.keys(rows[there]))
        never = np.array([index - place.start for index in dark.never], dtype=np.int64)
        never = never[(never >= 0) & (never < len(rows))]
        self._back[never[there[never]]] = np.inf

    def reading(self, found: Passage, rows: Rows, slot: int) -> None:
        """Lose the readings of a slot that would be on their way in the dark."""
        self._lose(found, rows, slot_end(slot) + found.delay)

    def exchange(self, found: Passage, rows: Rows, now: float) -> None:
        """Lose what is asked in the dark."""
        self._lose(found, rows, np.full(len(rows), now))

    def _lose(self, found: Passage, rows: Rows, at: NDArray[np.float64]) -> None:
        lost = (at >= self._dark.begin) & (at < self._back[rows])
        found.cause[lost] = np.where(at[lost] < self._dark.end, NO_POWER, NOT_JOINED)

    def _rejoin(self, keys: Keys) -> NDArray[np.float64]:
        """How long after the end each meter is back."""
        quantiles = self._dark.rejoin
        if not quantiles:
            return np.zeros(len(keys))
        luck = draw(self._place.seed, keys, "rejoin", self._number)
        return np.interp(luck, np.linspace(0, 1, len(quantiles)), quantiles)
