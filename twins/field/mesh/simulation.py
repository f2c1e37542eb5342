"""Level (a) from outside: a network out of a link table, traffic, and what became of it.

Same network, traffic and seed: same result, to the last nanosecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.checks import MOST_DBM, MOST_SECONDS, need, numbers, whole
from twins.field.mesh.codes import (
    ACKS,
    BLOCK,
    DATA,
    DELIVERED,
    KINDS,
    LOGGED,
    NOBODY,
    OFF,
    OUTCOMES,
    RANKS,
    READING,
    SPARED,
    SPENT,
    TRAFFIC,
    UNSENT,
)
from twins.field.mesh.disturbances import Jammer, Outage, Shade, change_records, jammer_records
from twins.field.mesh.engine import run
from twins.field.mesh.parameters import Mac, mac, mac_table
from twins.field.mesh.protocols import figures, protocols
from twins.field.mesh.state import Ether, Law, Records, World, new_packets, new_world
from twins.field.mesh.tree import Tree, build_tree, candidates, mrhof
from twins.field.physics.fsk import penalty_db
from twins.field.physics.hopping import hopping
from twins.field.physics.noise import noise_dbm
from twins.field.physics.parameters import Mode, phy_modes, radio
from twins.field.physics.phy import (
    ack_seconds,
    bandwidth_hz,
    channels,
    frame_seconds,
    mode,
    plan_of,
    unit_backoff_seconds,
)
from twins.field.rules.parameters import MICROSECOND, MILLISECOND, SECOND, Rule, rule
from twins.random import mix32, salt

POOL = 4096
"""Places for the network's own packets, and a few for each node on top."""


class Network(NamedTuple):
    """A mesh: node 0 is the root, the concentrator. ``tree`` is the cheapest, on which nodes settle.

    ``candidates``: the neighbours that its nodes keep in mind.
    """

    mode: Mode
    rule: Rule
    ether: Ether
    law: Law
    mac: Mac
    tree: Tree
    candidates: Records  # of CANDIDATE


class Traffic(NamedTuple):
    """Packets in the order of their time: seconds, from and to which node (0: the root), bytes of PSDU.

    ``kind``: DATA, or BLOCK for what the root floods (its target is 0). ``reply``: place of the packet that the target
    sends when it has this one; such packets stand at the end with time -1. ``unless``: place of a packet; when it has
    come, this one is not sent. ``group``: traffic class, which gives its rank in queues.
    """

    at: NDArray[np.float64]
    origin: NDArray[np.int64]
    target: NDArray[np.int64]
    psdu: NDArray[np.int64]
    kind: NDArray[np.int64] | int = DATA
    reply: NDArray[np.int64] | int = NOBODY
    unless: NDArray[np.int64] | int = NOBODY
    group: NDArray[np.int64] | int = READING


class Conditions(NamedTuple):
    """What surrounds a mesh while it is simulated.

    ``jammer_dbm`` (jammers, nodes): power of jammers at nodes. ``living``: nodes tell each other about the network and
    learn ETX; ``cold``: they must join first. Outages need a living network.
    """

    jammers: Sequence[Jammer] = ()
    jammer_dbm: NDArray[np.float64] | None = None
    shades: Sequence[Shade] = ()
    outages: Sequence[Outage] = ()
    living: bool = False
    cold: bool = False


class Outcome(NamedTuple):
    """What became of traffic. Arrays over the packets in the order of the traffic, then over the nodes."""

    outcome: NDArray[np.int64]  # place in OUTCOMES
    delay: NDArray[np.float64]  # s until it arrived; infinite for what did not
    hops: NDArray[np.int64]
    tries: NDArray[np.int64]  # frames sent for it
    lost_at: NDArray[np.int64]  # the node that gave it up; -1
    lost_to: NDArray[np.int64]  # the node that did not get it from there; -1
    begun: NDArray[np.float64]  # s, when it was sent first; -1 for replies that nobody asked for
    air: NDArray[np.float64]  # s that each node has sent
    flooded: NDArray[np.float64]  # (blocks, nodes) s, when each node had each block; infinite for never
    nodes: Records
    log: Records  # of SENT
    jammer_air: NDArray[np.float64]  # s
    unsent: int  # of the network's own packets, for want of places
    spent: NDArray[np.float64]  # s on the air by kind of packet, all nodes together
    acks: float  # s of acknowledgements
    events: int

    @property
    def delivered(self) -> NDArray[np.bool_]:
        """Which packets arrived."""
        return np.asarray(self.outcome == DELIVERED)

    def losses(self) -> dict[str, int]:
        """How many packets did not arrive, by reason; reasons that did not occur are left out."""
        counts = np.bincount(self.outcome, minlength=len(OUTCOMES))
        return {OUTCOMES[k]: int(c) for k, c in enumerate(counts) if c and k not in (DELIVERED, SPARED)}


