"""The core, part 8: jammers at work, links that change, and nodes that lose their power."""

from __future__ import annotations

import heapq
import math
from typing import Any

from twins.field.mesh.access import after
from twins.field.mesh.air import channel_of, settle, stop_hearing, take_off_air, warn_listeners
from twins.field.mesh.codes import (
    AWAITING,
    CHANGE,
    CONSTANT,
    DECEPTIVE,
    GIVE_UP,
    IDLE,
    JAM,
    NO_POWER,
    NOBODY,
    OFF,
    ON_AIR,
    ON_JAM,
    RANDOM,
    REACTIVE,
    SHADE,
    WAITING,
)
from twins.field.mesh.compiled import compiled
from twins.field.mesh.joining import boot, shut_down
from twins.field.mesh.packets import drop_all
from twins.field.mesh.shared import Shared

_ON, _OFF = range(2)


@compiled
def begin_disturbing(events: Any, world: Shared) -> None:
    """Set the first event of every jammer and of the changes."""
    jammers = world.jammers.state
    for k in range(len(jammers)):
        if jammers[k].pattern != REACTIVE:
            heapq.heappush(events, (jammers[k].begin, JAM, k, _ON))
    for k in range(len(world.changes)):
        heapq.heappush(events, (world.changes[k].at, CHANGE, k, 0))


@compiled
def _some_channel(world: Shared, jammer: int, rng: Any) -> int:
    """One of a jammer's channels."""
    channels = world.jammers.channels[jammer]
    left = int(rng.random() * channels.sum())
    for channel in range(len(channels)):
        if channels[channel]:
            if left == 0:
                return channel
            left -= 1
    return 0


@compiled
def _deceive(world: Shared, jammer: int, until: int, now: int) -> None:
    """Nodes that listen to the jammer's channel, and hear it well enough, follow its frame as if it were one."""
    nodes, ether, jammers = world.nodes, world.ether, world.jammers
    least = 10.0 * ether.noise_mw / ether.ratio
    for node in range(len(nodes)):
        free = nodes[node].state <= WAITING and nodes[node].hearing == NOBODY and nodes[node].join != OFF
        if not free or jammers.gain_mw[jammer, node] < least:
            continue
        if channel_of(world, node, now) == jammers.state[jammer].only:
            nodes[node].deceived_until = until


@compiled
def jam(events: Any, world: Shared, jammer: int, phase: int, rng: Any, now: int) -> None:
    """A jammer begins or ends a burst; one without an end is ended by that of the jammer."""
    state, counts = world.jammers.state, world.counts
    settle(world, NOBODY, now)
    if phase == _OFF:
        if state[jammer].on:
            state[jammer].on = False
            counts[ON_JAM] -= 1
            state[jammer].prey = NOBODY
        if state[jammer].pattern in (CONSTANT, REACTIVE):
            return
        rest = state[jammer].rest
        if state[jammer].pattern == RANDOM:
            rest = int(-math.log(1.0 - rng.random()) * rest)
        if now + rest < state[jammer].end:
            heapq.heappush(events, (now + rest, JAM, jammer, _ON))
        return
    if state[jammer].on:
        return
    until = state[jammer].end
    if state[jammer].pattern == RANDOM:
        until = min(until, now + 1 + int(-math.log(1.0 - rng.random()) * state[jammer].burst))
    elif state[jammer].pattern == DECEPTIVE:
        until = min(until, now + state[jammer].burst)
        state[jammer].only = _some_channel(world, jammer, rng)
        _deceive(world, jammer, until, now)
    elif state[jammer].pattern == REACTIVE:
        prey = state[jammer].prey
        for k in range(counts[ON_AIR]):
            if world.active[k] == prey:
                break
        else:  # its frame is over already
            state[jammer].prey = NOBODY
            return
    state[jammer].on = True
    counts[ON_JAM] += 1
    if state[jammer].pattern != REACTIVE:
        state[jammer].air += until - now
        heapq.heappush(events, (until, JAM, jammer, _OFF))
    warn_listeners(world, NOBODY, now)


@compiled
def provoke(events: Any, world: Shared, sender: int, now: int) -> None:
    """A frame has begun: reactive jammers that hear it, and are free, answer it."""
    jammers, channel = world.jammers, world.frames[sender].channel
    for k in range(len(jammers.state)):
        reactive = jammers.state[k].pattern == REACTIVE and jammers.state[k].prey == NOBODY
        if not reactive or not jammers.state[k].begin <= now < jammers.state[k].end:
            continue
        if jammers.channels[k, channel] and jammers.state[k].level_mw <= jammers.heard_mw[k, sender]:
            jammers.state[k].prey = sender
            jammers.state[k].only = channel
            heapq.heappush(events, (now + jammers.state[k].reaction, JAM, k, _ON))


@compiled
def appease(events: Any, world: Shared, sender: int, air: int, now: int) -> None:
    """A frame has ended: those who jammed it stop."""
    state = world.jammers.state
    for k in range(len(state)):
        if state[k].pattern == REACTIVE and state[k].prey == sender:
            if state[k].on:
                state[k].air += air - state[k].reaction
                heapq.heappush(events, (now, JAM, k, _OFF))
            else:
                state[k].prey = NOBODY


@compiled
def _shade(world: Shared, node: int, other: int, factor: float) -> None:
    gain = world.gain_mw
    for end in range(len(gain)):
        if other in (end, NOBODY):
            gain[node, end] *= factor
            gain[end, node] *= factor


@compiled
def power_off(events: Any, world: Shared, node: int, now: int) -> None:
    """A node loses its power in the middle of whatever it does."""
    nodes, frames = world.nodes, world.frames
    stop_hearing(world, node, NO_POWER)
    for k in range(world.counts[ON_AIR]):
        if world.active[k] != node:
            continue
        for ear in range(len(nodes)):
            if nodes[ear].hearing == node:
                stop_hearing(world, ear, NO_POWER)
                if nodes[ear].state == AWAITING:
                    after(events, world, now, GIVE_UP, ear)
        take_off_air(world, node, now)
        frames[node].serial += 1  # its end is void
        break
    drop_all(world, node, NO_POWER, now)
    nodes[node].state = IDLE
    nodes[node].token += 1
    nodes[node].answers_until = 0
    nodes[node].sweep = NOBODY
    shut_down(world, node, now)


@compiled
def change(events: Any, world: Shared, number: int, rng: Any, now: int) -> None:
    """A change is due."""
    node = world.changes[number].node
    settle(world, NOBODY, now)
    if world.changes[number].kind == SHADE:
        _shade(world, node, world.changes[number].other, world.changes[number].factor)
    elif world.changes[number].factor > 0:
        if world.nodes[node].join == OFF:
            boot(events, world, node, rng, now)
    elif world.nodes[node].join != OFF:
        power_off(events, world, node, now)
