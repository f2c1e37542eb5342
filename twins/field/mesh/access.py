"""The core, part 2: how a node gets at the channel.

Two ways, chosen by ``Mac.counting``. *Blind* (802.15.4): wait a random number of slots, listen once, send if the
channel is free; a busy channel doubles the window, and after so many the packet is given up. Listening is put off until
the air-time rule lets the frame begin, and until its receivers listen: frames to everybody go out while all listen
together, frames to one node while they do not. *Counting* (802.11): slots count only while the channel is free, each
time after a gap; a failed try doubles the window. No air-time rule goes with it: it serves to check the engine against
published figures.

Events are (time, kind, node, token).
"""

from __future__ import annotations

import heapq
from typing import Any

from twins.field.mesh.air import channel_of, power_at, sense, stop_hearing
from twins.field.mesh.codes import (
    DEAF,
    EVERYBODY,
    JAMMED,
    LISTEN,
    LISTENED,
    LISTENING,
    NOBODY,
    ROUTES,
    SEND,
    TURNING,
    WAITING,
)
from twins.field.mesh.compiled import compiled
from twins.field.mesh.shared import Shared
from twins.field.rules import sliding

_advance, _fits_from, _bin_of = compiled(sliding.advance), compiled(sliding.fits_from), compiled(sliding.bin_of)
_spend = compiled(sliding.spend)


@compiled
def after(events: Any, world: Shared, time: int, kind: int, node: int) -> None:
    """Set the timer of a node's frame; what it was set to before is void."""
    world.nodes[node].token += 1
    heapq.heappush(events, (time, kind, node, world.nodes[node].token))


@compiled
def _wait(world: Shared, node: int, rng: Any) -> int:
    """A random wait before a frame, blindly."""
    mac, nodes = world.mac, world.nodes
    wait = int(rng.random() * (mac.first_window << min(nodes[node].stage, mac.doublings))) * mac.slot
    if mac.spread > 0 and nodes[node].tries > 0:
        wait += int(rng.random() * mac.spread)
    return int(wait)


