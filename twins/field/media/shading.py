"""Loss that comes and goes at level (b): messages of the meters behind it are lost on top, as long as it lasts.

By how much follows from level (a) on that very site (:mod:`twins.field.statistics.shades`) and from the loss of the
moment.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocols.slots import slot_end
from twins.field.causes import code
from twins.field.checks import need
from twins.field.interface import Passage
from twins.field.media.base import Keys, Place, Rows, draw
from twins.field.variations import Variation, loss_db

SHADED = code("link shaded")


class Shaded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A variation, and what it does: by meter (its rank) a group or -1, and by group the hazard of being lost.

    ``hazard`` (groups, losses): what is added at each of the rising losses ``db``; the first is 0 dB and adds nothing.
    """

    variation: Variation
    group: tuple[int, ...]
    db: tuple[float, ...]
    hazard: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        need(self.db[:1] == (0.0,) and all(np.diff(self.db) >= 0), "losses rise from 0 dB")
        need(all(len(row) == len(self.db) and min(row) >= 0 for row in self.hazard), "there is a hazard at every loss")
        need(max(self.group, default=-1) < len(self.hazard), "there is a hazard for every group")


class Shading:
    """Variations at concentrators of a place. ``since``: Unix s at which the fleet's first half-hour begins."""

    def __init__(self, place: Place, shaded: Sequence[Shaded], since: float) -> None:
        self._place, self._shaded, self._since = place, tuple(shaded), since
        self._groups = [np.array(each.group, dtype=np.int64) for each in shaded]
        offset = place.start - place.area_start
        self._first = [each.variation.concentrator * place.per_concentrator - offset for each in shaded]

    def reading(self, found: Passage, rows: Rows, own: Keys, slot: int) -> None:
        """Lose readings of a slot that would go through the shade."""
        self._lose(found, rows, own, "reading", slot, slot_end(slot) + found.delay, 1.0)

    def exchange(self, found: Passage, rows: Rows, own: Keys, occasion: int, now: float) -> None:
        """Lose requests or their answers: both go through the shade."""
        self._lose(found, rows, own, "exchange", occasion, np.full(len(rows), now), 2.0)

    def _lose(
        self, found: Passage, rows: Rows, own: Keys, kind: str, occasion: int, at: NDArray[np.float64], ways: float
    ) -> None:
        """``rows`` rise: the meters of a concentrator stand together."""
        for each, groups, first in zip(self._shaded, self._groups, self._first, strict=True):
            low, high = np.searchsorted(rows, [first, first + len(groups)])
            if low == high:
                continue
            here = slice(int(low), int(high))
            group = groups[rows[here] - first]
            variation = each.variation
            loss = loss_db(variation, self._place.seed, at[here] - self._since)
            hazard = np.zeros(len(group))
            for number, row in enumerate(each.hazard):
                mine = group == number
                hazard[mine] = ways * np.interp(loss[mine], each.db, row)
            luck = draw(self._place.seed, own[here], "shade", variation.name, variation.node, kind, occasion)
            found.cause[here][(found.cause[here] == 0) & (luck < -np.expm1(-hazard))] = SHADED