def network(
    received_dbm: NDArray[np.float64],
    seed: int,
    *,
    mode_name: str = "2b",
    mac_name: str = "fan",
    rule_kind: str = "short",
    spread: float = 0.0,
    level_dbm: float | None = None,
    channel_count: int | None = None,
    together: bool = True,
    fading_db: float = 0.0,
    fading_s: float = 60.0,
) -> Network:
    """A mesh over a link table (n, n) in dBm.

    ``spread``: a retry waits a random time below so many seconds on top of its backoff (0: at once). ``level_dbm``
    replaces the rule's carrier sense level, ``channel_count`` the plan's usable channels; ``together`` False: nodes do
    not listen together now and then (no broadcast). ``fading_db``, ``fading_s``: deviation and time of slow fading.
    Raises :class:`twins.field.checks.FieldError` for what cannot be; nodes without a way are in ``tree.island``.
    """
    phy = mode(mode_name)
    law = rule(rule_kind, phy_modes().plan[phy.plan].spacing_khz)
    level = law.level_dbm if level_dbm is None else float(numbers("carrier sense level", level_dbm, most=MOST_DBM))
    usable = len(channels(plan_of(phy)))
    count = usable if channel_count is None else whole("the channels in use", channel_count, least=1, most=usable)
    numbers("spread", spread, least=0.0, most=MOST_SECONDS)
    numbers("fading", fading_db, least=0.0, most=MOST_DBM)
    numbers("fading time", fading_s, above=0.0, most=MOST_SECONDS)
    tree = build_tree(received_dbm, phy)
    frame = phy_modes().frame
    access = mac(
        mac_table(mac_name),
        slot=_ns(unit_backoff_seconds(phy)),
        ack=_ns(ack_seconds(phy)),
        sense=law.sense,
        level_mw=10 ** (level / 10),
        turnaround=frame.turnaround_us * MICROSECOND,
        spread=_ns(spread),
    )
    hops = hopping(seed, len(received_dbm), count, radio().hopping.dwell_ms / 1000)
    width = bandwidth_hz(phy)
    all_ = figures().broadcast
    common = mix32(np.arange(hops.channel.shape[1], dtype=np.uint32) ^ salt(seed, "broadcast")) % np.uint32(count)
    ether = Ether(
        gain_mw=np.ascontiguousarray(10 ** (received_dbm / 10)),
        noise_mw=float(10 ** (noise_dbm(width) / 10)),
        ratio=float(width / (phy.rate_kbps * 1000) * 10 ** (-penalty_db(phy) / 10)),
        neighbour=float(10 ** (-radio().neighbours.rejection_db / 10)),
        channel=hops.channel,
        offset=np.round(hops.offset * SECOND).astype(np.int64),
        dwell=_ns(hops.dwell),
        interval=all_.interval_ms * MILLISECOND if together else 0,
        together=all_.together_ms * MILLISECOND,
        common=common.astype(np.int16),
        channels=count,
        fading_db=float(fading_db),
        fading_time=_ns(fading_s),
        fading_key=int(salt(seed, "fading")),
    )
    limits = Law(law.pause, law.limit, law.window, law.answers_count)
    return Network(phy, law, ether, limits, access, tree, candidates(tree, received_dbm, phy))


def simulate(
    network: Network, traffic: Traffic, seed: int, seconds: float, *, log: int = 0, conditions: Conditions | None = None
) -> Outcome:
    """Let traffic run for so many seconds; the first ``log`` frames are noted.

    Raises :class:`twins.field.checks.FieldError` for frames that are too long, nodes that do not exist, disturbances
    that cannot be.
    """
    numbers("seconds of a simulation", seconds, above=0.0, most=MOST_SECONDS)
    around = Conditions() if conditions is None else conditions
    packets = _packets(network, traffic)
    world = _world(network, packets, around, seconds, log)
    events = run(world, np.random.Generator(np.random.Philox(int(salt(seed, "mesh")))), _ns(seconds))
    packets = world.packets[: world.counts[TRAFFIC]]
    _settle_replies(packets)
    arrived = packets["outcome"] == DELIVERED
    flooded = world.floods["at"]
    return Outcome(
        outcome=packets["outcome"],
        delay=np.where(arrived, (packets["end"] - packets["at"]) / SECOND, np.inf),
        hops=packets["hops"],
        tries=packets["tries"],
        lost_at=packets["lost_at"],
        lost_to=packets["lost_to"],
        begun=np.where(packets["at"] >= 0, packets["at"] / SECOND, -1.0),
        air=world.nodes["air"] / SECOND,
        flooded=np.where(flooded >= 0, flooded / SECOND, np.inf),
        nodes=world.nodes,
        log=world.log[: world.counts[LOGGED]],
        jammer_air=world.jammers.state["air"] / SECOND,
        unsent=int(world.counts[UNSENT]),
        spent=world.counts[SPENT : SPENT + KINDS] / SECOND,
        acks=float(world.counts[ACKS] / SECOND),
        events=events,
    )


