"""On which channel a receiver listens at a time: each node walks through the channels in its own random order.

The direct hash function of FAN (DH1CF) spreads receivers evenly over the channels; here a hash of (seed, node, dwell)
does, and the order repeats after :data:`PERIOD` dwells. The receiver's own offset in time makes dwells begin apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.checks import need, whole
from twins.random import mix32, salt, unit

PERIOD = 1024
"""Dwells until a node's order repeats: 4.4 minutes at 255 ms."""


class Hopping(NamedTuple):
    """``channel[node, dwell % PERIOD]`` counts the usable channels from 0; ``offset`` is when dwell 0 begins, in s."""

    channel: NDArray[np.int16]
    offset: NDArray[np.float64]
    dwell: float

    def at(self, node: NDArray[np.int64], seconds: NDArray[np.float64]) -> NDArray[np.int16]:
        """Channels that nodes listen on at times (same shape)."""
        number = np.floor((seconds - self.offset[node]) / self.dwell).astype(np.int64) % PERIOD
        return self.channel[node, number]


def hopping(seed: int, nodes: int, channels: int, dwell: float) -> Hopping:
    """The orders of ``nodes`` nodes over ``channels`` channels (1: nobody hops), ``dwell`` seconds on each."""
    need(nodes > 0, "a field has at least one node")
    count = whole("the channels of a field", channels, least=1, most=np.iinfo(np.int16).max)
    need(dwell > 0, "a dwell takes some time")
    node = np.arange(nodes, dtype=np.uint32)[:, None]
    hashes = mix32(mix32(node ^ salt(seed, "hop")) ^ np.arange(PERIOD, dtype=np.uint32)[None, :])
    offset = unit(mix32(node[:, 0] ^ salt(seed, "hop offset"))) * dwell
    return Hopping((hashes % np.uint32(count)).astype(np.int16), offset, dwell)
