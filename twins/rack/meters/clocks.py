"""Clocks of a rack: those of emulated meters are off as their hidden errors say, all others as twins' are."""

from __future__ import annotations

from collections.abc import Mapping

from twins.meter.clock import Clocks
from twins.plan import FleetPlan
from twins.rack.world.meter import EmulatedMeter


class RackClocks(Clocks):
    """The clocks of a plan; ``meters`` are the emulated ones by fleet-wide index."""

    def __init__(self, plan: FleetPlan, meters: Mapping[int, EmulatedMeter]) -> None:
        super().__init__(plan)
        self._emulated = meters

    def put_shift(self, index: int, shift: float) -> None:
        """One clock was moved forward by ``shift`` seconds altogether."""
        if index in self._emulated:
            self._emulated[index].shift = shift
        else:
            super().put_shift(index, shift)

    def of(self, index: int, true_time: float) -> float:
        """What one clock shows (Unix seconds) at a true time."""
        if index in self._emulated:
            return self._emulated[index].clock(true_time)
        return super().of(index, true_time)
