"""What a medium is asked, and what it is built for."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from twins.field.interface import Passage
from twins.random import keys, mix32, salt, unit

Rows = NDArray[np.int64]
Keys = NDArray[np.uint32]


class Place(NamedTuple):
    """The meters of one area that a medium is for: indices ``start … stop - 1`` out of the area's."""

    seed: int
    area_start: int  # index of the area's first meter
    start: int
    stop: int
    per_concentrator: int
    first_concentrator: int  # fleet-wide number of the area's first
    concentrators: int

    def concentrator(self, rows: Rows) -> NDArray[np.int64]:
        """Number within the area of each row's concentrator; row 0 is meter ``start``."""
        return np.asarray((rows + (self.start - self.area_start)) // self.per_concentrator)

    def rank(self, rows: Rows) -> NDArray[np.int64]:
        """Number of each row's meter within its concentrator."""
        return np.asarray((rows + (self.start - self.area_start)) % self.per_concentrator)

    def holds(self, concentrator: int) -> bool:
        """Whether any meter of a concentrator (its number within the area) is among these."""
        first = self.area_start + concentrator * self.per_concentrator
        return first < self.stop and first + self.per_concentrator > self.start

    def keys(self, rows: Rows) -> Keys:
        """The meters' keys."""
        return keys(self.seed, rows + self.start)


class Medium(Protocol):
    """Carries messages of the meters of a :class:`Place`; rows count from its start."""

    def reading(self, rows: Rows, keys: Keys, slot: int) -> Passage:
        """The way of the readings of a slot, the moment of sending included."""

    def exchange(self, rows: Rows, keys: Keys, occasion: int, now: float) -> Passage:
        """The way of requests and their answers, both together."""


def hashes(seed: int, keys: Keys, *words: int | str) -> Keys:
    """One hash a meter for the purpose that the words name."""
    return mix32(keys ^ salt(seed, *words))


def draw(seed: int, keys: Keys, *words: int | str) -> NDArray[np.float64]:
    """One uniform number a meter for the purpose that the words name."""
    return unit(hashes(seed, keys, *words))


@cache
def _normal(count: int) -> NDArray[np.float32]:
    return np.array([NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)], dtype=np.float32)


def normal(hashed: Keys) -> NDArray[np.float32]:
    """Standard normal numbers out of the top 12 bits of hashes; 3.7 is the largest."""
    return np.asarray(_normal(4096)[hashed >> np.uint32(20)])


def numbered(seed: int, count: int, *words: int | str) -> Keys:
    """One hash for each of ``count`` things that are only numbered."""
    return mix32(mix32(np.arange(count, dtype=np.uint32)) ^ salt(seed, *words))