@compiled
def begin_access(events: Any, world: Shared, node: int, rng: Any, now: int) -> None:
    """Begin the random wait before a frame."""
    nodes, mac = world.nodes, world.mac
    nodes[node].state = WAITING
    if mac.counting:
        nodes[node].slots = int(rng.random() * (mac.first_window << min(nodes[node].stage, mac.doublings)))
        hold_or_count(events, world, node, now)
        return
    begin = now + _wait(world, node, rng)
    if mac.align > 0:
        begin = -(-begin // mac.align) * mac.align
    after(events, world, begin, LISTEN, node)


@compiled
def _due(world: Shared, node: int, start: int, air: int, rng: Any) -> int:
    """When the receivers of a frame that could begin at ``start`` listen for it: then, or later with a new wait."""
    ether, nodes = world.ether, world.nodes
    to = nodes[node].to
    if ether.interval == 0 or nodes[node].sweep != NOBODY:
        return start
    phase = start % ether.interval
    if to == EVERYBODY:
        room = max(0, ether.together - air)
        if phase <= room:
            return start
        return int(start - phase + ether.interval + int(rng.random() * room))
    if phase < ether.together and nodes[to].join >= ROUTES:
        return int(start - phase + ether.together + _wait(world, node, rng))
    return start


@compiled
def listen(events: Any, world: Shared, node: int, rng: Any, now: int) -> None:
    """Begin to listen on the receiver's channel, once a frame may follow.

    A node that is receiving or about to answer finds the channel busy.
    """
    nodes, mac, law = world.nodes, world.mac, world.law
    ahead = mac.sense + mac.turnaround
    rested = max(now + ahead, nodes[node].rested)
    if mac.sense == 0:  # who listens finds the channel busy instead
        rested = max(rested, nodes[node].answers_until)
    air = world.packets[nodes[node].packet].air
    _advance(world.bins, world.newest, node, _bin_of(rested, law.window))
    start = _fits_from(world.bins, world.newest, node, law.window, law.limit, rested, air)
    nodes[node].governed = start > rested
    start = _due(world, node, start, air, rng)
    if start > now + ahead:
        after(events, world, start - ahead, LISTEN, node)
        return
    to = nodes[node].to
    nodes[node].tuned = nodes[node].sweep if nodes[node].sweep != NOBODY else channel_of(world, max(to, 0), start)
    if mac.sense == 0:
        stop_hearing(world, node, DEAF)
        nodes[node].state = TURNING
        after(events, world, start, SEND, node)
        return
    nodes[node].state = LISTENING
    nodes[node].crowded = nodes[node].hearing != NOBODY or nodes[node].answers_until > now
    nodes[node].loud = nodes[node].crowded
    sense(world, node, now)
    after(events, world, now + mac.sense, LISTENED, node)


@compiled
def listened(events: Any, world: Shared, node: int, rng: Any, now: int) -> bool:
    """End of listening: send, or wait anew; False if the channel was busy too often."""
    nodes, mac = world.nodes, world.mac
    if not nodes[node].loud:
        nodes[node].state = TURNING
        after(events, world, now + mac.turnaround, SEND, node)
        return True
    nodes[node].busy += 1
    nodes[node].refused += 1
    nodes[node].stage += 1
    if not nodes[node].crowded:
        nodes[node].blame = max(nodes[node].blame, JAMMED)
    if nodes[node].refused > mac.busy_limit or nodes[node].sweep != NOBODY:
        return False
    begin_access(events, world, node, rng, now)
    return True


@compiled
def account(world: Shared, node: int, air: int, counts: bool, now: int) -> None:
    """A frame begins: it counts for the air-time rule."""
    nodes, law, end = world.nodes, world.law, now + air
    nodes[node].air += air
    nodes[node].rested = end + law.pause
    if counts:
        _advance(world.bins, world.newest, node, _bin_of(end, law.window))
        _spend(world.bins, world.newest, node, air)
        nodes[node].hour = max(nodes[node].hour, world.bins[node].sum())


@compiled
def hold_or_count(events: Any, world: Shared, node: int, now: int) -> None:
    """Count slots from a gap after the channel became free, or hold while it is not."""
    nodes, mac = world.nodes, world.mac
    if power_at(world, node, 0, NOBODY, now) > mac.level_mw:
        nodes[node].expiry = NOBODY
        nodes[node].token += 1
        return
    nodes[node].since = max(now, nodes[node].free_from + mac.gap)
    nodes[node].expiry = nodes[node].since + nodes[node].slots * mac.slot
    after(events, world, nodes[node].expiry, SEND, node)


@compiled
def hold_counting(world: Shared, sender: int, now: int) -> None:
    """A frame has begun: those who count and hear it stop; whose count ends just now sends as well."""
    nodes, mac = world.nodes, world.mac
    for node in range(len(nodes)):
        counting = nodes[node].state == WAITING and nodes[node].expiry != NOBODY and nodes[node].expiry != now
        if counting and node != sender and power_at(world, node, 0, NOBODY, now) > mac.level_mw:
            nodes[node].slots -= max(0, (now - nodes[node].since) // mac.slot)
            nodes[node].expiry = NOBODY
            nodes[node].token += 1


@compiled
def resume_counting(events: Any, world: Shared, spoiled: bool, now: int) -> None:
    """A frame has ended, for its receiver spoiled or not: those for whom the channel is free now count on."""
    nodes, mac = world.nodes, world.mac
    free_from = now + mac.caution if spoiled else now
    for node in range(len(nodes)):
        counting = nodes[node].state == WAITING
        if counting and nodes[node].expiry != NOBODY:
            continue
        if power_at(world, node, 0, NOBODY, now) <= mac.level_mw:
            nodes[node].free_from = free_from
            if counting:
                hold_or_count(events, world, node, now)
