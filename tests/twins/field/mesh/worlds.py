"""Small worlds for the tests of the core."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from twins.field.mesh.engine import run
from twins.field.mesh.parameters import Mac
from twins.field.mesh.state import Ether, Ints, Law, Records, World, new_packets, new_world
from twins.field.rules.parameters import SECOND

NO_RULE = Law(pause=0, limit=1 << 62, window=3600 * SECOND, answers_count=False)

AT_ONCE = Mac(
    counting=False,
    slot=0,
    first_window=1,
    doublings=0,
    busy_limit=0,
    retries=0,
    sense=0,
    level_mw=1.0,
    turnaround=0,
    gap=0,
    ack=0,
    ack_gap=0,
    ack_wait=0,
    queue=1 << 40,
)
"""Send when there is something, whoever else sends; nobody acknowledges."""


def quiet(gain_mw: np.ndarray, noise_mw: float = 1.0, ratio: float = 1.0) -> Ether:
    """One channel with the given powers."""
    n = len(gain_mw)
    return Ether(
        gain_mw=np.array(gain_mw, dtype=np.float64),
        noise_mw=noise_mw,
        ratio=ratio,
        neighbour=0.0,
        channel=np.zeros((n, 1), dtype=np.int16),
        offset=np.zeros(n, dtype=np.int64),
        dwell=SECOND,
    )


def play(
    ether: Ether,
    mac: Mac,
    parent: list[int],
    at: ArrayLike,
    origin: ArrayLike,
    *,
    air: int,
    bits: int,
    law: Law = NO_RULE,
    seed: int = 1,
    until: int = 1 << 60,
    log: int = 0,
    target: Ints | None = None,
) -> tuple[Records, World]:
    """Let packets to the root run; returns them and the world."""
    n = len(np.asarray(at))
    packets = new_packets(
        np.asarray(at, dtype=np.int64),
        np.asarray(origin, dtype=np.int64),
        np.zeros(n, dtype=np.int64) if target is None else np.asarray(target, dtype=np.int64),
        np.full(n, air, dtype=np.int64),
        np.full(n, bits, dtype=np.int64),
    )
    world = new_world(ether, law, mac, np.array(parent, dtype=np.int64), packets, 100, log)
    run(world, np.random.Generator(np.random.Philox(seed)), until)
    return packets, world
