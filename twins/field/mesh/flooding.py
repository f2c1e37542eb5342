"""The core, part 4: blocks that everybody shall have, flooded as MPL does (RFC 7731, proactive forwarding).

Who has a block sends it on to all neighbours under a Trickle timer, so many intervals long, and keeps silent in an
interval in which it has heard the block often enough from others. What a node never hears stays missing: it must be
asked for again, one by one.
"""

from __future__ import annotations

import heapq
from typing import Any

from twins.field.mesh.codes import EVERYBODY, FLOOD, FLOODING, NOBODY
from twins.field.mesh.compiled import compiled
from twins.field.mesh.packets import originate
from twins.field.mesh.shared import Shared


@compiled
def _begin_interval(events: Any, world: Shared, node: int, block: int, rng: Any, now: int) -> None:
    floods = world.floods
    floods[block, node].begin = now
    floods[block, node].count = 0
    floods[block, node].fired = False
    half = floods[block, node].interval // 2
    floods[block, node].due = now + half + int(rng.random() * half)
    heapq.heappush(events, (floods[block, node].due, FLOODING, node, block))


@compiled
def hold_block(events: Any, world: Shared, node: int, packet: int, rng: Any, now: int) -> None:
    """A node has a block, or hears it again."""
    block = world.packets[packet].word
    floods = world.floods
    if floods[block, node].at != NOBODY:
        floods[block, node].count += 1
        return
    limits = world.protocols.limits[0]
    floods[block, node].at = now
    floods[block, node].packet = world.packets[packet].subject
    floods[block, node].left = limits.flood_times
    floods[block, node].interval = limits.flood_least
    _begin_interval(events, world, node, block, rng, now)


@compiled
def flood_due(events: Any, world: Shared, node: int, block: int, rng: Any, now: int) -> None:
    """A block's timer is due: send it on, or begin the next interval."""
    floods, limits = world.floods, world.protocols.limits[0]
    if floods[block, node].due != now or floods[block, node].left == 0:
        return
    if not floods[block, node].fired:
        floods[block, node].fired = True
        if floods[block, node].count < limits.flood_enough:
            first = floods[block, node].packet
            air, bits = world.packets[first].air, world.packets[first].bits
            originate(events, world, FLOOD, node, EVERYBODY, air, bits, block, first, now)
        floods[block, node].due = floods[block, node].begin + floods[block, node].interval
        heapq.heappush(events, (floods[block, node].due, FLOODING, node, block))
        return
    floods[block, node].left -= 1
    if floods[block, node].left > 0:
        floods[block, node].interval = min(2 * floods[block, node].interval, limits.flood_most)
        _begin_interval(events, world, node, block, rng, now)
