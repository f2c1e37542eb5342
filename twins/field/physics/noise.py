"""Noise, and signal to interference and noise as a sum of powers (``field-network`` §6.1 formula 2).

Captures depend on the sum of what interferes (Gezer, Sensors 2014): powers in mW are added, never decibels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twins.field.checks import milliwatts, numbers
from twins.field.physics.parameters import radio


def noise_dbm(bandwidth_hz: ArrayLike, noise_figure_db: float | None = None) -> NDArray[np.float64]:
    """Noise power in a bandwidth (above 0 Hz), the receiver's own part included."""
    receiver = radio().receiver
    figure = receiver.noise_figure_db if noise_figure_db is None else noise_figure_db
    wide = numbers("bandwidth", bandwidth_hz, above=0.0)
    added = numbers("noise figure", figure, least=0.0)
    return np.asarray(receiver.noise_density_dbm_hz + added + 10 * np.log10(wide))


def power_sum_dbm(dbm: ArrayLike) -> float:
    """Sum of powers; minus infinity for none."""
    levels = np.asarray(dbm, dtype=np.float64)
    return float(10 * np.log10(milliwatts(levels).sum())) if levels.size else -np.inf


def sinr(signal_mw: ArrayLike, interference_mw: ArrayLike, noise_mw: ArrayLike) -> NDArray[np.float64]:
    """Signal over noise plus the sum of interference over its last axis (any length); linear.

    ``interference_mw`` has one axis more than the signal: the interferers of each, jammers among them.
    """
    signal = numbers("signal", signal_mw, least=0.0)
    noise = numbers("noise", noise_mw, above=0.0)
    others = numbers("interference", interference_mw, least=0.0)
    return np.asarray(signal / (noise + others.sum(axis=-1)))
