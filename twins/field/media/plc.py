"""Power line: transformer banks with an attenuation each, and a noise that follows the hour of the day.

A try fails the more often the less signal is left over the noise of the hour; retries and hops follow. Banks keep their
margin: the bad ones are bad every evening.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocols.slots import SLOTS_PER_DAY, slot_of, slot_of_day
from twins.field.causes import LINE_NOISE
from twins.field.interface import Passage
from twins.field.media.base import Keys, Place, Rows, draw, hashes, normal
from twins.field.media.parameters import PlcTable
from twins.random import mix32, salt

_SLOTS_PER_HOUR = SLOTS_PER_DAY // 24


class Plc:
    """Implements :class:`twins.field.media.base.Medium`."""

    def __init__(self, place: Place, table: PlcTable, slowness: float) -> None:
        self._seed = place.seed
        self._place = place
        self._table = table
        self._slowness = slowness
        self._banks = -(-place.per_concentrator // table.bank_meters)
        self._shares = np.cumsum(table.hops)[:-1] / sum(table.hops)

    def margin_db(self, rows: Rows) -> NDArray[np.float64]:
        """Signal over noise above what is needed, at the quietest hour, of each meter's bank."""
        place, table = self._place, self._table
        concentrator = place.concentrator(rows) + place.first_concentrator
        bank = concentrator * self._banks + place.rank(rows) // table.bank_meters
        hashed = mix32(mix32(bank.astype(np.uint32)) ^ salt(self._seed, "bank"))
        drawn = table.margin_db + table.margin_sigma_db * normal(hashed).astype(np.float64)
        return np.maximum(drawn, table.least_margin_db)

    def hops(self, keys: Keys) -> NDArray[np.uint8]:
        """Depth of each meter."""
        return (1 + np.searchsorted(self._shares, draw(self._seed, keys, "hops"), side="right")).astype(np.uint8)

    def reading(self, rows: Rows, keys: Keys, slot: int) -> Passage:
        """See the protocol."""
        found = self._passage(rows, keys, "reading", slot, slot + 1, ways=1)  # it is sent when its slot has ended
        found.delay[:] += self._table.send_window * draw(self._seed, keys, "reading", "window", slot)
        return found

    def exchange(self, rows: Rows, keys: Keys, occasion: int, now: float) -> Passage:
        """See the protocol."""
        return self._passage(rows, keys, "exchange", occasion, slot_of(now), ways=2)

    def _passage(self, rows: Rows, keys: Keys, kind: str, occasion: int, slot: int, ways: int) -> Passage:
        table, hops = self._table, self.hops(keys)
        over = self.margin_db(rows) - table.noise_db[int(slot_of_day(slot)) // _SLOTS_PER_HOUR]
        fails = share_failing(over, table)
        gets_through = (1 - fails ** (table.retries + 1)) ** (hops.astype(np.float64) * ways)
        lost = draw(self._seed, keys, kind, "loss", occasion) >= gets_through
        tries = np.minimum(1 / (1 - np.minimum(fails, 0.999)), table.retries + 1)
        spread = np.exp(table.sigma * normal(hashes(self._seed, keys, kind, "delay", occasion)))
        delay = ways * hops * table.cycle * tries * spread * self._slowness
        return Passage(np.where(lost, LINE_NOISE, 0).astype(np.uint8), delay, hops)


def share_failing(over_db: NDArray[np.float64], table: PlcTable) -> NDArray[np.float64]:
    """How many of the tries fail when the signal is so many dB above the noise and what is needed."""
    return np.exp(-np.maximum(over_db, 0.0) / table.width_db)
