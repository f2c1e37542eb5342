"""What a simulation is made of: arrays over nodes and over packets. The core works on nothing else.

A node sends one frame at a time and follows one at a time, so what is on the air is kept by sender, and how well it is
received by receiver. Times are whole ns since the simulation's begin.
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.mesh.codes import (
    ARRIVALS,
    KINDS,
    NOBODY,
    OPERATIONAL,
    POOL,
    PROBE,
    SPENT,
    TRAFFIC,
    UNDER_WAY,
)
from twins.field.mesh.parameters import Mac
from twins.field.mesh.records import (
    CANDIDATE,
    CHANGING,
    FLOODED,
    FRAME,
    JAMMER,
    LIMITS,
    NODE,
    PACE,
    PACKET,
    SENT,
    SIZE,
    STEP,
    TIMER,
)
from twins.field.rules.sliding import rings

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Records = NDArray[np.void]

TIMERS = 6
"""Trickle timers of a node: one for each kind of packet from PAS to DIO."""

CANDIDATES = 5
"""Neighbours that a node keeps in mind as parents (rpl_mrhof.c)."""

QUANTILES = 4096

AUDIBLE = 2.0
"""Eb/N0 below which even the shortest frame is never received: such nodes are not asked whether they heard one."""


class Ether(NamedTuple):
    """What holds for the whole air. ``gain_mw[a, b]``: power of a at b in mW; ``ratio``: Eb/N0 of an SINR of 1."""

    gain_mw: Floats
    noise_mw: float
    ratio: float
    neighbour: float  # part of a sender's power that is heard on the next channel
    channel: NDArray[np.int16]  # (nodes, period): where each node listens, by dwell
    offset: Ints
    dwell: int
    interval: int = 0  # every so often all nodes listen on one channel together; 0: never
    together: int = 0  # for so long
    common: NDArray[np.int16] = np.zeros(1, dtype=np.int16)  # which channel that is, by interval
    channels: int = 1
    fading_db: float = 0.0  # standard deviation of the slow fading of a link
    fading_time: int = 1
    fading_key: int = 0


class Law(NamedTuple):
    """What the air-time rule leaves to the core."""

    pause: int
    limit: int
    window: int
    answers_count: bool


class Jammers(NamedTuple):
    """Who disturbs, and how loud each is at each node; see :mod:`twins.field.mesh.disturbances`."""

    state: Records  # of JAMMER
    gain_mw: Floats  # (jammers, nodes)
    heard_mw: Floats  # the other way: of nodes at jammers
    channels: NDArray[np.bool_]  # (jammers, channels)


class Protocols(NamedTuple):
    """What the network says about itself; see :mod:`twins.field.mesh.protocols`."""

    living: bool  # False: nodes stand on a settled tree, and nothing below is sent
    trickle: Records  # of PACE, by timer
    steps: Records  # of STEP: the messages of all exchanges
    exchanges: Ints  # where each exchange begins in it, and where the last one ends
    sizes: Records  # of SIZE: air time and bits by kind of packet
    limits: Records  # of LIMITS, one


class World(NamedTuple):
    """All that the core works on."""

    ether: Ether
    law: Law
    mac: Mac
    gain_mw: Floats  # as it is now; the ether's is the usual one
    near: Ints  # who may hear whom: of node n, near[first[n]:first[n + 1]]
    first: Ints
    nodes: Records  # of NODE
    frames: Records  # of FRAME, by sender
    packets: Records  # of PACKET
    log: Records  # of SENT; frames beyond its length are not noted
    active: Ints  # who is on the air, in no order
    ears: Ints  # who is receiving, in no order
    counts: Ints
    bins: Ints  # the air-time rule's sliding sums
    newest: Ints
    ack_bits: int  # that must be right of an acknowledgement
    jammers: Jammers
    changes: Records  # of CHANGING, in the order of their time
    floods: Records  # (blocks, nodes) of FLOODED
    protocols: Protocols
    timers: Records  # (nodes, timers) of TIMER
    candidates: Records  # (nodes, places) of CANDIDATE
    normal: Floats  # quantiles of the normal distribution


def new_packets(
    at: Ints,
    origin: Ints,
    target: Ints,
    air: Ints,
    bits: Ints,
    *,
    kind: Ints | int = 0,
    rank: Ints | int = 0,
    reply: Ints | int = NOBODY,
    unless: Ints | int = NOBODY,
    word: Ints | int = 0,
) -> Records:
    """Packets that have not begun their way, as PACKET records; ``at`` must not fall, replies have ``at`` NOBODY."""
    packets = np.zeros(len(at), dtype=PACKET)
    given = {"at": at, "origin": origin, "target": target, "air": air, "bits": bits}
    for name, values in {**given, "kind": kind, "rank": rank, "reply": reply, "unless": unless, "word": word}.items():
        packets[name] = values
    packets["holder"] = origin
    packets["outcome"] = UNDER_WAY
    for name in ("next", "end", "lost_at", "lost_to", "subject"):
        packets[name] = NOBODY
    return packets


def new_nodes(parent: Ints) -> Records:
    """Nodes at rest on a settled tree, as NODE records."""
    nodes = np.zeros(len(parent), dtype=NODE)
    nodes["parent"] = nodes["told"] = parent
    nodes["join"] = OPERATIONAL
    for name in ("packet", "to", "hearing", "head", "tail", "expiry", "sweep", "exchange", "via", "joined_at"):
        nodes[name] = NOBODY
    return nodes


@cache
def _normal() -> Floats:
    normal = NormalDist()
    return np.array([normal.inv_cdf((k + 0.5) / QUANTILES) for k in range(QUANTILES)])


def audible(ether: Ether) -> tuple[Ints, Ints]:
    """Who may hear whom, as World's ``near`` and ``first``; three deviations of fading are allowed for."""
    least = AUDIBLE * ether.noise_mw / ether.ratio * 10 ** (-0.3 * ether.fading_db)
    linked = ether.gain_mw > least
    np.fill_diagonal(linked, False)
    first = np.zeros(len(linked) + 1, dtype=np.int64)
    np.cumsum(linked.sum(axis=1), out=first[1:])
    return np.nonzero(linked)[1].astype(np.int64), first