def _packets(network: Network, traffic: Traffic) -> Records:
    """Traffic as the core takes it; raises :class:`twins.field.checks.FieldError` for what cannot be."""
    n, rule_ = len(network.tree.parent), network.rule
    at = numbers("times", traffic.at, most=MOST_SECONDS)
    timed = int((at >= 0).sum())
    need((at[timed:] == -1).all() and (np.diff(at[:timed]) >= 0).all(), "traffic must be in the order of its time")
    reply, unless = (np.broadcast_to(places, len(at)) for places in (traffic.reply, traffic.unless))
    asked = np.sort(reply[reply != NOBODY])
    need((asked == np.arange(timed, len(at))).all(), "replies stand at the end, each asked for by one packet")
    need(((unless >= NOBODY) & (unless < len(at))).all(), "a packet is sent unless another one has come")
    ends = np.concatenate([traffic.origin, traffic.target])
    need(((ends >= 0) & (ends < n)).all(), f"nodes are 0 to {n - 1}")
    air = np.round(frame_seconds(network.mode, traffic.psdu) * SECOND).astype(np.int64)
    need((air <= rule_.longest).all(), f"a frame lasts at most {rule_.longest / SECOND:g} s on this channel width")
    need((air <= network.law.limit).all(), "the hour's sum must allow every frame")
    kind = np.broadcast_to(traffic.kind, len(at))
    blocks = kind == BLOCK
    need(not (blocks & (traffic.origin != 0)).any(), "the root floods blocks")
    return new_packets(
        np.where(at >= 0, np.round(at * SECOND), NOBODY).astype(np.int64),
        traffic.origin,
        traffic.target,
        air,
        8 * (np.asarray(traffic.psdu) + phy_modes().frame.fcs_bytes),
        kind=kind,
        rank=np.array(RANKS)[np.broadcast_to(traffic.group, len(at))],
        reply=reply,
        unless=unless,
        word=np.where(blocks, np.cumsum(blocks) - 1, 0),
    )


def _world(network: Network, packets: Records, around: Conditions, seconds: float, log: int) -> World:
    n, limits, frame = len(network.tree.parent), mrhof(), phy_modes().frame
    living = around.living or around.cold
    need(living or not around.outages, "nodes come back from an outage only in a living network")
    said = protocols(
        network.mode,
        n,
        living=living,
        max_link_etx=limits.max_link_etx,
        max_path_etx=limits.max_path_etx,
    )
    longest = max(said.sizes["air"].max(), said.steps["air"].max())
    need(not living or longest <= network.rule.longest, "the network's own frames are too long for the air-time rule")
    if living:
        need(network.ether.interval > 0, "a living network needs nodes that listen together")
    blocks = int((packets["kind"] == BLOCK).sum())
    need(not blocks or network.ether.interval > 0, "flooding needs nodes that listen together")
    jammers = None
    if len(around.jammers) > 0:
        need(around.jammer_dbm is not None, "jammers need their powers at the nodes")
        powers = numbers("jammer powers", np.asarray(around.jammer_dbm), most=MOST_DBM)
        need(powers.shape == (len(around.jammers), n), "jammers have a power at every node")
        sender = radio().sender
        sent = sender.power_dbm + sender.gain_dbi
        jammers = jammer_records(around.jammers, powers, sent, network.ether.channels, seconds)
    world = new_world(
        network.ether,
        network.law,
        network.mac,
        network.tree.parent,
        packets,
        8 * (frame.ack_bytes + frame.fcs_bytes),
        log,
        jammers=jammers,
        changes=change_records(around.shades, around.outages, n),
        blocks=blocks,
        protocols=said,
        pool=POOL + 16 * n if living or blocks else 0,
    )
    if around.cold:
        world.nodes["parent"] = world.nodes["told"] = NOBODY
        world.nodes["join"][1:] = OFF
    elif living:
        world.nodes["cost"] = network.tree.cost
        world.candidates[...] = network.candidates
    return world


def _settle_replies(packets: Records) -> None:
    """What nobody asked for has not come for the reason that the question did not."""
    asks = np.flatnonzero((packets["reply"] != NOBODY) & (packets["outcome"] != DELIVERED))
    while len(asks):  # a reply may be a question itself
        replies = packets["reply"][asks]
        for name in ("outcome", "lost_at", "lost_to"):
            packets[name][replies] = packets[name][asks]
        asks = replies[packets["reply"][replies] != NOBODY]


def readings(nodes: int, seed: int, window: float, psdu: int = 162) -> Traffic:
    """One reading of every meter (nodes 1 to ``nodes`` - 1), each at a random moment of ``window`` seconds."""
    need(nodes > 0 and window >= 0, "readings need nodes, and a window that is not below 0")
    rng = np.random.Generator(np.random.Philox(int(salt(seed, "readings"))))
    at = rng.random(nodes - 1) * window
    order = np.argsort(at, kind="stable")
    return Traffic(at[order], order + 1, np.zeros(nodes - 1, dtype=np.int64), np.full(nodes - 1, psdu, dtype=np.int64))


def _ns(seconds: float) -> int:
    return round(seconds * SECOND)
