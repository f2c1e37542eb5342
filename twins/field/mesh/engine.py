"""The core, part 3: packets on their way, and the loop over events; :func:`run` is what the outside calls.

A packet goes from node to node: up the parents towards the root (node 0), or down to its target. Each node sends one
packet at a time and keeps a queue. A receiver that already has a packet (its acknowledgement was lost) acknowledges
again and drops the copy. A packet is lost where its holder gives it up, for the reason of the last try.
"""

from __future__ import annotations

import heapq
from typing import Any

from twins.field.mesh.access import (
    ANSWER,
    END,
    GIVE_UP,
    LISTEN,
    LISTENED,
    SEND,
    account,
    after,
    begin_access,
    hold_counting,
    listen,
    listened,
    resume_counting,
)
from twins.field.mesh.air import put_on_air, stop_hearing, take_off_air, warn_listeners
from twins.field.mesh.compiled import compiled
from twins.field.mesh.state import (
    ACCESS,
    AIR_TIME,
    AWAITING,
    DELIVERED,
    IDLE,
    LOGGED,
    NO_ROUTE,
    NOBODY,
    QUEUE,
    SENDING,
    UNDER_WAY,
    World,
)


@compiled
def next_hop(world: World, node: int, target: int) -> int:
    """Where a packet goes next: to the child whose branch holds the target, else to the parent; NOBODY for no way."""
    nodes = world.nodes
    below = target
    while below != NOBODY:
        above = nodes[below].parent
        if above == node:
            return below
        below = above
    return int(nodes[node].parent)


@compiled
def _lose(world: World, packet: int, node: int, reason: int, now: int) -> None:
    packets = world.packets
    packets[packet].outcome = reason
    packets[packet].end = now
    packets[packet].lost_at = node


@compiled
def _serve_next(events: Any, world: World, node: int, rng: Any, now: int) -> None:
    """Take up the first packet of the queue that has a way; rest if there is none."""
    nodes, packets = world.nodes, world.packets
    nodes[node].state = IDLE
    nodes[node].packet = NOBODY
    while nodes[node].head != NOBODY:
        packet = nodes[node].head
        nodes[node].head = packets[packet].next
        nodes[node].queued -= 1
        if next_hop(world, node, packets[packet].target) == NOBODY:
            _lose(world, packet, node, NO_ROUTE, now)
            continue
        nodes[node].packet = packet
        nodes[node].tries = 0
        nodes[node].stage = 0
        nodes[node].refused = 0
        begin_access(events, world, node, rng, now)
        return


@compiled
def _accept(events: Any, world: World, node: int, packet: int, rng: Any, now: int) -> None:
    """A packet has come to a node, or begins there: it has arrived, or joins the queue."""
    nodes, packets = world.nodes, world.packets
    packets[packet].holder = node
    if packets[packet].target == node:
        packets[packet].outcome = DELIVERED
        packets[packet].end = now
        return
    if nodes[node].queued >= world.mac.queue:
        _lose(world, packet, node, QUEUE, now)
        return
    packets[packet].next = NOBODY
    if nodes[node].head == NOBODY:
        nodes[node].head = packet
    else:
        packets[nodes[node].tail].next = packet
    nodes[node].tail = packet
    nodes[node].queued += 1
    if nodes[node].state == IDLE:
        _serve_next(events, world, node, rng, now)


@compiled
def _tried(events: Any, world: World, node: int, done: bool, reason: int, rng: Any, now: int) -> None:
    """A try has ended: on to the next packet, or try again, or give the packet up."""
    nodes, packets, mac = world.nodes, world.packets, world.mac
    packet = nodes[node].packet
    if not done and reason != ACCESS and (mac.retries < 0 or nodes[node].tries <= mac.retries):
        nodes[node].refused = 0
        nodes[node].stage = nodes[node].tries if mac.counting else 0
        begin_access(events, world, node, rng, now)
        return
    if not done and packets[packet].holder == node:  # else the next hop has it, and only the acknowledgement was lost
        _lose(world, packet, node, reason, now)
    _serve_next(events, world, node, rng, now)


