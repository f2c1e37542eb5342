"""The core, part 6: which neighbour becomes the parent, as nodes come to know it (MRHOF over learnt ETX).

A node keeps a few candidates: what they told of their way's cost, how loud they are on average, and the ETX of the link
out of its own sendings, smoothed. It takes the cheapest, and changes only for one that is cheaper by the threshold.
"""

from __future__ import annotations

import math

from twins.field.mesh.air import power_of
from twins.field.mesh.codes import NOBODY
from twins.field.mesh.compiled import compiled
from twins.field.mesh.shared import Shared
from twins.field.mesh.state import CANDIDATES


@compiled
def _place_for(world: Shared, node: int, other: int, cost: float) -> int:
    """Where a neighbour is kept: its place, a free one, or that of the dearest if it is dearer; NOBODY for none."""
    candidates, parent = world.candidates, world.nodes[node].parent
    dearest, most = NOBODY, cost + world.protocols.limits[0].etx_first
    for k in range(CANDIDATES):
        if candidates[node, k].who == other:
            return k
    for k in range(CANDIDATES):
        if candidates[node, k].who == NOBODY:
            return k
        way = candidates[node, k].cost + candidates[node, k].etx
        if way > most and candidates[node, k].who != parent:
            dearest, most = k, way
    return dearest


@compiled
def learn(world: Shared, node: int, other: int, now: int) -> None:
    """A node has heard a neighbour tell its cost."""
    candidates, limits = world.candidates, world.protocols.limits[0]
    cost, level = world.nodes[other].cost, power_of(world, other, node, now)
    k = _place_for(world, node, other, cost)
    if k == NOBODY:
        return
    if candidates[node, k].who != other:
        if not level >= limits.weakest_mw:
            return
        candidates[node, k].who = other
        candidates[node, k].etx = limits.etx_first
        candidates[node, k].measured = False
        candidates[node, k].level_mw = level
        candidates[node, k].tried = 0
        candidates[node, k].acked = 0
        candidates[node, k].since = now
    candidates[node, k].cost = cost
    # The mean is taken of decibels, as receivers report them.
    share = limits.etx_share
    candidates[node, k].level_mw = candidates[node, k].level_mw ** (1 - share) * level**share


@compiled
def count_try(world: Shared, node: int, other: int, answered: bool, now: int) -> bool:
    """A try has ended; whether the link's ETX was reckoned anew."""
    candidates, limits = world.candidates, world.protocols.limits[0]
    for k in range(CANDIDATES):
        if candidates[node, k].who != other:
            continue
        candidates[node, k].tried += 1
        candidates[node, k].acked += answered
        tried, acked = candidates[node, k].tried, candidates[node, k].acked
        if tried < limits.etx_tries or now - candidates[node, k].since < limits.etx_time:
            return False
        etx = min(limits.etx_most, tried / acked) if acked > 0 else limits.etx_most
        share = limits.etx_share if candidates[node, k].measured else 1.0
        candidates[node, k].etx += share * (etx - candidates[node, k].etx)
        candidates[node, k].measured = True
        candidates[node, k].tried = 0
        candidates[node, k].acked = 0
        candidates[node, k].since = now
        return True
    return False


@compiled
def forget(world: Shared, node: int, other: int) -> None:
    """Strike a neighbour off a node's candidates; all of them for NOBODY."""
    for k in range(CANDIDATES):
        if other == NOBODY or world.candidates[node, k].who == other:
            world.candidates[node, k].who = NOBODY


@compiled
def stalest(world: Shared, node: int, now: int) -> int:
    """The candidate beside the parent whose ETX was not reckoned for longest, if that is too long; else NOBODY."""
    candidates, limits = world.candidates, world.protocols.limits[0]
    found, oldest = NOBODY, now - limits.refresh
    for k in range(CANDIDATES):
        other = candidates[node, k].who
        if other in (NOBODY, world.nodes[node].parent):
            continue
        since = candidates[node, k].since if candidates[node, k].measured else 0
        if since <= oldest:
            found, oldest = other, since
    return int(found)


@compiled
def choose_parent(world: Shared, node: int) -> bool:
    """Take the cheapest candidate as the parent, or keep the present one; whether that changed anything.

    The cost that the node tells is that of its parent now. No candidate: no parent, and infinite cost.
    """
    nodes, candidates, limits = world.nodes, world.candidates, world.protocols.limits[0]
    before, own = nodes[node].parent, nodes[node].cost
    best, least, kept = NOBODY, math.inf, math.inf
    for k in range(CANDIDATES):
        other = candidates[node, k].who
        if other == NOBODY or candidates[node, k].etx > limits.link_most:
            continue
        is_parent = other == before
        if candidates[node, k].level_mw < (limits.leave_mw if is_parent else limits.weakest_mw):
            continue
        way = candidates[node, k].cost + candidates[node, k].etx
        if way > limits.path_most:
            continue
        if is_parent:
            kept = way
        elif candidates[node, k].cost >= own:  # it may be below the node itself
            continue
        if way < least:
            best, least = other, way
    if kept < math.inf and least > kept - limits.better:
        best, least = before, kept
    nodes[node].cost = least
    nodes[node].parent = best
    nodes[node].switches += best not in (before, NOBODY)
    return bool(best != before)
