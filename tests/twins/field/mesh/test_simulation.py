"""A mesh out of a link table: its tree, its rounds, the air-time rule in it, and what is refused."""

from __future__ import annotations

import math
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twins.field.rules.test_governor import worst_hour
from twins.field.checks import FieldError
from twins.field.mesh import parameters, tree
from twins.field.mesh.codes import PATTERNS
from twins.field.mesh.concentrator import build_mesh
from twins.field.mesh.disturbances import Jammer, Outage
from twins.field.mesh.loads import Load, plan
from twins.field.mesh.simulation import Network, Outcome, Traffic, network, readings, simulate
from twins.field.mesh.tree import build_tree, link_etx
from twins.field.physics.links import links
from twins.field.physics.phy import mode
from twins.field.rules.parameters import MILLISECOND, SECOND

LOG = 300_000


def grid(side: int, step: float) -> np.ndarray:
    """A square of nodes; the root stands in the middle."""
    places = np.array([[x * step, y * step] for x in range(side) for y in range(side)])
    middle = len(places) // 2
    places[[0, middle]] = places[[middle, 0]]
    return places


def mesh(side: int = 10, step: float = 30.0, seed: int = 1, **choices: Any) -> Network:
    return network(links("street", grid(side, step), seed).received_dbm, seed, **choices)


def test_the_tree_is_the_cheapest_one() -> None:
    received = links("street", grid(9, 60.0), 3).received_dbm
    found = build_tree(received, mode("2b"))
    etx = link_etx(received, mode("2b"), tree.mrhof().probe_psdu)
    linked = np.flatnonzero(found.parent >= 0)
    assert len(linked) + len(found.island) == len(received) - 1
    above = found.parent[linked]
    assert found.cost[linked] == pytest.approx(found.cost[above] + etx[linked, above])
    assert (found.hops[linked] == found.hops[above] + 1).all()
    assert (received[above, linked] >= tree.mrhof().weakest_parent_dbm).all()
    assert (etx[linked, above] <= 4).all()
    usable = np.where((etx <= 4) & (tree.mrhof().weakest_parent_dbm <= received.T), etx, np.inf)
    assert (found.cost[1:, None] <= found.cost[None, :] + usable[1:, :] + 1e-9).all()


def test_a_node_out_of_reach_is_an_island_and_its_packets_have_no_route() -> None:
    places = np.vstack([grid(3, 20.0), [[1e5, 0.0]]])
    far = network(links("street", places, 1).received_dbm, 1)
    assert far.tree.island.tolist() == [9]
    result = simulate(far, readings(10, 1, 10.0), 1, 60.0)
    assert result.losses() == {"no route": 1}
    assert math.isinf(result.delay[~result.delivered][0])
    assert np.isfinite(result.delay[result.delivered]).all()


def test_a_chain_ends_at_24_hops() -> None:
    received = np.full((30, 30), -np.inf)
    for k in range(29):
        received[k, k + 1] = received[k + 1, k] = -60.0
    found = build_tree(received, mode("2b"))
    assert found.hops.max() == 24
    assert found.island.tolist() == [25, 26, 27, 28, 29]


def test_a_round_adds_up_and_repeats() -> None:
    net = mesh(side=15)
    traffic = readings(225, 1, 20.0)
    first, again, other = (simulate(net, traffic, seed, 600.0) for seed in (1, 1, 2))
    assert first.delivered.sum() + sum(first.losses().values()) == 224
    assert (first.delay == again.delay).all()
    assert (first.outcome == again.outcome).all()
    assert first.events == again.events
    assert (first.delay != other.delay).any()
    assert (first.hops[first.delivered] == net.tree.hops[traffic.origin][first.delivered]).all()
    assert first.delay[first.delivered].min() > 0.01424


def test_spread_retries_deliver_more_under_load() -> None:
    traffic = readings(400, 1, 30.0)
    at_once, spread = (simulate(mesh(20, 30.0, spread=s), traffic, 1, 600.0) for s in (0.0, 0.3))
    assert spread.delivered.mean() > at_once.delivered.mean() + 0.03
    assert np.median(spread.delay[spread.delivered]) < 1.0


