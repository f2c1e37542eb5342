"""The core, part 3: packets in the hands of nodes.

A packet goes from node to node: up the parents towards the root (node 0), or down to its target along the ways that the
root has been told. Each node sends one packet at a time and keeps a queue by rank; a packet is lost where its holder
gives it up. The network's own packets take the places behind the traffic's, one after another as they become free.
"""

from __future__ import annotations

import heapq
from typing import Any

from twins.field.mesh.access import begin_access
from twins.field.mesh.codes import (
    BEGIN,
    CAME,
    CIRCLE,
    DATA,
    DELIVERED,
    EVERYWHERE,
    EXCHANGE,
    FIRMWARE,
    FLOOD,
    IDLE,
    JOIN,
    NO_POWER,
    NO_ROUTE,
    NOBODY,
    NOT_JOINED,
    OFF,
    OPERATIONAL,
    POOL,
    PROBE,
    QUEUE,
    RANKS,
    ROUTING,
    TRAFFIC,
    UNDER_WAY,
    UNSENT,
)
from twins.field.mesh.compiled import compiled
from twins.field.mesh.shared import Shared

MOST_HOPS = 64
"""A packet that has gone so far goes in a circle: trees end at 24."""

_LOOKED_AT = 64  # places for a new packet


@compiled
def next_hop(world: Shared, node: int, target: int) -> int:
    """Where a packet goes next: to the child whose branch holds the target, else to the parent; NOBODY for no way."""
    nodes = world.nodes
    below = target
    for _ in range(len(nodes)):  # what the root was told may go in a circle
        above = nodes[below].told
        if above == node:
            return below
        if above == NOBODY:
            break
        below = above
    return int(nodes[node].parent)


@compiled
def lose(world: Shared, packet: int, node: int, reason: int, now: int) -> None:
    """A node gives a packet up."""
    packets = world.packets
    packets[packet].outcome = reason
    packets[packet].end = now
    packets[packet].lost_at = node
    packets[packet].lost_to = world.nodes[node].to


@compiled
def _way(world: Shared, node: int, packet: int) -> int:
    """Whom a node sends a packet to: a node, a code for many, or NOBODY."""
    packets = world.packets
    target = packets[packet].target
    return int(target) if target < NOBODY or packets[packet].kind == PROBE else next_hop(world, node, target)


@compiled
def serve_next(events: Any, world: Shared, node: int, rng: Any, now: int) -> None:
    """Take up the first packet of the queue that has a way; rest if there is none."""
    nodes, packets = world.nodes, world.packets
    if nodes[node].packet != NOBODY:
        packets[nodes[node].packet].held -= 1
    nodes[node].state = IDLE
    nodes[node].packet = NOBODY
    nodes[node].to = NOBODY
    nodes[node].sweep = NOBODY
    while nodes[node].head != NOBODY:
        packet = nodes[node].head
        nodes[node].head = packets[packet].next
        nodes[node].queued -= 1
        to = _way(world, node, packet)
        if to == NOBODY or packets[packet].hops >= MOST_HOPS:
            packets[packet].held -= 1
            lost = NO_ROUTE if nodes[node].join == OPERATIONAL else NOT_JOINED
            lose(world, packet, node, lost if to == NOBODY else CIRCLE, now)
            continue
        nodes[node].packet = packet
        nodes[node].to = to
        nodes[node].tries = 0
        nodes[node].stage = 0
        nodes[node].refused = 0
        nodes[node].blame = DELIVERED
        if to == EVERYWHERE:
            nodes[node].sweep = 0
        begin_access(events, world, node, rng, now)
        return


@compiled
def choose_again(world: Shared, node: int) -> None:
    """Before another try: the way may have changed; it stays as it was if there is none now."""
    to = _way(world, node, world.nodes[node].packet)
    if to != NOBODY:
        world.nodes[node].to = to


@compiled
def _enqueue(world: Shared, node: int, packet: int) -> None:
    """A packet takes its place in a node's queue: behind those of its rank, before those of higher ones."""
    nodes, packets = world.nodes, world.packets
    before, after = nodes[node].tail, NOBODY
    if nodes[node].head == NOBODY:
        before = NOBODY
    elif packets[before].rank > packets[packet].rank:
        before, after = NOBODY, nodes[node].head
        while packets[after].rank <= packets[packet].rank:
            before, after = after, packets[after].next
    packets[packet].next = after
    packets[packet].held += 1
    if before == NOBODY:
        nodes[node].head = packet
    else:
        packets[before].next = packet
    if after == NOBODY:
        nodes[node].tail = packet
    nodes[node].queued += 1


@compiled
def accept(events: Any, world: Shared, node: int, packet: int, rng: Any, now: int) -> None:
    """A packet has come to a node, or begins there: it has arrived, or joins the queue."""
    nodes, packets, mac = world.nodes, world.packets, world.mac
    packets[packet].holder = node
    own = packets[packet].origin == node
    if packets[packet].target == node:
        packets[packet].outcome = DELIVERED
        packets[packet].end = now
        if packets[packet].kind == EXCHANGE or packets[packet].reply != NOBODY:
            heapq.heappush(events, (now, CAME, node, packet))
        return
    if nodes[node].join == OFF or (own and packets[packet].kind == DATA and nodes[node].join != OPERATIONAL):
        lose(world, packet, node, NO_POWER if nodes[node].join == OFF else NOT_JOINED, now)
        return
    if nodes[node].queued >= mac.queue:
        lose(world, packet, node, QUEUE, now)
        return
    if not own:
        nodes[node].forwarded += 1
    _enqueue(world, node, packet)
    if nodes[node].state == IDLE:
        serve_next(events, world, node, rng, now)


@compiled
def drop_all(world: Shared, node: int, reason: int, now: int) -> None:
    """A node loses what it holds."""
    nodes, packets = world.nodes, world.packets
    packet = nodes[node].packet
    if packet != NOBODY:
        packets[packet].held -= 1
        if packets[packet].holder == node and packets[packet].outcome == UNDER_WAY:
            lose(world, packet, node, reason, now)
    nodes[node].packet = NOBODY
    nodes[node].to = NOBODY
    while nodes[node].head != NOBODY:
        packet = nodes[node].head
        nodes[node].head = packets[packet].next
        packets[packet].held -= 1
        lose(world, packet, node, reason, now)
    nodes[node].queued = 0


@compiled
def originate(
    events: Any,
    world: Shared,
    kind: int,
    origin: int,
    target: int,
    air: int,
    bits: int,
    word: int,
    subject: int,
    now: int,
) -> None:
    """A node sends a packet of the network's own; it is left out (UNSENT) if all places are taken."""
    packets, counts = world.packets, world.counts
    first = counts[TRAFFIC]
    for _ in range(min(_LOOKED_AT, len(packets) - first)):
        k = counts[POOL]
        counts[POOL] = k + 1 if k + 1 < len(packets) else first
        if packets[k].held > 0 or packets[k].outcome == UNDER_WAY:
            continue
        packets[k].at = now
        packets[k].origin = origin
        packets[k].target = target
        packets[k].kind = kind
        packets[k].rank = RANKS[FIRMWARE] if kind == FLOOD else RANKS[JOIN if kind == EXCHANGE else ROUTING]
        packets[k].word = word
        packets[k].subject = subject
        packets[k].reply = NOBODY
        packets[k].unless = NOBODY
        packets[k].air = air
        packets[k].bits = bits
        packets[k].holder = origin
        packets[k].hops = 0
        packets[k].tries = 0
        packets[k].outcome = UNDER_WAY
        heapq.heappush(events, (now, BEGIN, origin, k))
        return
    counts[UNSENT] += 1
