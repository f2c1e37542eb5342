"""The power line between a PLC bridge and its meter: what becomes of a datagram on its way.

The figures are those of the field's power lines (:mod:`twins.field.media.plc`): a margin of the line, taken away from
by the noise of the hour, tells how many tries fail; each try takes its time. Here it is one hop, between two modems on
one line. All figures are our own choice: not verified.

Chances are looked up by the number of the datagram, so the lines of one rack do not change each other's.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from protocols.slots import SLOTS_PER_DAY, slot_of, slot_of_day
from twins.field.media.parameters import PlcTable, media
from twins.field.media.plc import share_failing
from twins.random import salt

_SLOTS_PER_HOUR = SLOTS_PER_DAY // 24
_NORMAL = NormalDist()


class PowerLine:
    """A line with ``margin_db`` of signal above noise and need at the quietest hour; None: the shipped mean."""

    def __init__(self, name: str, seed: int = 0, margin_db: float | None = None, table: PlcTable | None = None) -> None:
        self._table = table or media().plc
        self.margin_db = self._table.margin_db if margin_db is None else margin_db
        self._name, self._seed = name, seed
        self._sent = 0

    def over_db(self, now: float) -> float:
        """What is left of the margin at this hour (Japan Standard Time); at 0 and below nothing gets through."""
        return self.margin_db - self._table.noise_db[int(slot_of_day(slot_of(now))) // _SLOTS_PER_HOUR]

    def carry(self, now: float) -> float | None:
        """Send a datagram: after how many seconds it arrives, None when all tries fail."""
        self._sent += 1
        fails = float(share_failing(np.array(self.over_db(now)), self._table))
        tries = next((n for n in range(1, self._table.retries + 2) if self._chance("try", n) >= fails), None)
        if tries is None:
            return None
        spread = math.exp(self._table.sigma * _NORMAL.inv_cdf(self._chance("time")))
        return self._table.cycle * tries * spread

    def _chance(self, *words: int | str) -> float:
        """A number between 0 and 1, neither of them, by what it is for."""
        return (salt(self._seed, "power line", self._name, self._sent, *words) + 0.5) / 2**32
