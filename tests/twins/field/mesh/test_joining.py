"""Nodes join from nothing, stay, change parents, and come back; Trickle and learnt ETX."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
import pytest

from tests.twins.field.mesh.test_simulation import grid
from twins.field.checks import FieldError
from twins.field.mesh import protocols
from twins.field.mesh.codes import DIO, EXCHANGE, OPERATIONAL, PA, PAS
from twins.field.mesh.concentrator import Medium, build_mesh, depth, simulate_rounds
from twins.field.mesh.disturbances import Outage, Shade
from twins.field.mesh.loads import Load
from twins.field.mesh.simulation import Conditions, Outcome, network, readings, simulate
from twins.field.physics.links import links

TEXT = resources.files("twins.field.mesh").joinpath("data", "protocols.toml").read_text("utf-8")


def forming(side: int, seconds: float, seed: int = 1, **choices: Any) -> Outcome:
    """A network that forms from nothing."""
    received = links("street", grid(side, 30.0), seed).received_dbm
    net = network(received, seed, spread=0.3)
    conditions = Conditions(cold=True, **choices)
    return simulate(net, readings(side**2, 1, seconds), seed, seconds, log=1_000_000, conditions=conditions)


def test_all_nodes_join_and_send_from_then_on() -> None:
    result = forming(7, 3600.0)
    assert (result.nodes["join"] == OPERATIONAL).all()
    assert result.unsent == 0
    joined = result.nodes["joined_at"][1:] / 1e9
    assert 15.0 < joined.min() < joined.max() < 1200.0
    assert set(result.losses()) <= {"not joined", "without power", "under way"}
    assert (depth(result.nodes["parent"])[1:] > 0).all()
    late = result.begun > joined.max() + 60
    assert result.delivered[late].all()
    assert late.any()


def test_a_single_hop_joins_within_minutes_and_hops_add_up() -> None:
    received = np.full((4, 4), -np.inf)
    for k in range(3):
        received[k, k + 1] = received[k + 1, k] = -60.0
    result = simulate(network(received, 1), readings(4, 1, 10.0), 1, 900.0, conditions=Conditions(cold=True))
    joined = result.nodes["joined_at"]
    assert (np.diff(joined) > 0).all()  # a node can join only beside one that has
    assert result.nodes["parent"].tolist() == [-1, 0, 1, 2]
    assert joined[1] < 180e9


def test_forming_repeats_itself() -> None:
    first, again, other = forming(4, 900.0), forming(4, 900.0), forming(4, 900.0, seed=2)
    assert (first.nodes["joined_at"] == again.nodes["joined_at"]).all()
    assert first.events == again.events != other.events


def test_trickle_keeps_most_nodes_silent_when_nothing_is_new() -> None:
    result = forming(6, 7200.0)
    begin, kind = result.log["begin"] / 1e9, np.where(result.log["answer"], -1, result.log["kind"])
    last, end = 3600.0, 7200.0
    offers = ((kind == PA) & (begin > last)).sum() / 14  # channels, one after the other
    assert 0 < offers < 0.25 * 36 * (end - last) / 60.0  # everybody would offer once in a longest interval
    assert (begin[kind == PAS] < last).all()  # nobody looks for a network any more
    early, late = (((kind == DIO) & (begin > a) & (begin < a + 600.0)).sum() for a in (0.0, end - 600.0))
    assert early > late > 0


def test_learnt_routes_are_hardly_dearer_than_the_cheapest() -> None:
    received = links("street", grid(9, 50.0), 1).received_dbm
    net = network(received, 1, spread=0.3)
    result = simulate(net, readings(81, 1, 600.0), 1, 7200.0, conditions=Conditions(cold=True))
    linked = net.tree.hops[1:] > 0
    learnt = depth(result.nodes["parent"])[1:]
    assert (learnt[linked] > 0).all()
    assert learnt[linked].mean() < net.tree.hops[1:][linked].mean() + 0.7


def test_a_node_leaves_a_parent_that_fails_and_finds_another() -> None:
    # Two ways to the root; a wall rises on the one that is in use.
    received = np.full((4, 4), -np.inf)
    for a, b in ((0, 1), (0, 2), (1, 3), (2, 3)):
        received[a, b] = received[b, a] = -60.0
    where = [[0.0, 0.0], [30.0, 0.0], [0.0, 30.0], [30.0, 30.0]]
    load = Load(window=60.0, period=120.0)
    calm = simulate_rounds(build_mesh(where, None, 1, received_dbm=received, living=True), load, 1, rounds=30)
    used = int(calm.outcome.nodes["parent"][3])
    wall = Shade(3, 60.0, 300.0, 1e6, other=used)
    walled = build_mesh(where, None, 1, received_dbm=received, living=True, shades=[wall])
    result = simulate_rounds(walled, load, 1, rounds=30)
    assert calm.losses() == {}
    assert result.outcome.nodes["parent"][3] == 3 - used
    assert 0 < result.losses()["link shaded"] < 15
    assert np.isfinite(result.arrival[20:]).all()


def test_after_an_outage_nodes_rejoin_with_the_keys_they_have() -> None:
    received = links("street", grid(7, 30.0), 1).received_dbm
    net, traffic = network(received, 1, spread=0.3), readings(49, 1, 1800.0)
    dark = Outage(tuple(range(1, 49)), 100.0, 200.0)
    around = (Conditions(cold=True), Conditions(living=True, outages=[dark]))
    cold, back = (simulate(net, traffic, 1, 1800.0, log=1_000_000, conditions=c) for c in around)
    for result, since in ((cold, 0.0), (back, 200.0)):
        joined = result.nodes["joined_at"][1:] / 1e9
        assert (result.nodes["join"] == OPERATIONAL).all()
        assert (joined > since).all()
        assert np.median(joined - since) < 300.0
    exchanged = [((r.log["kind"] == EXCHANGE) & ~r.log["answer"]).sum() for r in (cold, back)]
    assert exchanged[1] < 0.7 * exchanged[0]


def test_a_living_network_loses_nothing_and_keeps_the_air_nearly_free() -> None:
    mesh = build_mesh(grid(7, 20.0), Medium(), 1, living=True)
    result = simulate_rounds(mesh, Load(window=300.0), 1, rounds=4)
    assert result.losses() == {}
    assert result.worst_hour.max() < 36.0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("discovery = [15.0, 60.0]", "discovery = [0.0, 60.0]"),
        ("flood = [1.0, 10.0]", "flood = [10.0, 1.0]"),
        ("sessions = 50", "sessions = 0"),
        ("dio_exponent = 19", "dio_exponent = 40"),
        ("dao_tries = 3", "dao_tries = 0"),
        ("etx_share = 0.125", "etx_share = 0.0"),
        ("refresh = 1800.0", "refresh = 0.0"),
        ("session = 60.0", "session = 0.0"),
        ("together_ms = 255", "together_ms = 1020"),
        ("times = 2", "times = 0"),
        ("probe = 60", "probe = 0"),
        ("messages = [120, -80]", "messages = [120]"),
        ("messages = [120, -80]", "messages = [120, 80]"),
        ("[flooding]", "[flood]"),
    ],
)
def test_impossible_protocols_are_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(FieldError, match="field: "):
        protocols.parse(TEXT.replace(old, new, 1))


def test_a_network_has_the_timers_of_its_size() -> None:
    assert [protocols.size_for(n).discovery[1] for n in (2, 100, 101, 1000, 1001)] == [60.0, 60.0, 960.0, 960.0, 1536.0]
    with pytest.raises(FieldError, match="no network holds"):
        protocols.size_for(10_001)


def test_what_cannot_live_is_refused() -> None:
    received = links("street", grid(3, 20.0), 1).received_dbm
    apart = network(received, 1, together=False)
    with pytest.raises(FieldError, match="listen together"):
        simulate(apart, readings(9, 1, 1.0), 1, 10.0, conditions=Conditions(cold=True))
    with pytest.raises(FieldError, match="living network"):
        simulate(network(received, 1), readings(9, 1, 1.0), 1, 10.0, conditions=Conditions(outages=[Outage((1,), 0.0)]))
