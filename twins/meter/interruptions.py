"""Times in which a meter's home had no supply: its switch was open, or the line was dead.

Rules of this file: what an interruption takes away is what the home would have used, second by second, in the shape
that its half-hour has without it. So registers stand still from the second the supply goes, and never step back; a
half-hour still holds whole Wh, what is left of one at its end is lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.slots import SLOT_SECONDS
from twins.fleet import Fleet
from twins.meter.appliances import Appliances
from twins.meter.minutes import MWH, MinuteModel
from twins.meter.noise import Ints

FOREVER = math.inf
"""End of an interruption that has not ended."""

_MINUTE_SECONDS = 60


class Span(NamedTuple):
    """No supply from ``begin`` on until ``end``; true Unix seconds, whole ones."""

    begin: int
    end: float


class Interruptions:
    """The interruptions of a fleet's rows. Change them through :class:`twins.meter.meters.Meters` alone: it caches."""

    def __init__(self, fleet: Fleet, minutes: MinuteModel) -> None:
        self._fleet, self._minutes = fleet, minutes
        self._appliances = Appliances(fleet, minutes)
        self._spans: dict[int, tuple[Span, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._spans)

    def put(self, row: int, spans: Iterable[Span]) -> None:
        """All interruptions of one row, in place of those known."""
        self._spans[row] = tuple(sorted(spans))

    def off(self, rows: Ints, at: float) -> NDArray[np.bool_]:
        """Which of the rows have no supply at an instant."""
        return np.array(
            [any(b <= at < e for b, e in self._spans.get(row, ())) for row in rows.tolist()], dtype=np.bool_
        )

    def within(self, row: int, slot: int) -> list[Span]:
        """Interruptions of one row that touch a half-hour, cut to it and counted in seconds from its begin."""
        begin = slot * SLOT_SECONDS
        cut = [Span(max(b - begin, 0), min(e - begin, SLOT_SECONDS)) for b, e in self._spans.get(row, ())]
        return [span for span in cut if span.begin < span.end]

    def touched(self, rows: Ints, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Places in ``rows`` and slots, from ``first`` to ``last``, that any interruption touches."""
        begin, end = first * SLOT_SECONDS, (last + 1) * SLOT_SECONDS
        few = self._spans.keys() & set(rows.tolist()) if len(rows) < len(self._spans) else self._spans
        for row in few:
            spans = self._spans[row]
            if not any(b < end and e > begin for b, e in spans):
                continue
            for place in np.flatnonzero(rows == row).tolist():
                yield from ((place, slot) for slot in range(first, last + 1) if self.within(row, slot))

    def cut(self, rows: Ints, first: int, imported: NDArray[Any], exported: NDArray[Any]) -> None:
        """Take from the energies ``(n, m)`` of slots from ``first`` on what the rows did without; in place."""
        if not self._spans:
            return
        for place, slot in list(self.touched(rows, first, first + imported.shape[1] - 1)):
            at = place, slot - first
            whole = self.whole_mwh(int(rows[place]), slot, int(imported[at]), int(exported[at]))
            imported[at], exported[at] = kept(whole, self.within(int(rows[place]), slot), SLOT_SECONDS) // MWH

    def whole_mwh(self, row: int, slot: int, import_wh: int, export_wh: int) -> Ints:
        """What the half-hour would have been: mWh from its begin to each minute's edge, ``(2, 31)``."""
        homes, one = self._fleet.homes, np.array([row])
        bound = homes.contract_a[one].astype(np.int64) * self._fleet.model.parameters.contract.wh_per_ampere
        watts = self._appliances.watts(one, np.array([slot]))
        directions = [(import_wh, False), (export_wh, True)]
        found = [
            self._minutes.cumulative(watts, np.array([[wh]], dtype=np.int64), bound, upside_down=down)[0, 0]
            for wh, down in directions
        ]
        return np.stack(found)


def kept(whole_mwh: Ints, spans: Sequence[Span], second: int) -> Ints:
    """mWh of both directions ``(2,)`` that were metered by a second of the half-hour, whose whole is ``(2, 31)``."""
    lost = sum(
        (_at(whole_mwh, min(int(end), second)) - _at(whole_mwh, begin) for begin, end in spans if begin < second),
        start=np.zeros(2, dtype=np.int64),
    )
    return np.asarray(_at(whole_mwh, second) - lost)


def kept_by_minute(whole_mwh: Ints, spans: Sequence[Span]) -> Ints:
    """The same at the minutes' edges, ``(2, 31)``, never more than the whole Wh that the half-hour ends with."""
    edges = np.stack(
        [kept(whole_mwh, spans, second) for second in range(0, SLOT_SECONDS + 1, _MINUTE_SECONDS)], axis=-1
    )
    return np.minimum(edges, edges[:, -1:] // MWH * MWH)


def _at(whole_mwh: Ints, second: int) -> Ints:
    minute, rest = divmod(second, _MINUTE_SECONDS)
    here = whole_mwh[:, minute]
    return here + (whole_mwh[:, minute + 1] - here) * rest // _MINUTE_SECONDS if rest else here
