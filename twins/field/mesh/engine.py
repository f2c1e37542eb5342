"""The core, part 9: frames and tries, and the loop over events; :func:`run` is what the outside calls.

A receiver that already has a packet (its acknowledgement was lost) acknowledges again and drops the copy. Frames to
many are sent once and nobody acknowledges them.
"""

from __future__ import annotations

import heapq
from typing import Any

from twins.field.mesh.access import (
    account,
    after,
    begin_access,
    hold_counting,
    listen,
    listened,
    resume_counting,
)
from twins.field.mesh.air import judge, put_on_air, stop_hearing, take_off_air, warn_listeners
from twins.field.mesh.codes import (
    ACCESS,
    ACKS,
    AIR_TIME,
    ANSWERING,
    ARRIVALS,
    AWAITING,
    BEGIN,
    BLOCK,
    CAME,
    CHANGE,
    DATA,
    DEAF,
    DELIVERED,
    END,
    FLOOD,
    FLOODING,
    GIVE_UP,
    JAM,
    JOINING,
    LISTEN,
    LISTENED,
    LOGGED,
    NOBODY,
    OFF,
    PAS,
    REFRESH,
    SEND,
    SENDING,
    SHADED,
    SPARED,
    SPENT,
    TRICKLE,
    UNDER_WAY,
)
from twins.field.mesh.compiled import compiled
from twins.field.mesh.disturbing import appease, begin_disturbing, change, jam, provoke
from twins.field.mesh.flooding import flood_due, hold_block
from twins.field.mesh.joining import begin_network, came, heard, joining_due, refresh, timer_due, tried
from twins.field.mesh.packets import accept, choose_again, lose, serve_next
from twins.field.mesh.shared import Shared, share
from twins.field.mesh.state import TIMERS, World


@compiled
def _begin(events: Any, world: Shared, packet: int, rng: Any, now: int) -> None:
    """A packet begins its way, unless what it asks for has come."""
    packets = world.packets
    other = packets[packet].unless
    while other != NOBODY:
        if packets[other].outcome in (DELIVERED, SPARED):
            packets[packet].outcome = SPARED
            packets[packet].end = now
            if packets[packet].reply != NOBODY:
                packets[packets[packet].reply].outcome = SPARED
            return
        other = packets[other].unless
    if packets[packet].kind == BLOCK:
        packets[packet].outcome = DELIVERED
        packets[packet].end = now
        packets[packet].subject = packet
        hold_block(events, world, 0, packet, rng, now)
        return
    accept(events, world, packets[packet].origin, packet, rng, now)


@compiled
def _tried(events: Any, world: Shared, node: int, done: bool, reason: int, rng: Any, now: int) -> None:
    """A try has ended: on to the next packet, or try again, or give the packet up for the strongest reason."""
    nodes, packets, mac = world.nodes, world.packets, world.mac
    packet = nodes[node].packet
    if reason == ACCESS:
        reason = nodes[node].blame if nodes[node].blame >= SHADED else ACCESS
        last = True
    else:
        if world.living:
            tried(events, world, node, nodes[node].to, done, rng, now)
        nodes[node].blame = max(nodes[node].blame, reason)
        reason = nodes[node].blame
        last = 0 <= mac.retries < nodes[node].tries
    if not done and not last:
        nodes[node].refused = 0
        nodes[node].stage = nodes[node].tries if mac.counting else 0
        if world.living:
            choose_again(world, node)
        begin_access(events, world, node, rng, now)
        return
    if not done and packets[packet].holder == node:  # else the next hop has it, and only the acknowledgement was lost
        lose(world, packet, node, reason, now)
    serve_next(events, world, node, rng, now)


@compiled
def _swept(events: Any, world: Shared, node: int, rng: Any, now: int) -> None:
    """A frame to many is out, or had no free channel: on to the next channel, or to the next packet."""
    nodes, packet = world.nodes, world.nodes[node].packet
    if nodes[node].sweep != NOBODY and nodes[node].sweep + 1 < world.ether.channels:
        nodes[node].sweep += 1
        after(events, world, now, LISTEN, node)
        return
    world.packets[packet].outcome = DELIVERED
    world.packets[packet].end = now
    serve_next(events, world, node, rng, now)


