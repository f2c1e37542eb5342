"""What a simulation is made of: arrays over nodes and over packets. The core works on nothing else.

A node sends one frame at a time, so what is on the air is kept by sender. Times are whole ns since its begin.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.mesh.parameters import Mac
from twins.field.rules.sliding import rings

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Records = NDArray[np.void]

# What a node does.
IDLE, WAITING, LISTENING, TURNING, SENDING, AWAITING = range(6)

# What became of a packet. The first is for packets that are under way when the simulation ends.
UNDER_WAY, DELIVERED, NO_ROUTE, WEAK, COLLISION, DEAF, ACCESS, QUEUE, AIR_TIME = range(9)
OUTCOMES = (
    "under way",
    "delivered",
    "no route",
    "signal too weak",
    "collision",
    "receiver busy with another frame",
    "channel never free",
    "queue full",
    "air time used up",
)
"""Names of the outcomes, in the order of their numbers."""

NOBODY = -1

ON_AIR, LOGGED = range(2)  # places in World.counts


class Ether(NamedTuple):
    """What holds for the whole air. ``gain_mw[a, b]``: power of a at b in mW; ``ratio``: Eb/N0 of an SINR of 1."""

    gain_mw: Floats
    noise_mw: float
    ratio: float
    neighbour: float  # part of a sender's power that is heard on the next channel
    channel: NDArray[np.int16]  # (nodes, period): where each node listens, by dwell
    offset: Ints
    dwell: int


class Law(NamedTuple):
    """What the air-time rule leaves to the core."""

    pause: int
    limit: int
    window: int
    answers_count: bool


NODE = np.dtype(
    [
        ("state", np.int64),
        ("parent", np.int64),  # next hop towards the root; NOBODY at the root and where there is none
        ("packet", np.int64),  # being sent, or NOBODY
        ("tries", np.int64),
        ("stage", np.int64),  # how often the window has doubled
        ("refused", np.int64),  # busy channels in a row
        ("tuned", np.int64),  # channel it listens or sends on
        ("slots", np.int64),  # left to count
        ("since", np.int64),  # when counting began
        ("expiry", np.int64),  # when counting ends; NOBODY while it is held
        ("free_from", np.int64),  # when the channel became free
        ("token", np.int64),  # a timer with another token is void
        ("loud", np.bool_),  # the channel was busy while listening
        ("hearing", np.int64),  # sender of the frame being received, or NOBODY
        ("answers_until", np.int64),  # an acknowledgement is due or being sent
        ("head", np.int64),  # first and last packet of the queue
        ("tail", np.int64),
        ("queued", np.int64),
        ("cause", np.int64),  # why the last try failed
        ("governed", np.bool_),  # waits for the air-time rule
        ("rested", np.int64),  # end of the pause
        ("air", np.int64),  # ns sent, acknowledgements included
        ("sent", np.int64),  # data frames
        ("acked", np.int64),
        ("busy", np.int64),  # channels found busy
    ],
    align=True,
)
"""What a node is and does."""

FRAME = np.dtype(
    [
        ("to", np.int64),
        ("channel", np.int64),
        ("answer", np.bool_),  # an acknowledgement
        ("packet", np.int64),
        ("heard", np.bool_),  # its receiver follows it
        ("settled", np.int64),  # until when the chance is reckoned
        ("bit_rate", np.float64),  # bits that must be right, for each ns
        ("chance", np.float64),  # logarithm of the chance that all bits so far are right
        ("alone", np.float64),  # the same without interference
    ],
    align=True,
)
"""What is on the air, by sender."""

PACKET = np.dtype(
    [
        ("at", np.int64),
        ("origin", np.int64),
        ("target", np.int64),
        ("air", np.int64),  # ns of a frame that carries it
        ("bits", np.int64),  # that must be right
        ("holder", np.int64),
        ("next", np.int64),  # behind it in a queue
        ("hops", np.int64),
        ("tries", np.int64),
        ("outcome", np.int64),
        ("end", np.int64),  # when it was delivered or lost
        ("lost_at", np.int64),  # the node that lost it
    ],
    align=True,
)
"""A packet; they come in the order of their time."""

SENT = np.dtype(
    [
        ("sender", np.int64),
        ("begin", np.int64),
        ("end", np.int64),
        ("answer", np.bool_),
    ],
    align=True,
)
"""A frame that was sent."""


class World(NamedTuple):
    """All that the core works on."""

    ether: Ether
    law: Law
    mac: Mac
    nodes: Records  # of NODE
    frames: Records  # of FRAME, by sender
    packets: Records  # of PACKET
    log: Records  # of SENT; frames beyond its length are not noted
    active: Ints  # who is on the air, in no order
    counts: Ints  # how many are on the air, how many frames are in the log
    bins: Ints  # the air-time rule's sliding sums
    newest: Ints
    ack_bits: int  # that must be right of an acknowledgement


def new_world(ether: Ether, law: Law, mac: Mac, parent: Ints, packets: Records, ack_bits: int, log: int = 0) -> World:
    """A world in which nothing has been sent yet; ``log``: room for so many frames."""
    n = len(parent)
    nodes = np.zeros(n, dtype=NODE)
    nodes["parent"] = parent
    for name in ("packet", "hearing", "head", "tail", "expiry"):
        nodes[name] = NOBODY
    bins, newest = rings(n)
    return World(
        ether=ether,
        law=law,
        mac=mac,
        nodes=nodes,
        frames=np.zeros(n, dtype=FRAME),
        packets=packets,
        log=np.zeros(log, dtype=SENT),
        active=np.zeros(n, dtype=np.int64),
        counts=np.zeros(2, dtype=np.int64),
        bins=bins,
        newest=newest,
        ack_bits=ack_bits,
    )


def new_packets(at: Ints, origin: Ints, target: Ints, air: Ints, bits: Ints) -> Records:
    """Packets that have not begun their way, as PACKET records; ``at`` must not fall."""
    packets = np.zeros(len(at), dtype=PACKET)
    for name, values in (("at", at), ("origin", origin), ("target", target), ("air", air), ("bits", bits)):
        packets[name] = values
    packets["holder"] = origin
    for name in ("next", "end", "lost_at"):
        packets[name] = NOBODY
    return packets
