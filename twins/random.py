"""Randomness without state: hashes of (seed, meter, time) instead of a generator that must be wound forward.

A value is looked up, never drawn in order, so any interval of any twin can be computed alone, again, and anywhere
(design decision 2). All hashes are 32 bit wide and built from :func:`mix32`, which is one-to-one: different meters have
different keys, and at any one moment different meters have different hashes.

The mixer is two rounds of xor-shift and odd multiplication. Its constants are the well-known pair 0x7FEB352D and
0x846CA68B from a public search for low avalanche bias (C. Wellons, "hash-prospector", public domain).
"""

from __future__ import annotations

import math
import zlib
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

TABLE_BITS = 12
"""Width of the index into a quantile table: 4096 entries stay in the first cache level."""

TABLE_SHIFT = np.uint32(32 - TABLE_BITS)

_SHIFT_OUTER, _SHIFT_INNER = np.uint32(16), np.uint32(15)
_FIRST, _SECOND = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
_MASK64 = (1 << 64) - 1


def mix32(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Mix every word thoroughly; one-to-one on 32 bits. The argument is left as it was."""
    mixed = words >> _SHIFT_OUTER
    mixed ^= words
    mixed *= _FIRST
    mixed ^= mixed >> _SHIFT_INNER
    mixed *= _SECOND
    mixed ^= mixed >> _SHIFT_OUTER
    return mixed


def salt(seed: int, *words: int | str) -> np.uint32:
    """A constant for one purpose: the hash of a seed (any integer) and of the words that name the purpose."""
    state = _mix64(seed & _MASK64)
    for word in words:
        number = zlib.crc32(word.encode()) if isinstance(word, str) else word
        state = _mix64(state ^ (number & _MASK64))
    return np.uint32(state >> 32)


def salts(base: np.uint32, numbers: NDArray[Any]) -> NDArray[np.uint32]:
    """One salt for each number (slot, day …), all different while the numbers differ modulo 2^32. Keeps the shape."""
    return mix32(numbers.astype(np.uint32) ^ base)


def keys(seed: int, index: NDArray[Any]) -> NDArray[np.uint32]:
    """The key of each meter index below 2^32: what every other hash of that meter starts from. All different."""
    return mix32(mix32(index.astype(np.uint32)) ^ salt(seed, "meter key"))


def unit(hashes: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Uniform numbers strictly between 0 and 1."""
    return (hashes.astype(np.float64) + 0.5) * 2.0**-32


def lognormal_table(sigma: float) -> NDArray[np.float32]:
    """Quantiles of a log-normal distribution with mean 1, to be looked up with the top ``TABLE_BITS`` of a hash.

    The largest of the 4096 entries stands at 3.7 standard deviations, so the tail is finite.
    """
    count = 1 << TABLE_BITS
    values = [math.exp(sigma * NormalDist().inv_cdf((i + 0.5) / count)) for i in range(count)]
    mean = math.fsum(values) / count
    return np.array([value / mean for value in values], dtype=np.float32)


def _mix64(word: int) -> int:
    """Finalizer of the SplitMix64 generator (Steele, Lea, Flood 2014), for single Python integers."""
    word = (word + 0x9E3779B97F4A7C15) & _MASK64
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK64
    return word ^ (word >> 31)
