"""The core, part 1: powers on the air, and how well frames are received.

A frame's receiver follows it from its begin, if it is free to do so; it follows the first and does not change to a
louder one. The chance that all bits are right is reckoned piece by piece: whenever something on the same or the next
channel begins or ends, the piece before is settled with the interference that it had. It is reckoned four times: as it
is, without jammers, in noise alone, and in noise with the link's usual loss. One draw against the four decides, and
tells why a frame was lost.
"""

from __future__ import annotations

import math
from typing import Any

from twins.field.mesh.codes import (
    AWAITING,
    COLLISION,
    DEAF,
    DELIVERED,
    EARS,
    JAMMED,
    LISTENING,
    NO_POWER,
    NOBODY,
    OFF,
    ON_AIR,
    ON_JAM,
    ROUTES,
    SHADED,
    WAITING,
    WEAK,
)
from twins.field.mesh.compiled import compiled
from twins.field.mesh.shared import Shared
from twins.field.mesh.state import QUANTILES

_WORD = 0xFFFFFFFF


@compiled
def channel_of(world: Shared, node: int, now: int) -> int:
    """Where a node listens: on its own channel, or where all listen together."""
    ether = world.ether
    if ether.interval > 0 and now % ether.interval < ether.together and world.nodes[node].join >= ROUTES:
        return int(world.common[(now // ether.interval) % len(world.common)])
    dwell = (now - world.offset[node]) // ether.dwell
    return int(world.channel[node, dwell % world.channel.shape[1]])


@compiled
def _mixed(word: int) -> int:
    """A hash of 32 bits."""
    word = (((word >> 16) ^ word) * 0x45D9F3B) & _WORD
    word = (((word >> 16) ^ word) * 0x45D9F3B) & _WORD
    return (word >> 16) ^ word


@compiled
def faded(world: Shared, one: int, other: int, now: int) -> float:
    """Factor on a link's power: normal in dB, the same both ways, drifting from one draw to the next."""
    ether = world.ether
    key = _mixed((ether.fading_key ^ (min(one, other) * 0x10001 + max(one, other) * 0x9E3779B1)) & _WORD)
    time = now + key % ether.fading_time  # links do not turn at the same moment
    turn, part = time // ether.fading_time, (time % ether.fading_time) / ether.fading_time
    before = world.normal[_mixed((key + turn) & _WORD) % QUANTILES]
    after = world.normal[_mixed((key + turn + 1) & _WORD) % QUANTILES]
    drift = ((1 - part) * before + part * after) / math.sqrt((1 - part) ** 2 + part**2)
    return float(10.0 ** (0.1 * ether.fading_db * drift))


@compiled
def power_of(world: Shared, sender: int, node: int, now: int) -> float:
    """Power in mW with which a node receives another."""
    power = float(world.gain_mw[sender, node])
    return power * faded(world, sender, node, now) if world.ether.fading_db > 0.0 else power


@compiled
def power_at(world: Shared, node: int, channel: int, but: int, now: int) -> float:
    """Sum of what a node hears of others on a channel in mW, without itself and without the sender ``but``."""
    frames, active = world.frames, world.active
    total = 0.0
    for k in range(world.counts[ON_AIR]):
        sender = active[k]
        apart = abs(frames[sender].channel - channel)
        if sender != node and sender != but and apart <= 1:
            total += power_of(world, sender, node, now) * (1.0 if apart == 0 else world.ether.neighbour)
    return total


@compiled
def jam_at(world: Shared, node: int, channel: int) -> float:
    """Sum of what a node hears of jammers on a channel in mW."""
    total = 0.0
    if world.counts[ON_JAM] == 0:
        return total
    jammers = world.jammers.state
    for k in range(len(jammers)):
        if not jammers[k].on:
            continue
        part = 0.0
        for beside in range(max(0, channel - 1), min(world.ether.channels, channel + 2)):
            hit = beside == jammers[k].only if jammers[k].only != NOBODY else world.jammers.channels[k, beside]
            if hit:
                part += 1.0 if beside == channel else world.ether.neighbour
        total += part * world.jammers.gain_mw[k, node]
    return total


@compiled
def _log_right(ratio: float) -> float:
    """Logarithm of the chance that a bit is right at an Eb/N0; 2-FSK as in :mod:`twins.field.physics.fsk`."""
    return math.log1p(-0.5 * math.exp(-0.5 * ratio))


@compiled
def settle(world: Shared, channel: int, now: int) -> None:
    """Reckon all receptions near a channel (NOBODY: all) up to now, with what has interfered since the last time."""
    ether, frames, nodes, ears = world.ether, world.frames, world.nodes, world.ears
    for k in range(world.counts[EARS]):
        node = ears[k]
        sender = nodes[node].hearing
        if nodes[node].settled == now or (channel != NOBODY and abs(frames[sender].channel - channel) > 1):
            continue
        power = power_of(world, sender, node, now)
        signal = ether.ratio * power
        others = power_at(world, node, frames[sender].channel, sender, now)
        jam = jam_at(world, node, frames[sender].channel)
        bits = (now - nodes[node].settled) * frames[sender].bit_rate
        alone = bits * _log_right(signal / ether.noise_mw)
        calm = alone if others == 0.0 else bits * _log_right(signal / (ether.noise_mw + others))
        nodes[node].alone += alone
        nodes[node].calm += calm
        nodes[node].chance += calm if jam == 0.0 else bits * _log_right(signal / (ether.noise_mw + others + jam))
        now_mw, usual_mw = world.gain_mw[sender, node], world.usual_mw[sender, node]
        if now_mw == usual_mw or now_mw == 0.0:
            nodes[node].usual += alone
        else:
            nodes[node].usual += bits * _log_right(signal * usual_mw / now_mw / ether.noise_mw)
        nodes[node].settled = now


@compiled
def _follow(world: Shared, node: int, sender: int, now: int) -> None:
    nodes = world.nodes
    nodes[node].hearing = sender
    nodes[node].settled = now
    nodes[node].chance = 0.0
    nodes[node].calm = 0.0
    nodes[node].alone = 0.0
    nodes[node].usual = 0.0
    world.ears[world.counts[EARS]] = node
    world.counts[EARS] += 1


@compiled
def _missed(world: Shared, node: int, answer: bool, now: int) -> int:
    """Why a node does not follow a frame that begins; DELIVERED if it does."""
    nodes = world.nodes
    if nodes[node].join == OFF:
        return NO_POWER
    state = nodes[node].state
    free = state == AWAITING if answer else state <= WAITING and nodes[node].answers_until <= now
    if not free or nodes[node].hearing != NOBODY:
        return DEAF
    return JAMMED if nodes[node].deceived_until > now else DELIVERED


@compiled
def put_on_air(world: Shared, sender: int, to: int, packet: int, bit_rate: float, now: int) -> None:
    """A frame begins; ``packet`` NOBODY for an acknowledgement. Its receivers follow it if they can."""
    nodes, frames, active, counts = world.nodes, world.frames, world.active, world.counts
    channel = nodes[sender].tuned
    settle(world, channel, now)
    active[counts[ON_AIR]] = sender
    counts[ON_AIR] += 1
    frames[sender].to = to
    frames[sender].channel = channel
    frames[sender].answer = packet == NOBODY
    frames[sender].packet = packet
    frames[sender].serial += 1
    frames[sender].missed = DELIVERED
    frames[sender].bit_rate = bit_rate
    if to >= 0:
        frames[sender].missed = _missed(world, to, packet == NOBODY, now)
        if frames[sender].missed == DELIVERED:
            _follow(world, to, sender, now)
        return
    for k in range(world.first[sender], world.first[sender + 1]):
        node = world.near[k]
        if _missed(world, node, False, now) == DELIVERED and channel_of(world, node, now) == channel:
            _follow(world, node, sender, now)


@compiled
def take_off_air(world: Shared, sender: int, now: int) -> None:
    """A frame ends."""
    active, counts = world.active, world.counts
    settle(world, world.frames[sender].channel, now)
    last = counts[ON_AIR] - 1
    for k in range(last + 1):
        if active[k] == sender:
            active[k] = active[last]
            break
    counts[ON_AIR] = last


@compiled
def stop_hearing(world: Shared, node: int, why: int) -> None:
    """A node follows its frame no longer: the frame is over, or it turns to something else, for a reason."""
    nodes, ears, counts = world.nodes, world.ears, world.counts
    sender = nodes[node].hearing
    if sender == NOBODY:
        return
    nodes[node].hearing = NOBODY
    if world.frames[sender].to == node:
        world.frames[sender].missed = why
    last = counts[EARS] - 1
    for k in range(last + 1):
        if ears[k] == node:
            ears[k] = ears[last]
            break
    counts[EARS] = last


@compiled
def judge(world: Shared, node: int, rng: Any) -> int:
    """A frame that a node followed to its end: DELIVERED if it was received, else why not."""
    nodes = world.nodes
    stop_hearing(world, node, DELIVERED)
    draw = math.log(1.0 - rng.random())
    if draw <= nodes[node].chance:
        return DELIVERED
    if draw <= nodes[node].calm:
        return JAMMED
    if draw <= nodes[node].alone:
        return COLLISION
    return SHADED if draw <= nodes[node].usual else WEAK


@compiled
def warn_listeners(world: Shared, channel: int, now: int) -> None:
    """Something has begun on a channel (NOBODY: many): those who are just listening notice if theirs is loud now."""
    nodes = world.nodes
    for node in range(len(nodes)):
        if nodes[node].state == LISTENING and (channel == NOBODY or abs(channel - nodes[node].tuned) <= 1):
            sense(world, node, now)


@compiled
def sense(world: Shared, node: int, now: int) -> None:
    """Compare what a node hears with the legal level, with and without jammers."""
    nodes = world.nodes
    others = power_at(world, node, nodes[node].tuned, NOBODY, now)
    nodes[node].crowded |= others > world.mac.level_mw
    nodes[node].loud |= others + jam_at(world, node, nodes[node].tuned) > world.mac.level_mw