@compiled
def _begin_frame(
    events: Any, world: World, sender: int, to: int, packet: int, air: int, bit_rate: float, now: int
) -> None:
    """Put a frame on the air, account for it, and let those notice who listen or count."""
    log, counts, answer = world.log, world.counts, packet == NOBODY
    stop_hearing(world, sender)
    put_on_air(world, sender, to, packet, bit_rate, now)
    heapq.heappush(events, (now + air, END, sender, 0))
    account(world, sender, air, not answer or world.law.answers_count, now)
    if counts[LOGGED] < len(log):
        k = counts[LOGGED]
        log[k].sender = sender
        log[k].begin = now
        log[k].end = now + air
        log[k].answer = answer
        counts[LOGGED] += 1
    if world.mac.counting:
        hold_counting(world, sender, now)
    elif world.mac.sense > 0:
        warn_listeners(world, sender)


@compiled
def _send(events: Any, world: World, node: int, now: int) -> None:
    """The channel is the node's: send its packet."""
    nodes, packets = world.nodes, world.packets
    packet = nodes[node].packet
    to = next_hop(world, node, packets[packet].target)
    nodes[node].state = SENDING
    nodes[node].tries += 1
    nodes[node].sent += 1
    packets[packet].tries += 1
    air = packets[packet].air
    _begin_frame(events, world, node, to, packet, air, packets[packet].bits / air, now)


@compiled
def _end_data(events: Any, world: World, sender: int, result: int, rng: Any, now: int) -> None:
    """A data frame has ended: its receiver takes the packet and answers; its sender awaits that."""
    nodes, packets, mac = world.nodes, world.packets, world.mac
    to, packet = world.frames[sender].to, world.frames[sender].packet
    nodes[sender].cause = result
    if result == DELIVERED:
        if mac.ack > 0:
            nodes[to].answers_until = now + mac.ack_gap + mac.ack
            heapq.heappush(events, (now + mac.ack_gap, ANSWER, to, sender))
        if packets[packet].holder == sender:
            packets[packet].hops += 1
            _accept(events, world, to, packet, rng, now)
    if mac.ack > 0:
        nodes[sender].state = AWAITING
        after(events, world, now + mac.ack_wait, GIVE_UP, sender)
    else:
        _tried(events, world, sender, result == DELIVERED, result, rng, now)


@compiled
def _end_frame(events: Any, world: World, sender: int, rng: Any, now: int) -> None:
    """A frame has ended: data, or an acknowledgement that its sender still awaits."""
    nodes, frames = world.nodes, world.frames
    to, answer, heard = frames[sender].to, frames[sender].answer, frames[sender].heard
    result = take_off_air(world, sender, rng, now)
    if world.mac.counting:
        resume_counting(events, world, now)
    if not answer:
        _end_data(events, world, sender, result, rng, now)
    elif heard:
        nodes[to].acked += result == DELIVERED
        _tried(events, world, to, result == DELIVERED, nodes[to].cause, rng, now)


@compiled
def run(world: World, rng: Any, until: int) -> int:
    """Simulate until a time (ns); returns how many events there were. Everything else is in the world's arrays."""
    nodes, packets, mac = world.nodes, world.packets, world.mac
    events = [(until, SEND, NOBODY, 0)]  # the last event, which ends the loop
    arrivals, coming, count = len(packets), 0, 0
    while True:
        count += 1
        if coming < arrivals and packets[coming].at <= events[0][0]:
            _accept(events, world, packets[coming].origin, coming, rng, packets[coming].at)
            coming += 1
            continue
        now, kind, node, token = heapq.heappop(events)
        if node == NOBODY:
            break
        if kind == END:
            _end_frame(events, world, node, rng, now)
        elif kind == ANSWER:  # to the node that stands in the token's place
            nodes[node].tuned = world.frames[token].channel
            _begin_frame(events, world, node, token, NOBODY, mac.ack, world.ack_bits / mac.ack, now)
        elif token != nodes[node].token:
            continue
        elif kind == GIVE_UP:
            if nodes[node].hearing == NOBODY:  # else the end of the acknowledgement decides
                _tried(events, world, node, False, nodes[node].cause, rng, now)
        elif kind == LISTEN:
            listen(events, world, node, next_hop(world, node, packets[nodes[node].packet].target), now)
        elif kind == LISTENED:
            if not listened(events, world, node, rng, now):
                _tried(events, world, node, False, ACCESS, rng, now)
        else:
            _send(events, world, node, now)
    for node in range(len(nodes)):
        packet = nodes[node].packet
        if packet != NOBODY and nodes[node].governed and packets[packet].outcome == UNDER_WAY:
            packets[packet].outcome = AIR_TIME
    return count
