"""Level (a) from outside: a network out of a link table, traffic, and what became of it.

Same network, traffic and seed: same result, to the last nanosecond.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.checks import need, numbers
from twins.field.mesh.engine import run
from twins.field.mesh.parameters import Mac, mac, mac_table
from twins.field.mesh.state import (
    DELIVERED,
    LOGGED,
    OUTCOMES,
    Ether,
    Law,
    Records,
    new_packets,
    new_world,
)
from twins.field.mesh.tree import Tree, build_tree
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
from twins.field.rules.parameters import MICROSECOND, SECOND, Rule, rule
from twins.random import salt


class Network(NamedTuple):
    """A mesh whose nodes have settled: node 0 is the root, the concentrator."""

    mode: Mode
    rule: Rule
    ether: Ether
    law: Law
    mac: Mac
    tree: Tree


class Traffic(NamedTuple):
    """Packets in the order of their time: seconds, from and to which node (0: the root), bytes of PSDU."""

    at: NDArray[np.float64]
    origin: NDArray[np.int64]
    target: NDArray[np.int64]
    psdu: NDArray[np.int64]


class Outcome(NamedTuple):
    """What became of traffic. Arrays over the packets in the order of the traffic, then over the nodes."""

    outcome: NDArray[np.int64]  # place in OUTCOMES
    delay: NDArray[np.float64]  # s until it arrived; infinite for what did not
    hops: NDArray[np.int64]
    tries: NDArray[np.int64]  # frames sent for it
    lost_at: NDArray[np.int64]  # the node that gave it up; -1
    air: NDArray[np.float64]  # s that each node has sent
    nodes: Records
    log: Records  # of SENT
    events: int

    @property
    def delivered(self) -> NDArray[np.bool_]:
        """Which packets arrived."""
        return np.asarray(self.outcome == DELIVERED)

    def losses(self) -> dict[str, int]:
        """How many packets did not arrive, by reason; reasons that did not occur are left out."""
        counts = np.bincount(self.outcome, minlength=len(OUTCOMES))
        return {OUTCOMES[k]: int(c) for k, c in enumerate(counts) if c and k != DELIVERED}


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
) -> Network:
    """A settled mesh over a link table (n, n) in dBm.

    ``spread``: a retry waits a random time below so many seconds on top of its backoff (0: at once).
    ``level_dbm`` replaces the rule's carrier sense level, ``channel_count`` the plan's usable channels.
    Raises :class:`twins.field.checks.FieldError` for what cannot be; nodes without a way are in ``tree.island``.
    """
    phy = mode(mode_name)
    law = rule(rule_kind, phy_modes().plan[phy.plan].spacing_khz)
    level = law.level_dbm if level_dbm is None else float(numbers("carrier sense level", level_dbm))
    count = len(channels(plan_of(phy))) if channel_count is None else channel_count
    need(float(numbers("spread", spread)) >= 0, "spread must not be below 0")
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
    ether = Ether(
        gain_mw=np.ascontiguousarray(10 ** (received_dbm / 10)),
        noise_mw=float(10 ** (noise_dbm(width) / 10)),
        ratio=float(width / (phy.rate_kbps * 1000) * 10 ** (-penalty_db(phy) / 10)),
        neighbour=float(10 ** (-radio().neighbours.rejection_db / 10)),
        channel=hops.channel,
        offset=np.round(hops.offset * SECOND).astype(np.int64),
        dwell=_ns(hops.dwell),
    )
    return Network(phy, law, ether, Law(law.pause, law.limit, law.window, law.answers_count), access, tree)


def simulate(network: Network, traffic: Traffic, seed: int, seconds: float, *, log: int = 0) -> Outcome:
    """Let traffic run for so many seconds; the first ``log`` frames are noted.

    Raises :class:`twins.field.checks.FieldError` for frames that are too long, or nodes that do not exist.
    """
    n = len(network.tree.parent)
    at = numbers("times", traffic.at, least=0.0)
    need(float(numbers("seconds", seconds)) > 0, "a simulation takes some time")
    need((np.diff(at) >= 0).all(), "traffic must be in the order of its time")
    ends = np.concatenate([traffic.origin, traffic.target])
    need(((ends >= 0) & (ends < n)).all(), f"nodes are 0 to {n - 1}")
    air = np.round(frame_seconds(network.mode, traffic.psdu) * SECOND).astype(np.int64)
    longest = network.rule.longest
    need((air <= longest).all(), f"a frame lasts at most {longest / SECOND:g} s on this channel width")
    need((air <= network.law.limit).all(), "the hour's sum must allow every frame")
    frame = phy_modes().frame
    packets = new_packets(
        np.round(at * SECOND).astype(np.int64),
        traffic.origin,
        traffic.target,
        air,
        8 * (np.asarray(traffic.psdu) + frame.fcs_bytes),
    )
    world = new_world(
        network.ether,
        network.law,
        network.mac,
        network.tree.parent,
        packets,
        8 * (frame.ack_bytes + frame.fcs_bytes),
        log,
    )
    events = run(world, np.random.Generator(np.random.Philox(int(salt(seed, "mesh")))), _ns(seconds))
    arrived = packets["outcome"] == DELIVERED
    return Outcome(
        outcome=packets["outcome"],
        delay=np.where(arrived, (packets["end"] - packets["at"]) / SECOND, np.inf),
        hops=packets["hops"],
        tries=packets["tries"],
        lost_at=packets["lost_at"],
        air=world.nodes["air"] / SECOND,
        nodes=world.nodes,
        log=world.log[: world.counts[LOGGED]],
        events=events,
    )


def readings(nodes: int, seed: int, window: float, psdu: int = 162) -> Traffic:
    """One reading of every meter (nodes 1 to ``nodes`` - 1), each at a random moment of ``window`` seconds."""
    need(nodes > 0 and window >= 0, "readings need nodes, and a window that is not below 0")
    rng = np.random.Generator(np.random.Philox(int(salt(seed, "readings"))))
    at = rng.random(nodes - 1) * window
    order = np.argsort(at, kind="stable")
    return Traffic(at[order], order + 1, np.zeros(nodes - 1, dtype=np.int64), np.full(nodes - 1, psdu, dtype=np.int64))


def _ns(seconds: float) -> int:
    return round(seconds * SECOND)
