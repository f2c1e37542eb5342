"""A few half-hours of some meters cut into minutes: registers and mean powers at any second within them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from protocols.slots import SLOT_SECONDS
from twins.meter.interruptions import Span, kept
from twins.meter.minutes import MINUTES, MWH
from twins.meter.noise import Ints

MINUTE_SECONDS = 60
_NOTHING = np.zeros((1, 2), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Cut:
    """A half-hour of one meter with interruptions: its mWh without them ``(2, 31)``, and when they were."""

    whole_mwh: Ints
    spans: list[Span]


@dataclass(frozen=True, slots=True)
class Window:
    """Slots from ``first`` on: ``mwh`` (n, 2, 30 × slots + 1) counted from its begin at each minute's edge.

    ``base_wh`` (n, 2) are the registers at its begin; a window that is kept has none, because registers move. ``cuts``
    are the interrupted half-hours by meter and slot: ``mwh`` knows them at its edges, they tell the seconds between.
    """

    first: int
    mwh: Ints
    base_wh: Ints = field(default_factory=lambda: _NOTHING)
    cuts: Mapping[tuple[int, int], Cut] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """Its last slot."""
        return self.first + int(self.mwh.shape[-1]) // MINUTES - 1

    @property
    def begin(self) -> int:
        """Unix seconds of its begin."""
        return self.first * SLOT_SECONDS

    def standing(self, registers_wh: Ints, slot: int) -> Window:
        """The same window with the registers ``(n, 2)`` that the meters had at the begin of a slot."""
        counted = self.mwh[..., (slot - self.first) * MINUTES] // MWH  # slots hold whole Wh
        return Window(self.first, self.mwh, registers_wh - counted, self.cuts)

    def register(self, second: int) -> Ints:
        """Import and export registers ``(n, 2)`` at a second: exact at minutes' ends, in between in a line."""
        minute, rest = divmod(second - self.begin, MINUTE_SECONDS)
        here = self.mwh[..., minute]
        if rest:
            here = here + (self.mwh[..., minute + 1] - here) * rest // MINUTE_SECONDS
            self._correct(here, second)
        return np.asarray(self.base_wh + here // MWH)

    def _correct(self, here: Ints, second: int) -> None:
        """Put right what lies in the middle of a minute of which a part was interrupted."""
        slot, since = divmod(second, SLOT_SECONDS)
        edge = (slot - self.first) * MINUTES
        for (place, cut_slot), cut in self.cuts.items():
            if cut_slot == slot:
                most = self.mwh[place, :, edge + MINUTES]
                here[place] = np.minimum(self.mwh[place, :, edge] + kept(cut.whole_mwh, cut.spans, since), most)

    def registers(self, ends: Ints) -> Ints:
        """The same at many minutes' ends ``(m,)``: ``(n, m, 2)``."""
        at = self.mwh[..., (ends - self.begin) // MINUTE_SECONDS]
        return np.asarray(self.base_wh[:, None] + np.moveaxis(at // MWH, 1, -1))

    def mean_watts(self, minutes: Ints) -> Ints:
        """Mean power ``(n, m)`` of minutes counted from the epoch; negative is export."""
        at = minutes - self.begin // MINUTE_SECONDS
        counted = self.mwh[..., at + 1] - self.mwh[..., at]
        milliwatts = (counted[:, 0] - counted[:, 1]) * MINUTE_SECONDS
        return np.asarray((milliwatts + MWH // 2) // MWH)
