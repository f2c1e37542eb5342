"""The core, part 7: how nodes join, stay, and come back (Wi-SUN FAN's join states).

    state                        sends                      goes on when
    off                          nothing                    power has come, after a random time
    select PAN                   PAS (Trickle)              PAs were gathered: the cheapest neighbour is asked
    authenticate                 an exchange with the root  it is through; begun anew when its time is over
    acquire PAN configuration    PCS (Trickle)              a PC is heard
    configure routing            DIS (Trickle), exchange    a parent is chosen and the root knows of it
    operational                  PA, PC, DIO (Trickle)      -

A node that has its keys still (after an outage) is authenticated by the short exchange. The root authenticates so many
at a time; others are not answered and try again. A node that loses its last candidate tells so (infinite cost) and
configures its routing anew; a state that lasts too long begins at the first.
"""

from __future__ import annotations

import heapq
import math
from typing import Any

from twins.field.mesh.air import power_of
from twins.field.mesh.codes import (
    AUTHENTICATING,
    BEGIN,
    CONFIGURING,
    DIO,
    DIS,
    EVERYBODY,
    EVERYWHERE,
    EXCHANGE,
    JOINING,
    NOBODY,
    OFF,
    OPERATIONAL,
    PA,
    PAS,
    PC,
    PCS,
    PROBE,
    REFRESH,
    ROUTES,
    SELECTING,
)
from twins.field.mesh.compiled import compiled
from twins.field.mesh.packets import originate
from twins.field.mesh.routing import choose_parent, count_try, forget, learn, stalest
from twins.field.mesh.shared import Shared
from twins.field.mesh.state import CANDIDATES
from twins.field.mesh.trickle import reset_trickle, start_trickle, stop_trickles, trickle_due

# Exchanges, as places in Protocols.exchanges.
FULL, SHORT, ROUTE, DAO = range(4)

_DOUBLINGS = 6  # of the wait for the root's answer


@compiled
def _later(events: Any, world: Shared, node: int, time: int) -> None:
    """Set a node's joining timer; what it was set to before is void."""
    world.nodes[node].join_token += 1
    heapq.heappush(events, (time, JOINING, node, world.nodes[node].join_token))


@compiled
def tell(events: Any, world: Shared, node: int, kind: int, now: int) -> None:
    """Send one of the network's short messages to all neighbours; requests and offers of a PAN on every channel."""
    size = world.protocols.sizes[kind]
    target = EVERYBODY if kind in (DIS, DIO) else EVERYWHERE
    originate(events, world, kind, node, target, size.air, size.bits, 0, node, now)


@compiled
def _take_state(world: Shared, node: int, state: int, now: int) -> None:
    nodes = world.nodes
    nodes[node].join = state
    nodes[node].since_state = now
    nodes[node].exchange = NOBODY
    nodes[node].attempts = 0
    nodes[node].join_token += 1
    stop_trickles(world, node)


@compiled
def boot(events: Any, world: Shared, node: int, rng: Any, now: int) -> None:
    """Power has come: begin within a random time."""
    _take_state(world, node, OFF, now)
    _later(events, world, node, now + int(rng.random() * world.protocols.limits[0].boot))


@compiled
def shut_down(world: Shared, node: int, now: int) -> None:
    """Power is gone: what the node knew is lost, but for its keys."""
    nodes = world.nodes
    _take_state(world, node, OFF, now)
    nodes[node].parent = NOBODY
    nodes[node].cost = math.inf
    nodes[node].session_until = 0
    forget(world, node, NOBODY)


@compiled
def _select(events: Any, world: Shared, node: int, rng: Any, now: int) -> None:
    nodes = world.nodes
    _take_state(world, node, SELECTING, now)
    nodes[node].parent = NOBODY
    nodes[node].cost = math.inf
    nodes[node].via = NOBODY
    nodes[node].via_cost = math.inf
    forget(world, node, NOBODY)
    start_trickle(events, world, node, PAS - PAS, False, rng, now)


@compiled
def serve(events: Any, world: Shared, node: int, slow: bool, rng: Any, now: int) -> None:
    """The node is operational: it offers the network to others."""
    nodes = world.nodes
    _take_state(world, node, OPERATIONAL, now)
    nodes[node].joined_at = now
    for kind in (PA, PC, DIO):
        start_trickle(events, world, node, kind - PAS, slow, rng, now)
    if node != 0:
        turn = world.protocols.limits[0].refresh // CANDIDATES
        heapq.heappush(events, (now + int(rng.random() * turn), REFRESH, node, nodes[node].joined_at))


