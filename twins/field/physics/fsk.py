"""Errors of 2-FSK with a noncoherent detector (``field-network`` §1.5).

``eb_n0`` is the energy of a bit over the noise density, linear; with interference it is SINR times bandwidth over rate.
A packet of L bytes (FCS included) is lost when one of its 8 L bits is wrong: no coding.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twins.field.checks import need, numbers
from twins.field.physics.parameters import Mode, radio


def bit_error_rate(eb_n0: ArrayLike) -> NDArray[np.float64]:
    """0.5 exp(-g / 2), orthogonal tones; 0.5 where nothing is received."""
    return np.asarray(0.5 * np.exp(-numbers("Eb/N0", eb_n0, least=0.0) / 2))


def packet_error_rate(eb_n0: ArrayLike, length: ArrayLike) -> NDArray[np.float64]:
    """Chance that a packet of ``length`` bytes, FCS included, is lost at a constant Eb/N0."""
    bits = 8 * numbers("length", length, above=0.0)
    return np.asarray(-np.expm1(bits * np.log1p(-bit_error_rate(eb_n0))))


def eb_n0_for(packet_error: float, length: int) -> float:
    """Eb/N0 (linear) at which a packet of ``length`` bytes is lost with that chance (0 … 1, both excluded).

    Raises :class:`twins.field.checks.FieldError` for a chance that even pure guessing (half of the bits wrong) beats.
    """
    wanted, bits = float(numbers("packet error rate", packet_error)), 8 * float(numbers("length", length))
    need(0 < wanted < 1 and bits > 0, "a packet error rate lies between 0 and 1, a length above 0")
    bit_error = -math.expm1(math.log1p(-wanted) / bits)
    need(bit_error < 0.5, f"a packet of {length} bytes is lost less often than {packet_error:g} without any signal")
    need(bit_error > 0, f"a packet error rate of {packet_error:g} is too small to reckon with")
    return -2 * math.log(2 * bit_error)


def penalty_db(mode: Mode) -> float:
    """What a mode needs more than orthogonal tones: those with h below 1."""
    return radio().half_index.penalty_db if mode.index < 1 else 0.0


def sensitivity_dbm(mode: Mode, packet_error: float, length: int, noise_figure_db: float | None = None) -> float:
    """Weakest signal at which packets of ``length`` bytes are lost with that chance, in noise alone.

    Theory of orthogonal tones: a mode with h = 0.5 needs :func:`penalty_db` more. Raises as :func:`eb_n0_for` does, and
    for a noise figure below 0 dB.
    """
    receiver = radio().receiver
    given = receiver.noise_figure_db if noise_figure_db is None else noise_figure_db
    figure = float(numbers("noise figure", given, least=0.0))
    rate = 10 * math.log10(mode.rate_kbps * 1000)
    ratio = 10 * math.log10(eb_n0_for(packet_error, length))
    return receiver.noise_density_dbm_hz + figure + rate + ratio
