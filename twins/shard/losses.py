"""What a shard's readings and answers were lost by, area by area: the causes add up to all that did not arrive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twins.field.causes import ARRIVED, CAUSES
from twins.plan import FleetPlan

READINGS, EXCHANGES = "lost", "unanswered"


class LossBook:
    """Counts by area and cause for the meters ``start … stop - 1``."""

    def __init__(self, plan: FleetPlan, start: int, stop: int) -> None:
        self._names = [area.name for area in plan.areas]
        self._area = plan.area_of(np.arange(start, stop)).astype(np.uint16)
        self._counts = {
            kind: np.zeros((len(plan.areas), len(CAUSES)), dtype=np.int64) for kind in (READINGS, EXCHANGES)
        }

    def note(self, kind: str, rows: NDArray[np.int64], cause: NDArray[np.uint8]) -> None:
        """Count messages of local rows, those that arrived (cause 0) too."""
        flat = self._area[rows].astype(np.int64) * len(CAUSES) + cause
        self._counts[kind] += np.bincount(flat, minlength=self._counts[kind].size).reshape(self._counts[kind].shape)

    def lost(self, kind: str = READINGS) -> dict[str, dict[str, int]]:
        """Counts by area and cause, what never occurred left out."""
        return {
            name: {CAUSES[c]: int(n) for c, n in enumerate(row) if n and c != ARRIVED}
            for name, row in zip(self._names, self._counts[kind], strict=True)
        }

    def figures(self) -> dict[str, float]:
        """The same for the state of a process: ``lost:town:collision``, ``unanswered:town:collision`` …"""
        return {
            f"{kind}:{area}:{cause}": float(count)
            for kind in self._counts
            for area, causes in self.lost(kind).items()
            for cause, count in causes.items()
        }
