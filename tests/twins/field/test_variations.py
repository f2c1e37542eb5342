"""Loss that comes and goes: one function of time, the same for whoever asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twins.field.checks import FieldError
from twins.field.variations import Variation, extra_db, kind_of, kinds, loss_db, of_concentrator, steps

SEED = 5


def variation(**given: Any) -> Variation:
    usual: dict[str, Any] = {
        "name": "van",
        "kind": "truck",
        "concentrator": 0,
        "node": 2,
        "begin": 600.0,
        "end": 1200.0,
        "db": 10.0,
    }
    return Variation(**(usual | given))


FADING = variation(name="people", kind="fading", db=4.0, fading_s=60.0, begin=0.0, end=1e6)


def test_every_kind_says_where_its_figures_are_from() -> None:
    assert set(kinds()) == {"door", "truck", "fading"}
    assert all(kind.source and not kind.verified for kind in kinds().values())
    with pytest.raises(FieldError, match="there are door, fading, truck"):
        kind_of("earthquake")


def test_an_even_loss_is_there_from_its_begin_until_its_end() -> None:
    at = np.array([0.0, 599.9, 600.0, 1199.9, 1200.0])
    assert loss_db(variation(), SEED, at).tolist() == [0, 0, 10, 10, 0]
    assert steps(variation(), SEED, 0.0, 900.0, 1.0)[0].end == 900.0
    assert not steps(variation(), SEED, 1200.0, 2000.0, 1.0)


@pytest.mark.requirement("U9")
def test_a_door_takes_from_all_links_of_its_node_and_a_truck_from_the_way_up_alone() -> None:
    truck, door = variation(way_up=True), variation(kind="door")
    for each, to_child in ((truck, 0.0), (door, 10.0)):
        assert extra_db([each], SEED, 700.0, node=2, parent=0) == 10.0
        assert extra_db([each], SEED, 700.0, node=5, parent=2) == to_child
        assert extra_db([each], SEED, 700.0, node=5, parent=0) == 0.0
    assert extra_db([truck, door], SEED, 700.0, node=2, parent=0) == 20.0
    assert of_concentrator([truck, variation(concentrator=1)], 1) == (variation(concentrator=1),)


def test_fading_is_a_function_of_time_that_only_loses() -> None:
    at = np.arange(0.0, 200_000.0, 7.0)
    loss = loss_db(FADING, SEED, at)
    assert [float(loss_db(FADING, SEED, second)) for second in at[:50]] == loss[:50].tolist()
    assert loss.min() == 0.0
    assert np.sqrt((loss**2).mean()) == pytest.approx(4.0 / np.sqrt(2), rel=0.05)  # half of a normal drift
    assert np.abs(np.diff(loss_db(FADING, SEED, np.arange(0.0, 600.0, 0.1)))).max() < 0.1  # it drifts
    assert not np.array_equal(loss, loss_db(FADING, SEED + 1, at))
    other = variation(name="people", kind="fading", db=4.0, fading_s=60.0, begin=0.0, end=1e6, node=3)
    assert not np.array_equal(loss, loss_db(other, SEED, at))


def test_steps_of_fading_follow_it() -> None:
    found = steps(FADING, SEED, 300.0, 900.0, 7.5)
    assert found
    for step in found:
        assert step.db == pytest.approx(float(loss_db(FADING, SEED, (step.begin + step.end) / 2)))
        assert 300.0 <= step.begin < step.end <= 900.0


def test_steps_end_after_they_begin_where_the_last_one_is_hardly_there() -> None:
    # 2160 = 1911.6 + 27 x 9.2, but for the last digit of a double
    people = variation(kind="fading", db=4.0, fading_s=73.6, begin=1911.6, end=1911.6 + 3216.0)
    for seed in range(10):
        found = steps(people, seed, 1800.0, 2160.0, 73.6 / 8)
        assert found and all(step.begin < step.end <= 2160.0 for step in found)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"end": 600.0}, "van begins and ends"),
        ({"begin": float("nan")}, "van begins and ends"),
        ({"db": -1.0}, "a loss lies between 0 and 200 dB"),
        ({"db": float("nan")}, "a loss lies between 0 and 200 dB"),
        ({"fading_s": -1.0}, "fading takes some time"),
        ({"node": -1}, "there is no such node"),
        ({"node": 0, "way_up": True}, "a concentrator has no way up"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(FieldError, match=told):
        variation(**given)
