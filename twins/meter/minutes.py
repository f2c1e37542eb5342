"""A half-hour cut into its minutes: exact sums, plausible shapes, never above the contract.

The shape is a mixture: a level part, and appliances that switch on and off, drawn from a hash of (meter, slot).
The mixture is cumulated as a fraction of whole numbers and only then cut to mWh and Wh, so

* the minutes of a half-hour sum to its Wh exactly, and 5- and 15-minute values are sums of minutes;
* the part of the appliances is bounded by the room under the contract: the mean power of a minute never exceeds
  contract ampere × 100 V × legs, and a minute counts at most that energy rounded up to whole Wh.

Export is what a generator's steady output leaves after the same appliances: their shape upside down. All arithmetic is
on integers, elementwise over homes and slots.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from protocols.slots import SLOTS_PER_DAY, slot_of_day
from twins.meter.noise import Ints, between
from twins.meter.parameters import MinuteParameters, minute_parameters
from twins.random import mix32, salt

MINUTES = 30
"""Minutes in a slot."""

MWH = 1000
"""mWh in a Wh."""

_MINUTE = np.arange(MINUTES)
_EDGES = np.arange(MINUTES + 1)
_PARTS = 256  # resolution of the mixture
_BYTE = np.uint32(0xFF)


class MinuteModel:
    """The tables of ``minutes.toml`` as arrays over runs ``R`` and cycles ``C``, with the salts of a seed."""

    def __init__(self, parameters: MinuteParameters, seed: int) -> None:
        runs, cycles = parameters.run.values(), parameters.cycle.values()
        self._most = round(parameters.switched.most * _PARTS)
        self._run_salts = np.array([salt(seed, "run", name) for name in parameters.run], dtype=np.uint32)
        self._chance = np.zeros((SLOTS_PER_DAY, len(runs)), dtype=np.uint32)
        for number, run in enumerate(runs):
            self._chance[2 * run.hours[0] : 2 * run.hours[1], number] = round(run.chance * _PARTS)
        self._run_watts = np.array([run.watts for run in runs], dtype=np.int64).reshape(-1, 2)
        self._run_minutes = np.array([run.minutes for run in runs], dtype=np.int64).reshape(-1, 2)
        purposes = ("watts", "period", "duty", "phase")
        self._cycle_salts = np.array(
            [[salt(seed, "cycle", name, purpose) for purpose in purposes] for name in parameters.cycle], dtype=np.uint32
        ).reshape(-1, len(purposes))
        self._cycle_watts = np.array([cycle.watts for cycle in cycles], dtype=np.int64).reshape(-1, 2)
        self._cycle_period = np.array([cycle.period for cycle in cycles], dtype=np.int64).reshape(-1, 2)
        per_mille = [[round(1000 * part) for part in cycle.duty] for cycle in cycles]
        self._cycle_duty = np.array(per_mille, dtype=np.int64).reshape(-1, 2)

    def switched_watts(self, keys: NDArray[np.uint32], slots: Ints) -> Ints:
        """Watts of the appliances that are on, ``(n, m, 30)``, for keys ``(n,)`` and slots ``(m,)``."""
        return self._runs(keys, slots) + self._cycles(keys, slots)

    def cumulative(self, watts: Ints, wh: Ints, bound_wh: Ints, *, upside_down: bool = False) -> Ints:
        """mWh since the begin of each half-hour at its minutes' edges, ``(n, m, 31)``: 0 … 1000 × ``wh``.

        ``watts`` (n, m, 30) of switched appliances, ``wh`` (n, m) the half-hour's energy, ``bound_wh`` (n,) or a scalar
        the most that a half-hour may have. ``upside_down`` for export: appliances lower it.
        """
        shape = watts.max(axis=-1, keepdims=True) - watts if upside_down else watts
        total, peak = shape.sum(axis=-1), shape.max(axis=-1)
        part = self._part(total, peak, wh, np.asarray(bound_wh).reshape(-1, 1))
        weight = np.maximum(total, 1)
        level = ((_PARTS - part) * weight)[..., None] * _EDGES
        level[..., 1:] += (part * MINUTES)[..., None] * shape.cumsum(axis=-1)
        level *= wh[..., None] * MWH
        level //= (_PARTS * MINUTES) * weight[..., None]
        return np.asarray(level)

    def _part(self, total: Ints, peak: Ints, wh: Ints, bound_wh: Ints) -> Ints:
        """Part (of 256) of the energy that lies in the shape: what its watts take, as far as the contract allows."""
        taken = _PARTS * total // np.maximum(60 * wh, 1)
        room = _PARTS * (bound_wh - wh) * total // np.maximum(wh * (MINUTES * peak - total), 1)
        return np.asarray(np.minimum(np.minimum(taken, room), self._most))

    def _runs(self, keys: NDArray[np.uint32], slots: Ints) -> Ints:
        """A run's hash gives its 8 top bits to the chance and 8 each to begin, length and watts."""
        bits = mix32(mix32(slots.astype(np.uint32)[:, None] ^ self._run_salts) ^ keys[:, None, None])  # (n, m, R)
        happens = (bits >> np.uint32(24)) < self._chance[slot_of_day(slots)]
        length = _of_byte(bits >> np.uint32(8), self._run_minutes[:, 0], self._run_minutes[:, 1])
        # Runs over the edges of a half-hour are cut, and all begins are alike: no minute is more likely than another.
        begin = _of_byte(bits >> np.uint32(16), 1 - length, MINUTES - 1)
        watts = _of_byte(bits, self._run_watts[:, 0], self._run_watts[:, 1]) * happens
        since = _MINUTE - begin[..., None]
        on = (since >= 0) & (since < length[..., None])
        return np.asarray((on * watts[..., None]).sum(axis=-2))

    def _cycles(self, keys: NDArray[np.uint32], slots: Ints) -> Ints:
        bits = mix32(self._cycle_salts ^ keys[:, None, None])  # (n, C, 4)
        watts = between(bits[..., 0], *self._cycle_watts.T)
        period = between(bits[..., 1], *self._cycle_period.T)
        lasts = period * between(bits[..., 2], *self._cycle_duty.T) // 1000
        phase = between(bits[..., 3], 0, period - 1)
        minute = slots[:, None] * MINUTES + _MINUTE  # (m, 30), of the epoch: a cycle runs on over the half-hour's end
        place = (minute + phase[..., None, None]) % period[..., None, None]  # (n, C, m, 30)
        on = place < lasts[..., None, None]
        return np.asarray((on * watts[..., None, None]).sum(axis=1))


@cache
def minute_model(seed: int) -> MinuteModel:
    """The model of the data file that ships, for a seed."""
    return MinuteModel(minute_parameters(), seed)


def minute_wh(cumulative: Ints) -> Ints:
    """Whole Wh of each minute out of cumulative mWh: ``(…, 31)`` to ``(…, 30)``; they sum to the whole."""
    return np.diff(cumulative // MWH, axis=-1)


def _of_byte(hashes: NDArray[np.uint32], low: Ints | int, high: Ints | int) -> Ints:
    """Whole numbers ``low … high`` from the low byte of hashes."""
    return np.asarray(low + (((hashes & _BYTE).astype(np.int64) * (high - low + 1)) >> 8))