@compiled
def begin_network(events: Any, world: Shared, rng: Any) -> None:
    """The root serves; nodes that stand on a settled tree go on as they are, others boot."""
    nodes = world.nodes
    serve(events, world, 0, nodes[len(nodes) - 1].join == OPERATIONAL, rng, 0)
    for node in range(1, len(nodes)):
        if nodes[node].join != OPERATIONAL:
            boot(events, world, node, rng, 0)
        elif nodes[node].parent == NOBODY:
            _select(events, world, node, rng, 0)
        else:
            nodes[node].keys = True
            serve(events, world, node, True, rng, 0)


@compiled
def _send_step(events: Any, world: Shared, step: int, node: int, now: int) -> None:
    """Send a message of a node's exchange, up to the root or down from it."""
    message = world.protocols.steps[step]
    origin, target = (node, 0) if message.up else (0, node)
    originate(events, world, EXCHANGE, origin, target, message.air, message.bits, step, node, now)


@compiled
def _begin_exchange(events: Any, world: Shared, node: int, exchange: int, rng: Any, now: int) -> None:
    """Begin an exchange (anew), and set the time when that is done again."""
    nodes, limits = world.nodes, world.protocols.limits[0]
    nodes[node].exchange = exchange
    nodes[node].step = world.protocols.exchanges[exchange]
    nodes[node].attempts += 1
    _send_step(events, world, nodes[node].step, node, now)
    if exchange >= ROUTE:
        wait = limits.dao_wait << min(nodes[node].attempts - 1, _DOUBLINGS)
        _later(events, world, node, now + int(wait * (0.9 + 0.2 * rng.random())))
    else:
        wait = limits.auth_wait + int(rng.random() * (limits.auth_most - limits.auth_wait))
        _later(events, world, node, now + wait)


@compiled
def _use_parent(events: Any, world: Shared, node: int, rng: Any, now: int) -> None:
    """A parent was chosen: tell the root. There is none: ask the neighbours for theirs."""
    nodes = world.nodes
    if nodes[node].parent != NOBODY:
        exchange = DAO if nodes[node].join == OPERATIONAL else ROUTE
        _begin_exchange(events, world, node, exchange, rng, now)
        reset_trickle(events, world, node, DIO - PAS, rng, now)
        return
    if nodes[node].join == OPERATIONAL:
        _take_state(world, node, ROUTES, now)
        tell(events, world, node, DIO, now)  # those below must look for another way
    nodes[node].exchange = NOBODY
    start_trickle(events, world, node, DIS - PAS, False, rng, now)
    _later(events, world, node, now + world.protocols.limits[0].give_up + 1)


@compiled
def joining_due(events: Any, world: Shared, node: int, token: int, rng: Any, now: int) -> None:
    """A node's joining timer is due."""
    nodes, limits = world.nodes, world.protocols.limits[0]
    if token != nodes[node].join_token:
        return
    state = nodes[node].join
    if state == OFF or (state != OPERATIONAL and now - nodes[node].since_state > limits.give_up):
        _select(events, world, node, rng, now)
    elif state == SELECTING and nodes[node].via != NOBODY:
        via = nodes[node].via
        _take_state(world, node, AUTHENTICATING, now)
        nodes[node].parent = via
        _begin_exchange(events, world, node, SHORT if nodes[node].keys else FULL, rng, now)
    elif state == AUTHENTICATING:
        _begin_exchange(events, world, node, nodes[node].exchange, rng, now)
    elif nodes[node].exchange >= ROUTE:
        if nodes[node].attempts % limits.dao_tries == 0:
            forget(world, node, nodes[node].parent)
            choose_parent(world, node)
            _use_parent(events, world, node, rng, now)
        else:
            _begin_exchange(events, world, node, nodes[node].exchange, rng, now)
    elif state == ROUTES:
        choose_parent(world, node)
        _use_parent(events, world, node, rng, now)


@compiled
def tried(events: Any, world: Shared, node: int, other: int, answered: bool, rng: Any, now: int) -> None:
    """A frame to a neighbour was answered or not: the link's ETX may be new, and with it the parent."""
    new = count_try(world, node, other, answered, now)
    if new and world.nodes[node].join == OPERATIONAL and choose_parent(world, node):
        _use_parent(events, world, node, rng, now)


