"""Whole-number draws and movements out of hashes: bit-identical on every processor, in any block, in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twins.random import mix32

Ints = NDArray[np.int64]


def between(hashes: NDArray[np.uint32], low: Any, high: Any) -> Ints:
    """Whole numbers ``low … high`` (both included, scalars or arrays), as good as uniform, from the hashes."""
    low, high = np.asarray(low, np.int64), np.asarray(high, np.int64)
    return np.asarray(low + ((hashes.astype(np.int64) * (high - low + 1)) >> 32))


def wander(keys: NDArray[np.uint32], position: Ints, spacing: int, amplitude: Any) -> Ints:
    """A value within ± ``amplitude`` that moves along ``position`` (not negative): lines between hashed knots.

    Each key has its own movement; knots lie every ``spacing`` steps. All arguments broadcast.
    """
    knot, rest = _knot(position, spacing)
    here, there = _levels(keys, knot)
    return np.asarray((here * (spacing - rest) + there * rest) * (2 * amplitude) // (spacing * _TOP) - amplitude)


def wander_slope(keys: NDArray[np.uint32], position: Ints, spacing: int, amplitude: Any, scale: int) -> Ints:
    """Slope of :func:`wander` at a position, times ``scale``."""
    here, there = _levels(keys, _knot(position, spacing)[0])
    return np.asarray((there - here) * (2 * amplitude * scale) // (spacing * _TOP))


_TOP = 0xFFFF  # levels of a knot are 16 bits


def _knot(position: Ints, spacing: int) -> tuple[Ints, Ints]:
    knot = position // spacing
    return knot, position - knot * spacing


def _levels(keys: NDArray[np.uint32], knot: Ints) -> tuple[Ints, Ints]:
    """Levels of a knot and of the next one, 0 … 65535."""
    here = mix32(mix32(knot.astype(np.uint32)) ^ keys) >> np.uint32(16)
    there = mix32(mix32((knot + 1).astype(np.uint32)) ^ keys) >> np.uint32(16)
    return here.astype(np.int64), there.astype(np.int64)
