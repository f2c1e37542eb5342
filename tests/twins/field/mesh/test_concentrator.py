"""A concentrator's rounds: classes of traffic, causes that add up, refusals and warnings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.twins.field.mesh.test_simulation import grid
from twins.field.checks import FieldError
from twins.field.mesh.codes import ANSWER, OUTCOMES, SPARED
from twins.field.mesh.concentrator import Medium, build_mesh, depth, simulate_rounds
from twins.field.mesh.loads import Load, plan

FULL = Load(
    window=60.0,
    requests=(600.0, 1200.0),
    five_minute=0.2,
    polls_per_hour=60.0,
    controls_per_hour=60.0,
    firmware_blocks=5,
)


def test_every_missing_reading_has_one_cause_and_they_add_up() -> None:
    # Sending at once, in a rush, over links that are partly too long.
    where = np.vstack([grid(11, 35.0), [[5e4, 0.0], [5e4, 30.0]]])
    mesh = build_mesh(where, Medium(spread=0.0), 1)
    result = simulate_rounds(mesh, Load(window=5.0), 1, rounds=3)
    missing = np.isinf(result.arrival)
    assert missing.sum() == sum(result.losses().values())
    assert ((result.cause > 0) == missing).all()
    assert result.losses()["no route"] == 3 * len(mesh.tree.island) >= 6
    assert len(result.losses()) >= 3
    assert set(result.losses()) <= set(OUTCOMES[1:-1])


def test_the_same_arguments_give_the_same_rounds() -> None:
    mesh = build_mesh(grid(8, 30.0), None, 2)
    first, again, other = (simulate_rounds(mesh, FULL, seed) for seed in (1, 1, 2))
    assert (first.arrival == again.arrival).all()
    assert (first.air == again.air).all()
    assert (first.arrival != other.arrival).any()


def test_all_classes_come_through_and_are_counted() -> None:
    result = simulate_rounds(build_mesh(grid(8, 25.0), None, 2), FULL, 1, rounds=2)
    assert set(result.classes) >= {"reading", "poll", "five-minute", "control", "firmware"}
    assert result.classes["reading"].offered == 2 * 63
    assert result.classes["five-minute"].offered == round(0.2 * 63) * 12
    assert result.classes["firmware"].offered == 5 * 63
    for found in result.classes.values():
        assert found.arrived > 0.97 * found.offered
        assert 0 < found.p99 < 60
    assert result.classes["poll"].offered % 2 == 0  # a question and an answer


def test_requests_bring_what_is_missing_and_ask_for_nothing_else() -> None:
    mesh = build_mesh(grid(12, 25.0), Medium(spread=0.0), 1)
    rush = Load(window=5.0)
    bare = simulate_rounds(mesh, rush, 1)
    asked = simulate_rounds(mesh, rush._replace(requests=(300.0, 900.0)), 1)
    missing = np.isinf(bare.arrival)
    assert missing.sum() > 5
    assert asked.delivered() == 1.0
    assert (asked.arrival[missing] > 300.0).all()
    assert (asked.arrival[~missing] == bare.arrival[~missing]).all()
    assert asked.classes["answer"].offered == missing.sum() + (asked.arrival > 900.0).sum()


def test_requests_stop_at_the_first_answer() -> None:
    planned = plan(Load(requests=(300.0, 600.0)), 10, 1, 2)
    t = planned.traffic
    assert planned.answers.shape == (2, 2, 10)
    assert (np.asarray(t.group)[planned.answers] == ANSWER).all()
    second = np.flatnonzero(np.isin(t.reply, planned.answers[1]))
    assert (np.asarray(t.unless)[second] == planned.answers[0].ravel()[np.argsort(planned.answers[1].ravel())]).all()
    result = simulate_rounds(build_mesh(grid(4, 20.0), None, 1), Load(requests=(300.0, 600.0)), 1)
    assert (result.outcome.outcome == SPARED).sum() == 4 * 15


def test_more_load_means_later_readings() -> None:
    mesh = build_mesh(grid(12, 25.0), None, 1)
    quiet, busy = (simulate_rounds(mesh, Load(window=60.0, firmware_blocks=blocks), 1) for blocks in (0, 100))
    assert busy.classes["reading"].p99 > 1.2 * quiet.classes["reading"].p99
    assert busy.air.sum() > 10 * quiet.air.sum()


def test_flooding_is_damped_where_many_hear_each_other() -> None:
    # k = 8, at most two sendings each: in a crowd most keep silent.
    crowd = simulate_rounds(build_mesh(grid(10, 8.0), None, 1), Load(firmware_blocks=20), 1)
    blocks = crowd.classes["firmware"]
    assert blocks.arrived == blocks.offered
    sent = crowd.outcome.nodes["sent"].sum() - crowd.outcome.tries.sum()
    assert 20 < sent < 0.6 * 20 * 2 * 100


def test_flooded_blocks_reach_the_end_of_a_chain_and_stop_at_a_gap() -> None:
    received = np.full((8, 8), -np.inf)
    for k in (0, 1, 2, 3, 5, 6):
        received[k, k + 1] = received[k + 1, k] = -60.0
    where = [[30.0 * k, 0.0] for k in range(8)]
    mesh = build_mesh(where, None, 1, received_dbm=received)
    had = simulate_rounds(mesh, Load(firmware_blocks=5), 1).outcome.flooded
    assert np.isfinite(had[:, :5]).mean() > 0.95
    assert np.isinf(had[:, 5:]).all()
    assert (np.diff(had[:, :5], axis=1)[np.isfinite(had[:, 4])] > 0).all()


def test_worst_relays_are_those_that_take_over_for_others() -> None:
    result = simulate_rounds(build_mesh(grid(10, 60.0), None, 1), Load(window=300.0), 1)
    worst = result.worst_relays(3)
    assert [node for node, _, _ in worst] == np.argsort(-result.air, kind="stable")[:3].tolist()
    assert worst[0][2] > 0
    assert result.hops.max() >= 2
    assert (result.worst_hour <= result.air + 1e-9).all()


def test_depths_follow_parents_and_circles_lead_nowhere() -> None:
    assert depth(np.array([-1, 0, 1, -1, 3, 6, 5])).tolist() == [0, 1, 2, 0, 0, 0, 0]


def test_an_island_is_named() -> None:
    mesh = build_mesh([[0.0, 0.0], [20.0, 0.0], [1e5, 0.0]], None, 1)
    assert mesh.warnings == ("unreachable island: 1 of 2 meters have no way to the root: 2",)
    result = simulate_rounds(mesh, Load(requests=(600.0,)), 1)
    assert result.losses() == {"no route": 1}
    assert not np.isnan(result.arrival).any()
    assert result.hops.tolist() == [1, 0]
    assert build_mesh([[0.0, 0.0], [20.0, 0.0]], None, 1).warnings == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"medium": Medium(channels=0)}, "whole number from 1 to 14"),
        ({"medium": Medium(channels=15)}, "whole number from 1 to 14"),
        ({"medium": Medium(power_dbm=1e4)}, "power"),
        ({"medium": Medium(level_dbm=1e5)}, "level"),
        ({"extra_db": [1.0, 2.0, 3.0]}, "one number or 2"),
        ({"received_dbm": np.full((2, 2), np.inf)}, "no power above 100 dBm"),
        ({"received_dbm": np.full((2, 2), 5000.0)}, "no power above 100 dBm"),
        ({"load": Load(period=1e30)}, "period"),
        ({"tail": 1e12}, "tail"),
        ({"tail": math.nan}, "tail"),
        ({"medium": Medium(area="moon")}, "there are"),
        ({"medium": Medium(fading_db=-1.0)}, "fading"),
        ({"medium": Medium(fading_s=0.0)}, "fading"),
        ({"medium": Medium(spread=math.nan)}, "spread"),
        ({"medium": Medium(power_dbm=math.inf)}, "power"),
        ({"extra_db": -1.0}, "extra loss"),
        ({"positions": [[0.0, 0.0], [0.0, 0.0]]}, "0 m apart"),
        ({"positions": [[0.0, math.nan]]}, "finite"),
        ({"positions": [[0.0, 0.0]]}, "needs a meter"),
        ({"received_dbm": np.zeros((3, 3))}, "row and a column"),
        ({"load": Load(window=-1.0)}, "window"),
        ({"load": Load(window=1801.0)}, "window"),
        ({"load": Load(period=0.0)}, "period"),
        ({"load": Load(requests=(600.0, 300.0))}, "follow each other"),
        ({"load": Load(five_minute=1.1)}, "share"),
        ({"load": Load(polls_per_hour=-1.0)}, "polls"),
        ({"load": Load(firmware_blocks=-1)}, "blocks"),
        ({"load": Load(psdu=0)}, "byte"),
        ({"load": Load(psdu=2044)}, "PSDU|bytes|lasts"),
        ({"rounds": 0}, "rounds"),
        ({"tail": -1.0}, "tail"),
    ],
)
def test_the_impossible_is_refused(change: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"positions": [[0.0, 0.0], [20.0, 0.0]], "medium": None, "load": None, **change}
    build = {name: given[name] for name in ("extra_db", "received_dbm") if name in given}
    again = {name: given[name] for name in ("rounds", "tail") if name in given}
    with pytest.raises(FieldError, match=words):
        simulate_rounds(build_mesh(given["positions"], given["medium"], 1, **build), given["load"], 1, **again)