@compiled
def heard(events: Any, world: Shared, node: int, packet: int, rng: Any, now: int) -> None:
    """A node has received one of the short messages."""
    nodes, limits = world.nodes, world.protocols.limits[0]
    kind, sender, state = world.packets[packet].kind, world.packets[packet].origin, nodes[node].join
    timer = kind - PAS
    if kind in (PAS, PCS, DIS):
        if state == OPERATIONAL:
            reset_trickle(events, world, node, timer + 1, rng, now)  # what answers it
        world.timers[node, timer].count += 1
        return
    if state == OPERATIONAL:
        world.timers[node, timer].count += 1
    if kind == PA and state == SELECTING:
        enough = power_of(world, sender, node, now) >= limits.weakest_mw
        if enough and nodes[sender].cost < nodes[node].via_cost:
            if nodes[node].via == NOBODY:
                _later(events, world, node, now + limits.gather)
            nodes[node].via = sender
            nodes[node].via_cost = nodes[sender].cost
    elif kind == PC and state == CONFIGURING:
        _take_state(world, node, ROUTES, now)
        start_trickle(events, world, node, DIS - PAS, False, rng, now)
        _later(events, world, node, now + limits.give_up + 1)
    elif kind == DIO and state >= ROUTES and node != 0:
        known = nodes[node].exchange >= ROUTE
        learn(world, node, sender, now)
        if state == OPERATIONAL:
            if choose_parent(world, node):
                _use_parent(events, world, node, rng, now)
        elif not known and world.timers[node, DIS - PAS].on:  # the first offer: others may follow
            stop_trickles(world, node)
            _later(events, world, node, now + limits.gather)


@compiled
def _answer(events: Any, world: Shared, subject: int, step: int, ends: int, now: int) -> None:
    """The root goes on with an exchange, if it has a place for one that begins."""
    nodes, protocols = world.nodes, world.protocols
    limits, exchange = protocols.limits[0], nodes[subject].exchange
    begins = protocols.exchanges[exchange]
    if not begins <= step < ends:
        return
    nodes[subject].told = nodes[subject].parent
    if exchange < ROUTE and step == begins and nodes[subject].session_until <= now:
        held = 0
        for other in range(len(nodes)):
            held += nodes[other].session_until > now
        if held >= limits.sessions:
            return
        nodes[subject].session_until = now + limits.session
    if step + 1 < ends:
        _send_step(events, world, step + 1, subject, now)
    if step + 2 >= ends:
        nodes[subject].session_until = 0


@compiled
def _through(events: Any, world: Shared, node: int, exchange: int, rng: Any, now: int) -> None:
    """An exchange is over: the next state."""
    nodes = world.nodes
    if exchange < ROUTE:
        nodes[node].keys = True
        _take_state(world, node, CONFIGURING, now)
        start_trickle(events, world, node, PCS - PAS, False, rng, now)
        _later(events, world, node, now + world.protocols.limits[0].give_up + 1)
    elif nodes[node].join == OPERATIONAL:
        nodes[node].exchange = NOBODY
        nodes[node].attempts = 0
        nodes[node].join_token += 1
    else:
        serve(events, world, node, False, rng, now)


@compiled
def came(events: Any, world: Shared, node: int, packet: int, rng: Any, now: int) -> None:
    """A packet that wants an answer has come to its target."""
    packets, protocols = world.packets, world.protocols
    reply = packets[packet].reply
    if reply != NOBODY:
        packets[reply].at = now + protocols.limits[0].reply
        heapq.heappush(events, (packets[reply].at, BEGIN, node, reply))
        return
    subject, step = packets[packet].subject, packets[packet].word
    exchange = world.nodes[subject].exchange
    if exchange == NOBODY:  # it has begun anew meanwhile
        return
    ends = protocols.exchanges[exchange + 1]
    if node == 0:
        _answer(events, world, subject, step, ends, now)
        return
    if step != world.nodes[node].step + 1 or step >= ends:
        return
    following = step + 1
    if following < ends:
        world.nodes[node].step = following
        _send_step(events, world, following, node, now)
    if following + 1 >= ends:
        _through(events, world, node, exchange, rng, now)


@compiled
def timer_due(events: Any, world: Shared, node: int, timer: int, token: int, rng: Any, now: int) -> None:
    """A Trickle timer is due: tell what it is for."""
    if trickle_due(events, world, node, timer, token, rng, now):
        tell(events, world, node, PAS + timer, now)


@compiled
def refresh(events: Any, world: Shared, node: int, joined_at: int, now: int) -> None:
    """Try a candidate whose ETX is old; the node's own traffic keeps its parent's fresh."""
    nodes = world.nodes
    if nodes[node].joined_at != joined_at or nodes[node].join != OPERATIONAL:
        return
    other = stalest(world, node, now)
    if other != NOBODY:
        size = world.protocols.sizes[PROBE]
        originate(events, world, PROBE, node, other, size.air, size.bits, 0, node, now)
    turn = world.protocols.limits[0].refresh // CANDIDATES
    heapq.heappush(events, (now + turn, REFRESH, node, joined_at))
