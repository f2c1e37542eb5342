"""The core, part 1: frames on the air, and whether they are received.

A frame's receiver follows it from its begin, if it is free to do so; it follows the first and does not change to a
louder one. The chance that all bits are right is reckoned piece by piece: whenever a frame on the same or the next
channel begins or ends, the piece before is settled with the interference that it had. One draw at the end decides, and
tells why a frame was lost: too weak even alone, or only with the others.
"""

from __future__ import annotations

import math
from typing import Any

from twins.field.mesh.compiled import compiled
from twins.field.mesh.state import AWAITING, COLLISION, DEAF, DELIVERED, LISTENING, NOBODY, ON_AIR, WAITING, WEAK, World


@compiled
def channel_of(world: World, node: int, now: int) -> int:
    """Where a node listens."""
    ether = world.ether
    dwell = (now - ether.offset[node]) // ether.dwell
    return int(ether.channel[node, dwell % ether.channel.shape[1]])


@compiled
def power_at(world: World, node: int, channel: int, but: int) -> float:
    """Sum of what a node hears on a channel in mW, without itself and without the sender ``but``."""
    ether, frames, active = world.ether, world.frames, world.active
    total = 0.0
    for k in range(world.counts[ON_AIR]):
        sender = active[k]
        apart = abs(frames[sender].channel - channel)
        if sender != node and sender != but and apart <= 1:
            total += ether.gain_mw[sender, node] * (1.0 if apart == 0 else ether.neighbour)
    return total


@compiled
def _log_right(ratio: float) -> float:
    """Logarithm of the chance that a bit is right at an Eb/N0; 2-FSK as in :mod:`twins.field.physics.fsk`."""
    return math.log1p(-0.5 * math.exp(-0.5 * ratio))


@compiled
def _settle(world: World, channel: int, now: int) -> None:
    """Reckon all frames near a channel up to now, with what has interfered since they were last settled."""
    ether, frames, active = world.ether, world.frames, world.active
    for k in range(world.counts[ON_AIR]):
        sender = active[k]
        if not frames[sender].heard or abs(frames[sender].channel - channel) > 1 or frames[sender].settled == now:
            continue
        receiver = frames[sender].to
        signal = ether.ratio * ether.gain_mw[sender, receiver]
        others = power_at(world, receiver, frames[sender].channel, sender)
        bits = (now - frames[sender].settled) * frames[sender].bit_rate
        alone = bits * _log_right(signal / ether.noise_mw)
        frames[sender].alone += alone
        frames[sender].chance += alone if others == 0.0 else bits * _log_right(signal / (ether.noise_mw + others))
        frames[sender].settled = now


@compiled
def put_on_air(world: World, sender: int, to: int, packet: int, bit_rate: float, now: int) -> None:
    """A frame begins; ``packet`` NOBODY for an acknowledgement. Its receiver follows it if it can."""
    nodes, frames, active, counts = world.nodes, world.frames, world.active, world.counts
    channel = nodes[sender].tuned
    _settle(world, channel, now)
    answer = packet == NOBODY
    ready = nodes[to].state == AWAITING if answer else nodes[to].state <= WAITING and nodes[to].answers_until <= now
    free = ready and nodes[to].hearing == NOBODY
    if free:
        nodes[to].hearing = sender
    active[counts[ON_AIR]] = sender
    counts[ON_AIR] += 1
    frames[sender].to = to
    frames[sender].channel = channel
    frames[sender].answer = answer
    frames[sender].packet = packet
    frames[sender].heard = free
    frames[sender].settled = now
    frames[sender].bit_rate = bit_rate
    frames[sender].chance = 0.0
    frames[sender].alone = 0.0


@compiled
def take_off_air(world: World, sender: int, rng: Any, now: int) -> int:
    """A frame ends; DELIVERED if it was received, else why not."""
    nodes, frames, active, counts = world.nodes, world.frames, world.active, world.counts
    _settle(world, frames[sender].channel, now)
    last = counts[ON_AIR] - 1
    for k in range(last + 1):
        if active[k] == sender:
            active[k] = active[last]
            break
    counts[ON_AIR] = last
    if not frames[sender].heard:
        return DEAF
    nodes[frames[sender].to].hearing = NOBODY
    draw = math.log(1.0 - rng.random())
    if draw <= frames[sender].chance:
        return DELIVERED
    return COLLISION if draw <= frames[sender].alone else WEAK


@compiled
def stop_hearing(world: World, node: int) -> None:
    """A node turns to something else in the middle of a frame."""
    nodes = world.nodes
    if nodes[node].hearing != NOBODY:
        world.frames[nodes[node].hearing].heard = False
        nodes[node].hearing = NOBODY


@compiled
def warn_listeners(world: World, sender: int) -> None:
    """A frame has begun: those who are listening just now notice if it makes their channel loud."""
    nodes, channel = world.nodes, world.frames[sender].channel
    for node in range(len(nodes)):
        if nodes[node].state == LISTENING and abs(channel - nodes[node].tuned) <= 1:
            nodes[node].loud |= power_at(world, node, nodes[node].tuned, NOBODY) > world.mac.level_mw