@compiled
def _begin_frame(
    events: Any, world: Shared, sender: int, to: int, packet: int, air: int, bit_rate: float, now: int
) -> None:
    """Put a frame on the air, account for it, and let those notice who listen or count."""
    log, counts, answer = world.log, world.counts, packet == NOBODY
    stop_hearing(world, sender, DEAF)
    put_on_air(world, sender, to, packet, bit_rate, now)
    heapq.heappush(events, (now + air, END, sender, world.frames[sender].serial))
    account(world, sender, air, not answer or world.law.answers_count, now)
    counts[ACKS if answer else SPENT + world.packets[packet].kind] += air
    if counts[LOGGED] < len(log):
        k = counts[LOGGED]
        log[k].sender = sender
        log[k].begin = now
        log[k].end = now + air
        log[k].answer = answer
        log[k].kind = DATA if answer else world.packets[packet].kind
        counts[LOGGED] += 1
    if world.disturbed:
        provoke(events, world, sender, now)
    if world.mac.counting:
        hold_counting(world, sender, now)
    elif world.mac.sense > 0:
        warn_listeners(world, world.frames[sender].channel, now)


@compiled
def _send(events: Any, world: Shared, node: int, now: int) -> None:
    """The channel is the node's: send its packet."""
    nodes, packets = world.nodes, world.packets
    packet = nodes[node].packet
    nodes[node].state = SENDING
    nodes[node].tries += 1
    nodes[node].sent += 1
    packets[packet].tries += 1
    air = packets[packet].air
    _begin_frame(events, world, node, nodes[node].to, packet, air, packets[packet].bits / air, now)


@compiled
def _end_data(events: Any, world: Shared, sender: int, result: int, rng: Any, now: int) -> None:
    """A data frame has ended: its receiver takes the packet and answers; its sender awaits that."""
    nodes, packets, mac = world.nodes, world.packets, world.mac
    to, packet = world.frames[sender].to, world.frames[sender].packet
    nodes[sender].cause = result
    if result == DELIVERED:
        if mac.ack > 0:
            nodes[to].answers_until = now + mac.ack_gap + mac.ack
            heapq.heappush(events, (now + mac.ack_gap, ANSWERING, to, sender))
        if packets[packet].holder == sender and packets[packet].outcome == UNDER_WAY:
            packets[packet].hops += 1
            accept(events, world, to, packet, rng, now)
    if mac.ack > 0:
        nodes[sender].state = AWAITING
        after(events, world, now + mac.ack_wait, GIVE_UP, sender)
    else:
        _tried(events, world, sender, result == DELIVERED, result, rng, now)


@compiled
def _end_for_many(events: Any, world: Shared, sender: int, rng: Any, now: int) -> None:
    """A frame to many has ended: everybody who followed it may have it."""
    nodes, packet = world.nodes, world.frames[sender].packet
    kind = world.packets[packet].kind
    for k in range(world.first[sender], world.first[sender + 1]):
        node = world.near[k]
        if nodes[node].hearing != sender or judge(world, node, rng) != DELIVERED:
            continue
        if kind == FLOOD:
            hold_block(events, world, node, packet, rng, now)
        elif kind >= PAS:
            heard(events, world, node, packet, rng, now)
    _swept(events, world, sender, rng, now)


@compiled
def _end_frame(events: Any, world: Shared, sender: int, rng: Any, now: int) -> None:
    """A frame has ended: data, one for many, or an acknowledgement that its sender still awaits."""
    nodes, frames = world.nodes, world.frames
    to, answer = frames[sender].to, frames[sender].answer
    take_off_air(world, sender, now)
    if world.disturbed:
        appease(events, world, sender, world.mac.ack if answer else world.packets[frames[sender].packet].air, now)
    if to < 0:
        _end_for_many(events, world, sender, rng, now)
        return
    result = frames[sender].missed
    followed = result == DELIVERED
    if followed:
        result = judge(world, to, rng)
    if world.mac.counting:
        resume_counting(events, world, result != DELIVERED, now)
    if not answer:
        _end_data(events, world, sender, result, rng, now)
    elif followed:
        nodes[to].acked += result == DELIVERED
        _tried(events, world, to, result == DELIVERED, nodes[to].cause, rng, now)


