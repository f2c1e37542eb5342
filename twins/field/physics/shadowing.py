"""Shadowing of links: normal in dB, the same both ways, and alike for links whose ends lie near each other.

The value of a link between places a and b is a random field over both places. Its correlation with the link a', b' is
exp(-|a - a'| / d_c) exp(-|b - b'| / d_c): each end decorrelates as TR 38.901 says for the end that moves. The field is
a sum of plane waves whose wave vectors are drawn from that correlation's spectrum, so a value is a pure function of
(seed, places): any subset of links, in any order, has the same values, and a matrix of n by n links costs two matrix
products. The field is taken in both directions and summed, scaled to variance 1 for every pair of places.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twins.field.checks import is_positive, need, places
from twins.random import salt

WAVES = 1024
"""Plane waves in the sum: the correlation of a given seed is off by about 1 / sqrt(2 · 1024) = 2 %."""


class Shadowing:
    """The shadowing field of one seed; values have mean 0 and standard deviation 1 over the seeds."""

    def __init__(self, seed: int, correlation_m: float) -> None:
        need(is_positive(correlation_m), "the shadowing's correlation distance must be above 0 m")
        self._correlation = correlation_m
        draw = np.random.Generator(np.random.PCG64(int(salt(seed, "shadowing"))))
        self._near, self._far = _wave_vectors(draw, correlation_m), _wave_vectors(draw, correlation_m)
        self._phase = draw.uniform(0, 2 * math.pi, WAVES)

    def between(self, positions: ArrayLike, others: ArrayLike | None = None) -> NDArray[np.float64]:
        """All links from ``positions`` (n, 2 or 3) to ``others`` (m; the same places unless given), as (n, m).

        Heights do not count. The matrix over the same places is symmetric; its diagonal is no link and has no meaning.
        """
        a = places(positions)[:, :2]
        b = a if others is None else places(others)[:, :2]
        there = _waves(a @ self._near.T + self._phase) @ _conjugate(_waves(b @ self._far.T))
        back = _waves(a @ self._far.T) @ _conjugate(_waves(b @ self._near.T + self._phase))
        # Real part of exp(i(k1 a + phase)) exp(i k2 b), summed over the waves; mean square 1/2 each.
        apart = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
        alike = 1 + np.exp(-2 * apart / self._correlation)
        return np.asarray((there + back) * np.sqrt(2 / WAVES) / np.sqrt(2 * alike))


def _wave_vectors(draw: np.random.Generator, correlation: float) -> NDArray[np.float64]:
    """Wave vectors (WAVES, 2) whose plane waves add up to the correlation exp(-r / d_c) in the plane."""
    # The radial distribution of that spectrum is 1 - (1 + (k d_c)^2)^-1/2; it is inverted here.
    radius = np.sqrt((1 - draw.random(WAVES)) ** -2 - 1) / correlation
    angle = draw.uniform(0, 2 * math.pi, WAVES)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def _waves(phases: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine and sine beside each other, (n, 2 WAVES)."""
    return np.hstack([np.cos(phases), np.sin(phases)])


def _conjugate(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """What to multiply by for the real part of the product of two complex waves: cos cos - sin sin."""
    turned = waves.copy()
    turned[:, WAVES:] *= -1
    return turned.T
