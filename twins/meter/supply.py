"""The electrical side of a service: its two legs and their voltage by the minute, its power by the second.

None of it is remembered or drawn in order; everything moves slowly along hashed knots (see :mod:`twins.meter.noise`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.meter.noise import Ints, wander
from twins.meter.parameters import ElectricParameters
from twins.random import mix32, salt

PER_MILLE = 1000
_DAY_MINUTES = 1440
_JST_MINUTES = 540
_HALF_MINUTE = 30  # seconds
_TOP = 0xFFFF
_RIPPLES = 1 << 12


class Legs(NamedTuple):
    """Minutes of some services, ``(n, m, 2)`` by leg R and T: part of the power (per mille), and mV under that load."""

    share: Ints
    voltage_mv: Ints


class Supply:
    """Legs, voltages and seconds of any homes, from their keys, with the salts of a seed.

    Minutes are counted from the epoch. A *neighbourhood* is the key of what stands behind one transformer; here a
    concentrator's meters.
    """

    def __init__(self, parameters: ElectricParameters, seed: int) -> None:
        voltage = parameters.voltage
        self._spread = parameters.power.spread
        self._service_mohm, self._nominal_mv = voltage.service_mohm, voltage.nominal_mv
        self._spacing = voltage.wander_minutes
        self._fixed_mv = voltage.concentrator_mv
        # Evaluated together: three movements of a home (R leg, T leg, share of R) and one of its neighbourhood.
        self._amplitudes = np.array([voltage.own_mv, voltage.own_mv, parameters.legs.wander, voltage.wander_mv])
        self._salts = np.array([salt(seed, "supply", n) for n in range(4)], dtype=np.uint32)
        self._ripple_salt = salt(seed, "ripple")
        # Deviations of seconds in 1 / 65535 of what is allowed; every minute reads 30 of them from a place of its own.
        place = np.arange(_RIPPLES + _HALF_MINUTE, dtype=np.uint32)
        self._ripples = 2 * (mix32(place ^ self._ripple_salt) >> np.uint32(16)).astype(np.int64) - _TOP
        self._by_minute = _by_minute(voltage.by_hour_mv)

    def ripples(self, keys: NDArray[np.uint32], minutes: Ints) -> Ints:
        """Place of each minute's seconds in the table of deviations, ``(n, m)``."""
        return mix32(mix32(minutes.astype(np.uint32) ^ self._ripple_salt) ^ keys[:, None]).astype(np.int64) % _RIPPLES

    def at_second(self, watts: Ints, ripple: Ints, limit_w: Ints, second: int) -> Ints:
        """Power of one second, ``(n,)`` W, out of its minute's mean power and ripple; ``second`` 0 … 59.

        Opposite seconds of a minute deviate by the same W to opposite sides, so sixty of them give the minute's mean
        exactly; no second exceeds the limit or changes the sign.
        """
        size = np.abs(watts)
        room = np.maximum(np.minimum(size * self._spread // PER_MILLE, limit_w - size), 0)
        deviation = room * self._ripples[ripple + second % _HALF_MINUTE] // _TOP
        return np.asarray(watts + deviation if second < _HALF_MINUTE else watts - deviation)

    def legs(
        self, keys: NDArray[np.uint32], neighbourhood: NDArray[np.uint32], r_share: Ints, minutes: Ints, watts: Ints
    ) -> Legs:
        """The legs in ``minutes`` (m,) of a mean power of ``watts`` (n, m).

        ``r_share`` (n,) is the home's own per mille on leg R; a 2-wire service has all 1000 there, and its T leg means
        nothing.
        """
        own = np.repeat(keys[:, None], 4, axis=1)
        own[:, 3] = neighbourhood
        moves = wander((self._salts ^ own)[:, None], minutes[:, None], self._spacing, self._amplitudes)  # (n, m, 4)
        on_r = r_share[:, None] + np.where(r_share[:, None] < PER_MILLE, moves[..., 2], 0)
        share = np.stack([on_r, PER_MILLE - on_r], axis=-1)
        tap = (mix32(neighbourhood ^ self._salts[3]) >> np.uint32(16)).astype(np.int64) * (2 * self._fixed_mv) // _TOP
        common = self._nominal_mv - self._fixed_mv + tap[:, None] + moves[..., 3]
        common += self._by_minute[(minutes + _JST_MINUTES) % _DAY_MINUTES]
        drop = watts[..., None] * share * self._service_mohm // self._nominal_mv  # W × per mille × mΩ / mV = mV
        return Legs(share, common[..., None] + moves[..., :2] - drop)


def _by_minute(by_hour: list[int]) -> Ints:
    """Hourly values at minutes, in straight lines between the middles of the hours, around midnight."""
    minute = np.arange(_DAY_MINUTES) - 30
    hour, rest = minute // 60 % 24, minute % 60
    values = np.array(by_hour, dtype=np.int64)
    return np.asarray((values[hour] * (60 - rest) + values[(hour + 1) % 24] * rest) // 60)