def no_jammers(nodes: int) -> Jammers:
    """Nobody disturbs."""
    nobody = np.zeros((0, nodes))
    return Jammers(np.zeros(0, dtype=JAMMER), nobody, nobody, np.zeros((0, 1), dtype=np.bool_))


def no_changes() -> Records:
    """Nothing changes."""
    return np.zeros(0, dtype=CHANGING)


def silent() -> Protocols:
    """A settled network that says nothing about itself."""
    return Protocols(
        living=False,
        trickle=np.zeros(TIMERS, dtype=PACE),
        steps=np.zeros(0, dtype=STEP),
        exchanges=np.zeros(1, dtype=np.int64),
        sizes=np.zeros(PROBE + 1, dtype=SIZE),
        limits=np.zeros(1, dtype=LIMITS),
    )


def new_world(
    ether: Ether,
    law: Law,
    mac: Mac,
    parent: Ints,
    packets: Records,
    ack_bits: int,
    log: int = 0,
    *,
    jammers: Jammers | None = None,
    changes: Records | None = None,
    blocks: int = 0,
    protocols: Protocols | None = None,
    pool: int = 0,
) -> World:
    """A world in which nothing has been sent yet.

    ``log``: room for so many frames; ``blocks``: how many are flooded; ``pool``: room for the network's own packets.
    """
    n = len(parent)
    bins, newest = rings(n)
    counts = np.zeros(SPENT + KINDS, dtype=np.int64)
    counts[ARRIVALS] = (packets["at"] >= 0).sum()
    counts[TRAFFIC] = counts[POOL] = len(packets)
    changed = no_changes() if changes is None else changes
    near, first = audible(ether)
    heard_of = np.zeros((n, CANDIDATES), dtype=CANDIDATE)
    heard_of["who"] = NOBODY
    floods = np.zeros((blocks, n), dtype=FLOODED)
    floods["at"] = NOBODY
    return World(
        ether=ether,
        law=law,
        mac=mac,
        gain_mw=ether.gain_mw.copy() if len(changed) else ether.gain_mw,
        near=near,
        first=first,
        nodes=new_nodes(parent),
        frames=np.zeros(n, dtype=FRAME),
        packets=np.concatenate([packets, np.zeros(pool, dtype=PACKET)]) if pool else packets,
        log=np.zeros(log, dtype=SENT),
        active=np.zeros(n, dtype=np.int64),
        ears=np.zeros(n, dtype=np.int64),
        counts=counts,
        bins=bins,
        newest=newest,
        ack_bits=ack_bits,
        jammers=no_jammers(n) if jammers is None else jammers,
        changes=changed,
        floods=floods,
        protocols=silent() if protocols is None else protocols,
        timers=np.zeros((n, TIMERS), dtype=TIMER),
        candidates=heard_of,
        normal=_normal(),
    )