@compiled
def _access_ends(events: Any, world: Shared, node: int, rng: Any, now: int) -> None:
    """A node has listened: it goes on by itself, or the channel was busy too often."""
    if listened(events, world, node, rng, now):
        return
    if world.nodes[node].to < 0:
        _swept(events, world, node, rng, now)
    else:
        _tried(events, world, node, False, ACCESS, rng, now)


@compiled
def _of_the_network(events: Any, world: Shared, kind: int, node: int, token: int, rng: Any, now: int) -> None:
    """Events that are not about a node's frame."""
    if kind == BEGIN:
        accept(events, world, node, token, rng, now)
    elif kind == CAME:
        came(events, world, node, token, rng, now)
    elif kind == TRICKLE:
        timer_due(events, world, node // TIMERS, node % TIMERS, token, rng, now)
    elif kind == FLOODING:
        flood_due(events, world, node, token, rng, now)
    elif kind == JOINING:
        joining_due(events, world, node, token, rng, now)
    elif kind == REFRESH:
        refresh(events, world, node, token, now)
    elif kind == JAM:
        jam(events, world, node, token, rng, now)
    else:
        change(events, world, node, rng, now)


@compiled
def _of_a_frame(events: Any, world: Shared, kind: int, node: int, token: int, rng: Any, now: int) -> None:
    """Events of a node's frame: its access, its end, its acknowledgement."""
    nodes, mac = world.nodes, world.mac
    if kind == END:
        if token == world.frames[node].serial:
            _end_frame(events, world, node, rng, now)
    elif kind == ANSWERING:  # to the node that stands in the token's place
        if nodes[node].join != OFF:
            nodes[node].tuned = world.frames[token].channel
            _begin_frame(events, world, node, token, NOBODY, mac.ack, world.ack_bits / mac.ack, now)
    elif token != nodes[node].token:
        return
    elif kind == GIVE_UP:
        # Else the acknowledgement has come, or its end decides.
        if nodes[node].state == AWAITING and nodes[node].hearing == NOBODY:
            _tried(events, world, node, False, nodes[node].cause, rng, now)
    elif kind == LISTEN:
        listen(events, world, node, rng, now)
    elif kind == LISTENED:
        _access_ends(events, world, node, rng, now)
    else:
        _send(events, world, node, now)


@compiled
def _hold_back(world: Shared, node: int) -> None:
    """At the end a node waits for the air-time rule: that is what all that it still has waits for."""
    packets, packet = world.packets, world.nodes[node].packet
    following = world.nodes[node].head
    while packet != NOBODY:
        if packets[packet].outcome == UNDER_WAY:
            packets[packet].outcome = AIR_TIME
        packet = following
        if following != NOBODY:
            following = packets[following].next


@compiled
def run(outer: World, rng: Any, until: int) -> int:
    """Simulate until a time (ns); returns how many events there were. Everything else is in the world's arrays."""
    world = share(outer)
    nodes, packets = world.nodes, world.packets
    events = [(until, SEND, NOBODY, 0)]  # the last event, which ends the loop
    begin_disturbing(events, world)
    if world.living:
        begin_network(events, world, rng)
    arrivals, coming, count = world.counts[ARRIVALS], 0, 0
    while True:
        count += 1
        if coming < arrivals and packets[coming].at <= events[0][0]:
            _begin(events, world, coming, rng, packets[coming].at)
            coming += 1
            continue
        now, kind, node, token = heapq.heappop(events)
        if node == NOBODY:
            break
        if BEGIN <= kind <= CHANGE:
            _of_the_network(events, world, kind, node, token, rng, now)
        else:
            _of_a_frame(events, world, kind, node, token, rng, now)
    for node in range(len(nodes)):
        if nodes[node].governed:
            _hold_back(world, node)
    return count