def test_a_lower_carrier_sense_level_parts_those_who_could_hear_each_other() -> None:
    traffic = readings(400, 1, 30.0)
    levels: tuple[dict[str, Any], ...] = ({}, {"level_dbm": -100.0})
    law, low = (simulate(mesh(20, 30.0, **level), traffic, 1, 600.0) for level in levels)
    assert low.delivered.mean() > law.delivered.mean() + 0.1
    assert low.nodes["sent"].sum() < 0.7 * law.nodes["sent"].sum()


def check_rule(net: Network, result: Outcome, *, answers_count: bool) -> None:
    """No node of a result, all of whose frames are noted, sends too much in an hour, too soon, or too long."""
    assert len(result.log) == result.nodes["sent"].sum() + result.log["answer"].sum() < LOG
    for node in range(len(result.nodes)):
        frames = result.log[result.log["sender"] == node]
        if not answers_count:  # an acknowledgement may exceed the limit only where it does not count
            own = frames[~frames["answer"]]
            spent = [(int(f["begin"]), int(f["end"] - f["begin"])) for f in own]
            assert worst_hour(spent) <= net.law.limit
            assert worst_hour(spent) <= result.nodes["hour"][node] <= net.law.limit
        for before, later in pairwise(frames):
            assert later["answer"] or later["begin"] - before["end"] >= net.law.pause
            assert later["begin"] >= before["end"]
        assert (frames["end"] - frames["begin"] <= net.rule.longest).all()


@given(data=st.data())
@settings(max_examples=20)
def test_no_node_breaks_the_air_time_rule_under_random_traffic(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["short", "hopping"]))
    limit = data.draw(st.integers(300, 3000)) * MILLISECOND
    counted = data.draw(st.booleans())
    net = mesh(
        5, 40.0, seed=data.draw(st.integers(0, 9)), rule_kind=kind, spread=data.draw(st.sampled_from([0.0, 0.3]))
    )
    net = net._replace(law=net.law._replace(limit=limit, answers_count=counted))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    count = data.draw(st.integers(1, 600))
    at = np.sort(rng.random(count) * 9000).astype(np.float64)
    ends = rng.integers(0, 25, (2, count))
    traffic = Traffic(at, ends[0], ends[1], rng.integers(1, 1504, count))
    check_rule(net, simulate(net, traffic, 1, 20_000.0, log=LOG), answers_count=counted)


@given(data=st.data())
@settings(max_examples=20)
def test_no_node_breaks_the_air_time_rule_in_a_living_and_disturbed_network(data: st.DataObject) -> None:
    limit = data.draw(st.integers(200, 3000)) * MILLISECOND
    places, seed = grid(5, 40.0), data.draw(st.integers(0, 9))
    load = Load(
        window=data.draw(st.sampled_from([5.0, 300.0])),
        requests=(600.0,),
        five_minute=data.draw(st.sampled_from([0.0, 0.5])),
        polls_per_hour=data.draw(st.sampled_from([0.0, 300.0])),
        controls_per_hour=100.0,
        firmware_blocks=data.draw(st.integers(0, 30)),
    )
    jammer = Jammer((50.0, 50.0, 2.0), -10.0, (1, 2, 3), data.draw(st.sampled_from(PATTERNS)), burst=0.2, rest=1.0)
    cold = data.draw(st.booleans())
    outage = Outage((3, 4, 5, 6), 1000.0, 1500.0)
    built = build_mesh(places, None, seed, jammers=[jammer], outages=[outage], settled=not cold)
    net = built.network._replace(law=built.network.law._replace(limit=limit))
    traffic = plan(load, 24, seed, 2).traffic
    result = simulate(net, traffic, seed, 5400.0, log=LOG, conditions=built.conditions)
    check_rule(net, result, answers_count=False)


def test_used_up_air_time_holds_packets_back_and_is_told() -> None:
    net = mesh(3, 20.0)
    net = net._replace(law=net.law._replace(limit=100 * MILLISECOND))
    count = 40
    traffic = Traffic(
        np.arange(count, dtype=np.float64), np.full(count, 1), np.zeros(count, dtype=np.int64), np.full(count, 162)
    )
    short = simulate(net, traffic, 1, 1800.0)
    assert short.losses() == {"air time used up": count - int(short.delivered.sum())}
    long = simulate(net, traffic, 1, 8 * 3660.0)
    assert long.delivered.all()
    assert long.delay.max() > 3600


