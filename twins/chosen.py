"""A few twins of a large fleet: their rows alone are built, and what is between them where they lie close together.

No twin depends on another, so those chosen are the same as they would be among all, and the others stay untouched.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from twins.fleet import Fleet
from twins.meter.meters import Meters
from twins.meter.view import MeterView
from twins.plan import FleetPlan

_GAP = 16_384
"""Rows between two chosen twins from which on each gets a fleet of its own: a fleet costs about as much as so many."""


class ChosenTwins:
    """Twins of a plan by their indices; ``views`` in the order given.

    Raises :class:`twins.fleet.FleetError` for indices that the plan does not have.
    """

    def __init__(self, plan: FleetPlan, indices: Sequence[int]) -> None:
        self.plan = plan
        self._fleets = [Fleet(plan, run.start, run.stop) for run in runs(indices)]
        meters, starts = list(map(Meters, self._fleets)), [fleet.start for fleet in self._fleets]
        places = [bisect_right(starts, index) - 1 for index in indices]
        self.views = [MeterView(meters[at], index - starts[at]) for at, index in zip(places, indices, strict=True)]

    def advance_to(self, slot: int) -> None:
        """Meter everything before a slot; the past is left as it is."""
        for fleet in self._fleets:
            if fleet.slot < slot:
                fleet.advance_to(slot)


def runs(indices: Sequence[int], gap: int = _GAP) -> list[range]:
    """Ranges that hold all indices, with no stretch of more than ``gap`` in them that nobody asked for."""
    found: list[range] = []
    for index in sorted(set(indices)):
        if found and index - found[-1].stop < gap:
            found[-1] = range(found[-1].start, index + 1)
        else:
            found.append(range(index, index + 1))
    return found
