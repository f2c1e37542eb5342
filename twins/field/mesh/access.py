"""The core, part 2: how a node gets at the channel.

Two ways, chosen by ``Mac.counting``. *Blind* (802.15.4): wait a random number of slots, listen once, send if the
channel is free; a busy channel doubles the window, and after so many the packet is given up. Listening is put off until
the air-time rule lets the frame begin. *Counting* (802.11): slots count only while the channel is free, each time after
a gap; a failed try doubles the window. No air-time rule goes with it: it serves to check the engine against published
figures.

Events are (time, kind, node, token). Of those at one time, ends of frames come first and begins last: whose slot ends
when a frame begins has found the channel free.
"""

from __future__ import annotations

import heapq
from typing import Any

from twins.field.mesh.air import channel_of, power_at, stop_hearing
from twins.field.mesh.compiled import compiled
from twins.field.mesh.state import LISTENING, NOBODY, TURNING, WAITING, World
from twins.field.rules import sliding

# Kinds of events.
END, GIVE_UP, ANSWER, LISTEN, LISTENED, SEND = range(6)

_advance, _fits_from, _bin_of = compiled(sliding.advance), compiled(sliding.fits_from), compiled(sliding.bin_of)
_spend = compiled(sliding.spend)


@compiled
def after(events: Any, world: World, time: int, kind: int, node: int) -> None:
    """Set a node's one timer; what it was set to before is void."""
    world.nodes[node].token += 1
    heapq.heappush(events, (time, kind, node, world.nodes[node].token))


@compiled
def begin_access(events: Any, world: World, node: int, rng: Any, now: int) -> None:
    """Begin the random wait before a frame."""
    nodes, mac = world.nodes, world.mac
    nodes[node].state = WAITING
    slots = int(rng.random() * (mac.first_window << min(nodes[node].stage, mac.doublings)))
    if mac.counting:
        nodes[node].slots = slots
        hold_or_count(events, world, node, now)
        return
    begin = now + slots * mac.slot
    if mac.spread > 0 and nodes[node].tries > 0:
        begin += int(rng.random() * mac.spread)
    if mac.align > 0:
        begin = -(-begin // mac.align) * mac.align
    after(events, world, begin, LISTEN, node)


@compiled
def listen(events: Any, world: World, node: int, to: int, now: int) -> None:
    """Begin to listen on the receiver's channel, once a frame may follow.

    A node that is receiving or about to answer finds the channel busy.
    """
    nodes, mac, law = world.nodes, world.mac, world.law
    ahead = mac.sense + mac.turnaround
    rested = max(now + ahead, nodes[node].rested)
    if mac.sense == 0:  # who listens finds the channel busy instead
        rested = max(rested, nodes[node].answers_until)
    _advance(world.bins, world.newest, node, _bin_of(rested, law.window))
    air = world.packets[nodes[node].packet].air
    start = _fits_from(world.bins, world.newest, node, law.window, law.limit, rested, air)
    nodes[node].governed = start > rested
    if start > now + ahead:
        after(events, world, start - ahead, LISTEN, node)
        return
    nodes[node].tuned = channel_of(world, to, now)
    if mac.sense == 0:
        stop_hearing(world, node)
        nodes[node].state = TURNING
        after(events, world, start, SEND, node)
        return
    nodes[node].state = LISTENING
    engaged = nodes[node].hearing != NOBODY or nodes[node].answers_until > now
    nodes[node].loud = engaged or power_at(world, node, nodes[node].tuned, NOBODY) > mac.level_mw
    after(events, world, now + mac.sense, LISTENED, node)


@compiled
def listened(events: Any, world: World, node: int, rng: Any, now: int) -> bool:
    """End of listening: send, or wait anew; False if the channel was busy too often."""
    nodes, mac = world.nodes, world.mac
    if not nodes[node].loud:
        nodes[node].state = TURNING
        after(events, world, now + mac.turnaround, SEND, node)
        return True
    nodes[node].busy += 1
    nodes[node].refused += 1
    nodes[node].stage += 1
    if nodes[node].refused > mac.busy_limit:
        return False
    begin_access(events, world, node, rng, now)
    return True


@compiled
def account(world: World, node: int, air: int, counts: bool, now: int) -> None:
    """A frame begins: it counts for the air-time rule."""
    nodes, law, end = world.nodes, world.law, now + air
    nodes[node].air += air
    nodes[node].rested = end + law.pause
    if counts:
        _advance(world.bins, world.newest, node, _bin_of(end, law.window))
        _spend(world.bins, world.newest, node, air)


@compiled
def hold_or_count(events: Any, world: World, node: int, now: int) -> None:
    """Count slots from a gap after the channel became free, or hold while it is not."""
    nodes, mac = world.nodes, world.mac
    if power_at(world, node, 0, NOBODY) > mac.level_mw:
        nodes[node].expiry = NOBODY
        nodes[node].token += 1
        return
    nodes[node].since = max(now, nodes[node].free_from + mac.gap)
    nodes[node].expiry = nodes[node].since + nodes[node].slots * mac.slot
    after(events, world, nodes[node].expiry, SEND, node)


@compiled
def hold_counting(world: World, sender: int, now: int) -> None:
    """A frame has begun: those who count and hear it stop; whose count ends just now sends as well."""
    nodes, mac = world.nodes, world.mac
    for node in range(len(nodes)):
        counting = nodes[node].state == WAITING and nodes[node].expiry != NOBODY and nodes[node].expiry != now
        if counting and node != sender and power_at(world, node, 0, NOBODY) > mac.level_mw:
            nodes[node].slots -= max(0, (now - nodes[node].since) // mac.slot)
            nodes[node].expiry = NOBODY
            nodes[node].token += 1


@compiled
def resume_counting(events: Any, world: World, now: int) -> None:
    """A frame has ended: those for whom the channel is free now count on."""
    nodes = world.nodes
    for node in range(len(nodes)):
        counting = nodes[node].state == WAITING
        if counting and nodes[node].expiry != NOBODY:
            continue
        if power_at(world, node, 0, NOBODY) <= world.mac.level_mw:
            nodes[node].free_from = now
            if counting:
                hold_or_count(events, world, node, now)