def test_frames_longer_than_the_rule_allows_are_refused() -> None:
    wide = mesh(3, 20.0, mode_name="1b", rule_kind="short")
    one = Traffic(np.zeros(1), np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.full(1, 2043))
    simulate(wide, one, 1, 10.0)
    tight = wide._replace(rule=wide.rule._replace(longest=300 * MILLISECOND))
    with pytest.raises(FieldError, match=r"at most 0\.3 s"):
        simulate(tight, one, 1, 10.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *(({"channel_count": n}, "whole number from 1 to 14") for n in (0, 15, 40_000, 1.5, 0.5, 2**33, math.nan)),
        ({"mode_name": "5", "channel_count": 10}, "from 1 to 9"),
        ({"mode_name": "6"}, "there are"),
        ({"mac_name": "token ring"}, "there are"),
        ({"rule_kind": "none"}, "there are"),
        ({"spread": -1.0}, "spread"),
        ({"spread": math.nan}, "spread"),
        ({"spread": 1e30}, "spread"),
        ({"level_dbm": math.inf}, "level"),
        ({"level_dbm": 1e5}, "carrier sense level must be at most 100"),
        ({"fading_db": 1e4}, "fading"),
        ({"fading_s": 1e30}, "fading time"),
    ],
)
def test_impossible_networks_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(FieldError, match=words):
        mesh(3, 20.0, **change)


def test_impossible_link_tables_are_refused() -> None:
    loud = [np.array([[-np.inf, level], [-60.0, -np.inf]]) for level in (math.inf, 5000.0, 100.1)]
    for table in (np.full((2, 3), -60.0), np.full((2, 2), math.nan), np.zeros((0, 0)), *loud):
        with pytest.raises(FieldError):
            network(table, 1)


def test_impossible_traffic_is_refused() -> None:
    net = mesh(3, 20.0)
    good = readings(9, 1, 10.0)
    for bad in (
        good._replace(at=good.at[::-1]),
        good._replace(at=good.at - 100),
        good._replace(at=good.at + 1e12),
        good._replace(at=np.full(8, math.nan)),
        good._replace(origin=good.origin + 1),
        good._replace(target=good.target - 1),
        good._replace(psdu=np.full(8, 5000)),
    ):
        with pytest.raises(FieldError):
            simulate(net, bad, 1, 10.0)
    for seconds in (0.0, 1e30, math.nan, math.inf):
        with pytest.raises(FieldError, match="seconds of a simulation"):
            simulate(net, good, 1, seconds)
    with pytest.raises(FieldError):
        readings(0, 1, 10.0)


def text(name: str) -> str:
    return resources.files("twins.field.mesh").joinpath("data", name).read_text("utf-8")


def test_the_fan_s_defaults() -> None:
    fan = parameters.mac_table("fan")
    assert (fan.first_window, fan.first_window << fan.doublings) == (2**3, 2**5)
    assert (fan.busy_limit, fan.retries) == (8, 7)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("first_window = 8 # macMinBE 3", "first_window = 0"),
        ("doublings = 5", "doublings = -1"),
        ("queue = 64", "queue = 0"),
        ("ack_wait_us = 2000", "ack_wait_us = 1000"),
        ("retries = 7", ""),
    ],
)
def test_impossible_access_is_refused(old: str, new: str) -> None:
    assert old in text("mac.toml")
    with pytest.raises(FieldError, match="field: "):
        parameters.parse(text("mac.toml").replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [("max_link_etx = 4.0", "max_link_etx = 0.5"), ("max_hops = 24", "max_hops = 0"), ("[mrhof]", "[other]")],
)
def test_impossible_trees_are_refused(old: str, new: str) -> None:
    assert old in text("tree.toml")
    with pytest.raises(FieldError, match="field: "):
        tree.parse(text("tree.toml").replace(old, new, 1))


def test_the_long_rule_listens_longer() -> None:
    assert mesh(3, 20.0, rule_kind="long").mac.sense == 5 * MILLISECOND
    assert mesh(3, 20.0).law.limit == 360 * SECOND
