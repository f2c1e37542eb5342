"""Classes of traffic: each has its size, direction and rank, and all that is sent and lost is counted to one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.twins.field.mesh.test_simulation import grid
from twins.field.mesh.codes import (
    CLASSES,
    CONTROL,
    DATA,
    DELIVERED,
    FIRMWARE,
    FIVE_MINUTE,
    JOIN,
    NOBODY,
    POLL,
    RANKS,
    READING,
)
from twins.field.mesh.concentrator import Medium, Rounds, build_mesh, simulate_rounds
from twins.field.mesh.disturbances import Outage
from twins.field.mesh.loads import Load, join_messages, plan
from twins.field.mesh.simulation import Traffic, network, simulate

MIX = Load(
    window=60.0,
    requests=(600.0,),
    asked=5,
    five_minute=0.3,
    polls_per_hour=120.0,
    controls_per_hour=60.0,
    firmware_blocks=4,
    joins_per_hour=30.0,
)


def pair() -> np.ndarray:
    received = np.full((2, 2), -np.inf)
    received[0, 1] = received[1, 0] = -50.0
    return received


def test_a_node_sends_the_lowest_rank_first_and_of_one_rank_the_oldest() -> None:
    groups = np.array([READING, FIRMWARE, FIVE_MINUTE, READING, POLL, CONTROL, FIVE_MINUTE, READING, CONTROL])
    n = len(groups)
    traffic = Traffic(
        np.zeros(n), np.ones(n, np.int64), np.zeros(n, np.int64), np.full(n, 100), DATA, NOBODY, NOBODY, groups
    )
    result = simulate(network(pair(), 1), traffic, 1, 60.0)
    assert result.delivered.all()
    order = np.argsort(result.delay)
    wanted = sorted(range(1, n), key=lambda k: (RANKS[groups[k]], k))
    assert order.tolist() == [0, *wanted]  # the first was being sent when the others came


def test_orders_overtake_bulk_at_relays_too() -> None:
    received = np.full((3, 3), -np.inf)
    for near, far in ((0, 1), (1, 2)):
        received[near, far] = received[far, near] = -50.0
    bulk, orders = 30, 3
    at = np.concatenate([np.zeros(bulk), np.full(orders, 0.3)])
    group = np.repeat([FIVE_MINUTE, CONTROL], [bulk, orders])
    n = bulk + orders
    traffic = Traffic(at, np.full(n, 2), np.zeros(n, np.int64), np.full(n, 250), DATA, NOBODY, NOBODY, group)
    result = simulate(network(received, 1), traffic, 1, 60.0)
    assert result.delivered.all()
    last_order = (at + result.delay)[bulk:].max()
    assert ((at + result.delay)[:bulk] > last_order).sum() > bulk / 2


@pytest.fixture(scope="module")
def mixed() -> Rounds:
    return simulate_rounds(build_mesh(grid(8, 30.0), Medium(spread=0.0), 2), MIX, 1, rounds=2)


def test_every_message_of_a_class_arrives_or_has_a_cause(mixed: Rounds) -> None:
    wanted = {"reading", "request", "answer", "poll", "five-minute", "control", "firmware", "join"}
    assert set(mixed.classes) == wanted
    for found in mixed.classes.values():
        assert found.offered == found.arrived + sum(found.lost.values())
        assert found.offered > 0 and found.air > 0


def test_air_time_by_class_adds_up_to_what_the_nodes_sent(mixed: Rounds) -> None:
    by_class = sum(found.air for found in mixed.classes.values())
    assert by_class + mixed.outcome.acks == pytest.approx(mixed.air.sum(), rel=1e-9)


def test_a_living_network_counts_joining_and_routing_apart() -> None:
    mesh = build_mesh(grid(5, 20.0), None, 1, outages=[Outage((3, 4), 100.0, 200.0)])
    result = simulate_rounds(mesh, Load(), 1, tail=3600.0)
    assert result.classes["join"].offered == 2
    assert result.classes["join"].arrived + sum(result.classes["join"].lost.values()) == 2
    assert result.classes["routing"].air > 0
    total = sum(found.air for found in result.classes.values()) + result.outcome.acks
    assert total == pytest.approx(result.air.sum(), rel=1e-9)


def test_joining_is_messages_to_and_fro_each_sent_when_the_one_before_has_come() -> None:
    planned = plan(Load(joins_per_hour=20.0), 12, 1, 1)
    errand = planned.others[JOIN]
    result = simulate(build_mesh(grid(4, 20.0)[:13], None, 1).network, planned.traffic, 1, 4000.0)
    assert result.delivered[errand.last].all()
    sizes, at, up = [], [], []
    place = int(errand.first[0])
    while place != NOBODY:
        sizes.append(int(planned.traffic.psdu[place]))
        at.append(result.begun[place])
        up.append(bool(planned.traffic.target[place] == 0))
        place = int(np.asarray(planned.traffic.reply)[place])
    assert sizes == [abs(size) for size in join_messages()]
    assert up == [size > 0 for size in join_messages()]
    assert (np.diff(at) > 0.1).all()  # a node takes 100 ms to answer


def test_what_follows_a_lost_message_is_lost_for_the_same_cause() -> None:
    mesh = build_mesh([[0.0, 0.0], [20.0, 0.0], [1e5, 0.0]], None, 1)
    planned = plan(Load(joins_per_hour=40.0), 2, 1, 1)
    result = simulate(mesh.network, planned.traffic, 1, 4000.0)
    errand = planned.others[JOIN]
    far = errand.node == 2
    assert far.any() and (~far).any()
    place = errand.first[far]
    causes = set()
    while place[0] != NOBODY:
        causes |= set(result.outcome[place].tolist())
        place = np.asarray(planned.traffic.reply)[place]
    assert len(causes) == 1 and DELIVERED not in causes
    assert result.delivered[errand.last[~far]].all()


def test_every_class_has_a_name_and_a_rank() -> None:
    assert len(CLASSES) == len(RANKS)
    assert RANKS[CONTROL] < RANKS[READING] < RANKS[FIVE_MINUTE] < RANKS[FIRMWARE]
