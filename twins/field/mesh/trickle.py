"""The core, part 5: Trickle timers (RFC 6206) of what nodes tell their neighbours.

An interval doubles up to a longest one; in its second half, at a random moment, the node sends, unless it has heard the
like often enough within the interval. News set it back to the shortest.
"""

from __future__ import annotations

import heapq
from typing import Any

from twins.field.mesh.codes import TRICKLE
from twins.field.mesh.compiled import compiled
from twins.field.mesh.shared import Shared
from twins.field.mesh.state import TIMERS


@compiled
def _begin_interval(events: Any, world: Shared, node: int, timer: int, rng: Any, now: int) -> None:
    timers = world.timers
    timers[node, timer].begin = now
    timers[node, timer].count = 0
    timers[node, timer].fired = False
    timers[node, timer].token += 1
    half = timers[node, timer].interval // 2
    due = now + half + int(rng.random() * half)
    heapq.heappush(events, (due, TRICKLE, node * TIMERS + timer, timers[node, timer].token))


@compiled
def start_trickle(events: Any, world: Shared, node: int, timer: int, slow: bool, rng: Any, now: int) -> None:
    """Begin with the shortest interval, or with the longest: news, or none for long."""
    pace = world.protocols.trickle[timer]
    world.timers[node, timer].on = True
    world.timers[node, timer].interval = pace.most if slow else pace.least
    _begin_interval(events, world, node, timer, rng, now)


@compiled
def reset_trickle(events: Any, world: Shared, node: int, timer: int, rng: Any, now: int) -> None:
    """Something is new: back to the shortest interval, unless it is that already."""
    running = world.timers[node, timer].on
    if running and world.timers[node, timer].interval > world.protocols.trickle[timer].least:
        start_trickle(events, world, node, timer, False, rng, now)


@compiled
def stop_trickles(world: Shared, node: int) -> None:
    """Tell nothing any more."""
    for timer in range(TIMERS):
        world.timers[node, timer].on = False
        world.timers[node, timer].token += 1


@compiled
def trickle_due(events: Any, world: Shared, node: int, timer: int, token: int, rng: Any, now: int) -> bool:
    """A timer is due; whether the node shall send now."""
    timers, pace = world.timers, world.protocols.trickle[timer]
    if not timers[node, timer].on or timers[node, timer].token != token:
        return False
    if timers[node, timer].fired:
        timers[node, timer].interval = min(2 * timers[node, timer].interval, pace.most)
        _begin_interval(events, world, node, timer, rng, now)
        return False
    timers[node, timer].fired = True
    ends = timers[node, timer].begin + timers[node, timer].interval
    heapq.heappush(events, (ends, TRICKLE, node * TIMERS + timer, token))
    return bool(timers[node, timer].count < pace.enough)
