"""The link behind each concentrator: a latency, and outages that concentrators bridge by storing.

A reading that comes to its concentrator while the link is down goes on when the link is back; a request is lost. At
most one outage begins a day at a concentrator, at a moment and for a time that follow from (seed, concentrator, day).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.slots import slot_end
from twins.field.causes import WIDE_AREA
from twins.field.interface import Passage
from twins.field.media.base import Keys, Place, Rows, hashes, normal
from twins.field.media.parameters import WideAreaTable
from twins.field.settings import WideAreaSetting
from twins.random import mix32, salt, unit

_DAY = 86_400.0
_LONGEST = _DAY  # an outage ends within a day, so that today's and yesterday's are all there are


class Outages(NamedTuple):
    """Of each concentrator of an area: when the outage of a day begins and ends (Unix s; infinite for none)."""

    begin: NDArray[np.float64]
    end: NDArray[np.float64]


class WideArea:
    """The links of one area."""

    def __init__(self, place: Place, table: WideAreaTable, setting: WideAreaSetting, slowness: float) -> None:
        self._seed = place.seed
        self._place = place
        self._setting = setting
        quantiles = normal(np.arange(4096, dtype=np.uint32) << np.uint32(20))
        self._latency = slowness * table.median * np.exp(table.sigma * quantiles)  # by the top 12 bits of a hash
        self._numbers = (np.arange(place.concentrators) + place.first_concentrator).astype(np.uint32)
        self._outages = lru_cache(maxsize=4)(self._draw)

    def reading(self, found: Passage, rows: Rows, keys: Keys, slot: int) -> None:
        """Add what the link does to readings; the passage is changed in place."""
        self._add_latency(found, keys, "reading", slot)
        if self._setting.outages_per_year:
            concentrator = self._place.concentrator(rows)
            # One after the other: what waited for yesterday's outage to end may find today's begun.
            for day in (-1, 0, 1):
                outages = self._outages(int(slot_end(slot) // _DAY) + day)
                begin, end = (moment[concentrator] - slot_end(slot) for moment in outages)
                waits = (begin <= found.delay) & (found.delay < end)
                found.delay[waits] = end[waits]

    def exchange(self, found: Passage, rows: Rows, keys: Keys, occasion: int, now: float) -> None:
        """Add what the link does to exchanges; the passage is changed in place."""
        for way in ("there", "back"):
            self._add_latency(found, keys, way, occasion)
        if self._setting.outages_per_year:
            down = self.down(self._place.concentrator(rows), now)
            found.cause[down & (found.cause == 0)] = WIDE_AREA

    def down(self, concentrator: NDArray[np.int64], now: float) -> NDArray[np.bool_]:
        """Whether the links of these concentrators (numbers within the area) are down."""
        day, down = int(now // _DAY), np.zeros(len(concentrator), dtype=np.bool_)
        for outages in (self._outages(day - 1), self._outages(day)):
            down |= (outages.begin[concentrator] <= now) & (now < outages.end[concentrator])
        return down

    def _add_latency(self, found: Passage, keys: Keys, kind: str, occasion: int) -> None:
        found.delay[:] += self._latency[hashes(self._seed, keys, "wide area", kind, occasion) >> np.uint32(20)]

    def _draw(self, day: int) -> Outages:
        happens, moment, length = (
            unit(mix32(mix32(self._numbers) ^ salt(self._seed, "outage", what, day)))
            for what in ("happens", "moment", "length")
        )
        begin = np.where(happens < self._setting.outages_per_year / 365, (day + moment) * _DAY, np.inf)
        lasts = np.minimum(-np.log(length) * self._setting.outage_minutes * 60, _LONGEST)
        return Outages(begin, begin + lasts)
