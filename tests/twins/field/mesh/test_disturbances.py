"""Jammers, shaded links and outages: who suffers, what it is put down to, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.twins.field.mesh.test_simulation import grid
from twins.field.checks import FieldError
from twins.field.mesh.codes import PATTERNS
from twins.field.mesh.concentrator import Medium, Mesh, Rounds, build_mesh, simulate_rounds
from twins.field.mesh.disturbances import Jammer, Outage, Shade
from twins.field.mesh.loads import Load

LOAD = Load(window=120.0)
NEAR = Jammer((50.0, 50.0, 3.0), 13.0)
IMPOSSIBLE_CHANNELS: Any = ((14,), (3, -1), (1.5,), (math.nan,))


def housing(**choices: Any) -> Mesh:
    return build_mesh(grid(7, 20.0), choices.pop("medium", None), 3, **choices)


def run(mesh: Mesh, load: Load = LOAD, rounds: int = 1) -> Rounds:
    return simulate_rounds(mesh, load, 1, rounds=rounds, tail=60.0)


def test_without_disturbance_everything_comes() -> None:
    assert run(housing()).losses() == {}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_jammer_beside_one_concentrator_hurts_its_meters_and_not_those_of_another(pattern: str) -> None:
    sending = NEAR._replace(pattern=pattern, burst=0.3, rest=0.01, power_dbm=20.0)
    one, other = grid(7, 20.0), grid(7, 20.0) + np.array([20_000.0, 0.0])
    # Two channels only: a deceptive jammer, on one channel at a time, is survived by retries on many.
    medium = Medium(spread=0.0, channels=2)
    near, far = (
        simulate_rounds(build_mesh(where, medium, 3, jammers=[sending]), LOAD, 1, tail=60.0) for where in (one, other)
    )
    calm = [simulate_rounds(build_mesh(where, medium, 3), LOAD, 1, tail=60.0) for where in (one, other)]
    assert near.losses().get("jammed", 0) > 5
    assert near.delivered() < calm[0].delivered() - 0.1
    assert far.losses().get("jammed", 0) == 0
    assert far.delivered() == calm[1].delivered()
    assert near.outcome.jammer_air[0] > 0.1
    assert sum(near.losses().values()) == np.isinf(near.arrival).sum()


def test_what_is_lost_beside_a_jammer_would_have_come_without_it() -> None:
    # Half of the channels, and no second try: what is not jammed is lost no more often than without the jammer.
    some = NEAR._replace(channels=tuple(range(7)), power_dbm=30.0)
    medium = Medium(mac="fan", spread=0.0)
    jammed, calm = (run(housing(jammers=j, medium=medium)) for j in ((some,), ()))
    losses = jammed.losses()
    assert losses["jammed"] > 5
    assert sum(losses.values()) - losses["jammed"] <= sum(calm.losses().values()) + 2


def test_jamming_is_survived_where_retries_reach_other_channels() -> None:
    some = NEAR._replace(channels=(1, 2, 3), power_dbm=-10.0)
    at_once, spread = (run(housing(jammers=(some,), medium=Medium(spread=s)), rounds=3).delivered() for s in (0.0, 0.3))
    assert spread > max(0.97, at_once + 0.05)


def test_a_jammer_above_the_legal_level_keeps_nodes_from_sending_at_all() -> None:
    calm, loud = (run(housing(jammers=j)) for j in ((), (NEAR._replace(power_dbm=30.0),)))
    assert loud.losses() == {"jammed": 48}
    assert loud.outcome.nodes["busy"].sum() == 48 * 9 > calm.outcome.nodes["busy"].sum()
    assert loud.outcome.nodes["sent"].sum() < calm.outcome.nodes["sent"].sum()


def test_a_jammer_that_is_over_or_far_away_does_nothing() -> None:
    late = NEAR._replace(begin=1000.0)
    far = NEAR._replace(place=(1e6, 0.0, 3.0))
    for jammer in (late, far):
        assert run(housing(jammers=(jammer,))).losses() == {}


def test_a_closed_door_shades_a_meter_and_a_truck_one_link() -> None:
    mesh = housing()
    below = int(mesh.tree.parent[40])
    door = run(housing(shades=(Shade(40, 80.0, 0.0, 1000.0),)))
    assert door.losses() == {"link shaded": 1}
    assert door.cause[0, 39] > 0
    truck = run(housing(shades=(Shade(40, 80.0, 0.0, 1000.0, other=below),)))
    assert truck.losses() == {"link shaded": 1}
    passing = run(housing(shades=(Shade(40, 80.0, 500.0, 1000.0),)))
    assert passing.losses() == {}


def test_a_shade_that_ends_leaves_the_link_as_it_was() -> None:
    again = run(housing(shades=(Shade(40, 80.0, 0.0, 1000.0),)), rounds=2)
    assert again.losses() == {"link shaded": 1}
    assert np.isfinite(again.arrival[1]).all()


def test_fading_makes_weak_links_fail_now_and_then() -> None:
    received = np.full((2, 2), -np.inf)
    received[0, 1] = received[1, 0] = -83.0
    traffic = Load(window=1700.0)
    where = [[0.0, 0.0], [30.0, 0.0]]
    hits = []
    for deviation in (0.0, 12.0):
        mesh = build_mesh(where, Medium(fading_db=deviation, fading_s=30.0, spread=0.0), 1, received_dbm=received)
        hits.append(simulate_rounds(mesh, traffic, 1, rounds=200, tail=60.0))
    assert hits[0].losses() == {}
    assert set(hits[1].losses()) == {"signal too weak"}
    # The level is normal in dB: 12 dB of deviation lie below -104 dBm with a chance of 4 %.
    assert 0.01 < 1 - hits[1].delivered() < 0.08


def test_an_outage_takes_readings_and_nodes_come_back() -> None:
    meters = tuple(range(1, 20))
    result = run(housing(outages=(Outage(meters, 1000.0, 2500.0),)), rounds=4)
    lost = result.losses()
    assert set(lost) <= {"without power", "not joined"}
    assert lost["without power"] >= len(meters)
    assert np.isfinite(result.arrival[[0, 3]]).all()
    assert np.isfinite(result.arrival[:, 19:]).mean() > 0.9
    assert (result.joined[meters,] > 2500.0).all()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"jammers": [NEAR._replace(channels=())]}, "no channel"),
        *(({"jammers": [NEAR._replace(channels=c)]}, "from 0 to 13") for c in IMPOSSIBLE_CHANNELS),
        ({"jammers": [NEAR._replace(pattern="polite")]}, "there are"),
        *(({"jammers": [NEAR._replace(power_dbm=p)]}, "power") for p in (math.nan, 1e4)),
        *(({"jammers": [NEAR._replace(pattern=p, burst=1e-10, rest=0.0)]}, "1 µs") for p in ("random", "deceptive")),
        ({"jammers": [NEAR._replace(begin=1e30)]}, "times"),
        ({"jammers": [NEAR._replace(burst=1e30)]}, "time of a burst"),
        ({"jammers": [NEAR._replace(rest=1e30)]}, "times"),
        ({"jammers": [NEAR._replace(reaction=1e30)]}, "times"),
        ({"jammers": [NEAR._replace(level_dbm=1e5)]}, "level"),
        ({"jammers": [NEAR._replace(burst=0.0)]}, "burst must be above 0"),
        ({"jammers": [NEAR._replace(burst=-1.0)]}, "time"),
        ({"jammers": [NEAR._replace(end=-1.0)]}, "ends after"),
        ({"jammers": [NEAR._replace(place=(0.0, 0.0, 0.0))]}, "m from a node"),
        ({"shades": [Shade(99, 3.0, 0.0, 1.0)]}, "no such link"),
        ({"shades": [Shade(1, 3.0, 0.0, 1.0, other=1)]}, "no such link"),
        ({"shades": [Shade(1, -3.0, 0.0, 1.0)]}, "loss"),
        ({"shades": [Shade(1, 3.0, 2.0, 1.0)]}, "ends after"),
        ({"shades": [Shade(1, 3.0, 2.0, 1e30)]}, "end"),
        ({"outages": [Outage((0,), 0.0, 1.0)]}, "nodes are 1"),
        ({"outages": [Outage((1,), 1e30)]}, "begin"),
        ({"outages": [Outage((1,), -1.0, 1.0)]}, "begin"),
    ],
)
def test_impossible_disturbances_are_refused(what: dict[str, Any], words: str) -> None:
    with pytest.raises(FieldError, match=words):
        run(housing(**what))
