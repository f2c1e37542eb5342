"""Reactive registers as a function of the active ones: nothing to remember, nothing to walk through.

A register of reactive energy that was summed interval by interval could only be known by summing again from the first
interval on. So the rule stands on *energy* instead of time: of every block of active Wh (``block_wh``) a stretch of the
home's own length, at a place that a hash of (meter, block) gives, is capacitive and counts into -R; the rest is
inductive and counts into +R with a tangent that wanders. Full blocks are a multiplication, so a register is had from
the active register alone, at any instant, past or present. Hence reactive registers never fall, agree at every
resolution, and go back with the active ones. Import and export have tangents of their own and count into the same
two registers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.meter.noise import Ints, between, wander, wander_slope
from twins.meter.parameters import OTHER_CLASS, ReactiveParameters, Tangents
from twins.random import mix32, salt

PER_MILLE = 1000


class Tendency(NamedTuple):
    """A home's own tangents, each ``(n, 2)``: import, export. Tangents per mille, stretch in Wh of a block."""

    key: NDArray[np.uint32]
    inductive: Ints
    capacitive: Ints
    stretch: Ints


class ReactiveModel:
    """The rule with the draws of a seed; ``load_classes`` are the fleet's names in its order."""

    def __init__(self, parameters: ReactiveParameters, seed: int, load_classes: tuple[str, ...]) -> None:
        self._block, self._spacing = parameters.block_wh, parameters.wander_wh
        self._amplitude = round(parameters.wander_part * parameters.wander_wh)
        imported = [parameters.imported.get(name, parameters.imported[OTHER_CLASS]) for name in load_classes]
        (exported,) = parameters.exported.values()
        self._ranges = np.array([[self._range(i), self._range(exported)] for i in imported])  # (classes, 2, 3, 2)
        self._salts = np.array(
            [[salt(seed, "reactive", direction, n) for n in range(4)] for direction in ("import", "export")],
            dtype=np.uint32,
        )

    def _range(self, tangents: Tangents) -> list[tuple[int, int]]:
        low, high = tangents.capacitive_share
        return [tangents.inductive, tangents.capacitive, (round(low * self._block), round(high * self._block))]

    def tendencies(self, keys: NDArray[np.uint32], load_class: NDArray[np.intp]) -> Tendency:
        """Draw the tangents of some homes."""
        bits = mix32(self._salts ^ keys[:, None, None])  # (n, 2, 4)
        drawn = between(bits[..., :3], *np.moveaxis(self._ranges[load_class], -1, 0))
        return Tendency(bits[..., 3], drawn[..., 0], drawn[..., 1], drawn[..., 2])

    def registers(self, own: Tendency, active_wh: Ints) -> Ints:
        """+R and -R in varh, ``(n, m, 2)``, out of active registers ``(n, m, 2)`` (import, export; Wh)."""
        key, tangent = own.key[:, None], own.inductive[:, None]
        capacitive_wh, _ = self._capacitive(own, active_wh)
        inductive_wh = active_wh - capacitive_wh
        moved = inductive_wh + wander(key, inductive_wh, self._spacing, self._amplitude) + self._amplitude
        plus = (moved * tangent // PER_MILLE).sum(axis=-1)
        minus = (capacitive_wh * own.capacitive[:, None] // PER_MILLE).sum(axis=-1)
        return np.stack([plus, minus], axis=-1)

    def tangents(self, own: Tendency, active_wh: Ints) -> Ints:
        """Per mille of active power that is reactive just now, ``(n, m, 2)`` by direction; negative when capacitive."""
        key, tangent = own.key[:, None], own.inductive[:, None]
        capacitive_wh, now = self._capacitive(own, active_wh)
        inductive_wh = active_wh - capacitive_wh
        slope = wander_slope(key, inductive_wh, self._spacing, self._amplitude, PER_MILLE)
        return np.where(now, -own.capacitive[:, None], tangent * (PER_MILLE + slope) // PER_MILLE)

    def _capacitive(self, own: Tendency, active_wh: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """Capacitive Wh up to each register, and whether the next Wh is."""
        stretch = own.stretch[:, None]
        block = active_wh // self._block
        place = active_wh - block * self._block
        since = place - between(mix32(mix32(block.astype(np.uint32)) ^ own.key[:, None]), 0, self._block - stretch)
        within = (since >= 0) & (since < stretch)
        return block * stretch + np.minimum(np.maximum(since, 0), stretch), within
