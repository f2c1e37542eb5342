"""The engine with 802.11 constants: throughput of stations that always have something to send.

Bianchi's model of that is printed in many places, so the engine's backoff and collisions can be checked against
figures that nobody here made up (``field-network`` §3.4). All stations hear each other and one receiver; frames that
overlap are lost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twins.field.checks import need
from twins.field.mesh.codes import DELIVERED
from twins.field.mesh.engine import run
from twins.field.mesh.parameters import Mac
from twins.field.mesh.state import Ether, Law, new_packets, new_world
from twins.field.rules.parameters import SECOND

SETTLING = 20

_FOR_EVER = -1
_NO_RULE = Law(pause=0, limit=1 << 62, window=3600 * SECOND, answers_count=False)


class Dcf(NamedTuple):
    """Constants of 802.11's distributed coordination; times in s, payload in bit.

    ``eifs`` is how long all wait after a spoiled frame, its senders too: SIFS + an acknowledgement + DIFS in 802.11 and
    in ns-3's tables "EIFS" (with the mode's own acknowledgement; the standard means the slowest). None: a DIFS.
    """

    window: int
    doublings: int
    slot: float
    sifs: float
    difs: float
    data: float
    ack: float
    payload: int = 12000
    eifs: float | None = None


DSSS_1_MBPS = Dcf(window=32, doublings=5, slot=20e-6, sifs=10e-6, difs=50e-6, data=12.480e-3, ack=304e-6)
"""802.11b at 1 Mb/s with 1500 bytes: the constants of ns-3's table."""


def throughput(dcf: Dcf, stations: int, seconds: float, seed: int) -> float:
    """Payload delivered in Mb/s over so many seconds, once the stations have settled.

    At first all have the smallest window, and collide for a while: :data:`SETTLING` frames a station are left out. A
    sender that is not answered counts on when the others do, a DIFS or an EIFS after the frame. Raises
    :class:`twins.field.checks.FieldError` without stations or time, and for an EIFS below a DIFS.
    """
    need(stations > 0 and seconds > 0, "a saturated channel needs stations and time")
    after_spoiled = dcf.difs if dcf.eifs is None else dcf.eifs
    need(after_spoiled >= dcf.difs, "an EIFS is no shorter than a DIFS")
    settled = SETTLING * stations * dcf.data
    every = int((settled + seconds) / dcf.data / stations * 3) + 100  # more than any station can send
    n = stations + 1
    origin = np.repeat(np.arange(1, n, dtype=np.int64), every)
    nothing = np.zeros(len(origin), dtype=np.int64)
    packets = new_packets(nothing, origin, nothing, nothing + _ns(dcf.data), nothing + dcf.payload)
    parent = np.zeros(n, dtype=np.int64)
    parent[0] = -1
    access = Mac(
        counting=True,
        slot=_ns(dcf.slot),
        first_window=dcf.window,
        doublings=dcf.doublings,
        busy_limit=0,
        retries=_FOR_EVER,
        sense=0,
        level_mw=0.5,
        turnaround=0,
        gap=_ns(dcf.difs),
        ack=_ns(dcf.ack),
        ack_gap=_ns(dcf.sifs),
        ack_wait=_ns(after_spoiled),
        queue=every + 1,
        caution=_ns(after_spoiled) - _ns(dcf.difs),
    )
    world = new_world(deaf_to_overlaps(n), _NO_RULE, access, parent, packets, ack_bits=112)
    run(world, np.random.Generator(np.random.Philox(seed)), _ns(settled + seconds))
    counted = (packets["outcome"] == DELIVERED) & (packets["end"] > _ns(settled))
    return float(counted.sum() * dcf.payload / seconds / 1e6)


def deaf_to_overlaps(nodes: int) -> Ether:
    """One channel on which all hear each other equally: a frame alone is right, an overlap spoils half its bits."""
    return Ether(
        gain_mw=np.ones((nodes, nodes)),
        noise_mw=1e-30,
        ratio=1e-9,
        neighbour=0.0,
        channel=np.zeros((nodes, 1), dtype=np.int16),
        offset=np.zeros(nodes, dtype=np.int64),
        dwell=SECOND,
    )


def _ns(seconds: float) -> int:
    return round(seconds * SECOND)
