"""Path loss medians against the table of field-network §2 (0.1 dB), ranges, and what cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twins.field.checks import FieldError
from twins.field.physics.path_loss import (
    in_range,
    line_of_sight_reach,
    low_height_loss,
    median_loss,
    models,
    shadowing_db,
)

TABLE = {
    "free_space": (51.7, 61.3, 71.7, 81.3),
    "p1411_los": (49.7, 59.8, 70.9, 81.0),
    "p1411_high_rise": (None, 68.5, 89.4, 108.5),
    "p1411_residential": (None, 62.5, 78.3, 92.6),
    "low_height_suburban": (62.9, 82.0, 102.9, 122.0),
    "umi_nlos": (56.9, 73.8, 92.2, 109.1),
    "uma_nlos": (51.9, 70.6, 91.0, 109.6),
    "indoor_nlos": (54.7, 73.0, 93.0, 111.3),
}


@pytest.mark.parametrize("model", TABLE)
def test_medians_agree_with_the_table(model: str) -> None:
    for metres, expected in zip((10, 30, 100, 300), TABLE[model], strict=True):
        if expected is not None:
            assert median_loss(model, metres) == pytest.approx(expected, abs=0.1)


def test_environments_of_low_antennas_differ_by_their_extra_loss() -> None:
    suburban = median_loss("low_height_suburban", 100)
    assert median_loss("low_height_urban", 100) - suburban == pytest.approx(6.8)
    assert median_loss("low_height_dense", 100) - suburban == pytest.approx(2.3)


def test_the_places_that_see_the_other_end() -> None:
    reach = {0.01: 976, 0.1: 276, 0.3: 91, 0.5: 44, 0.7: 30, 0.9: 16}
    for share, metres in reach.items():
        assert line_of_sight_reach(share) == pytest.approx(metres, abs=0.5)


def test_half_of_the_places_see_44_metres_and_then_lose_sight() -> None:
    near = low_height_loss("suburban", [20.0, 44.1], 50)
    assert near == pytest.approx(median_loss("free_space", [20.0, 44.1]), abs=0.1)
    assert low_height_loss("suburban", 100.0, 50) == pytest.approx(102.9, abs=0.1)
    between = low_height_loss("suburban", np.linspace(44.2, 64.2, 21), 50)
    assert np.diff(between) == pytest.approx(between[1] - between[0])
    assert low_height_loss("urban", 200.0, 90) > low_height_loss("urban", 200.0, 50)


def test_the_sets_of_38_901_never_fall_below_their_line_of_sight() -> None:
    metres = np.geomspace(10, 5000, 60)
    for name in ("umi", "uma", "rural", "indoor"):
        assert (median_loss(f"{name}_nlos", metres) >= median_loss(f"{name}_los", metres) - 1e-9).all()


def test_beyond_the_breakpoint_line_of_sight_falls_by_40_db_a_decade() -> None:
    for name, turning in (("umi", 55.3), ("uma", 147.5), ("rural", 1013.0)):
        far = median_loss(f"{name}_los", [turning * 1.5, turning * 15])
        assert far[1] - far[0] == pytest.approx(40.0)
        around = median_loss(f"{name}_los", [turning * 0.99, turning * 1.01])
        assert abs(around[1] - around[0]) < 1.0


def test_rural_agrees_with_the_formula_by_hand() -> None:
    # 35 m base, 5 m houses, 20 m streets, 1.5 m meter, 922 MHz, 1000 m.
    by_hand = 161.04 - 7.1 * math.log10(20) + 7.5 * math.log10(5) - (24.37 - 3.7 * (5 / 35) ** 2) * math.log10(35)
    by_hand += 20 * math.log10(0.922) - (3.2 * math.log10(11.75 * 1.5) ** 2 - 4.97)
    assert median_loss("rural_nlos", 1000) == pytest.approx(by_hand)


def test_a_median_is_at_least_free_space_or_what_its_source_prints_for_a_line_of_sight() -> None:
    metres = np.geomspace(0.1, 1e4, 2000)
    free = median_loss("free_space", metres)
    for name, model in models().items():
        below = median_loss(name, metres) < free - 1e-9
        if not model.guided:
            assert not below.any(), name
        elif not model.sight:
            assert not below[metres < model.range_m[0]].any(), name


@pytest.mark.parametrize("model", sorted(name for name, model in models().items() if model.guided))
def test_within_its_range_a_guided_wave_has_the_printed_loss_even_below_free_space(model: str) -> None:
    chosen = models()[model]
    metres = np.geomspace(*chosen.range_m, 200)[1:-1]
    assert median_loss(model, metres).tolist() == chosen.median(metres, 922.0, 1.5).tolist()


@pytest.mark.parametrize("environment", ["suburban", "urban", "dense"])
def test_low_antennas_near_each_other_lose_what_free_space_takes(environment: str) -> None:
    metres = np.array([0.99, 1.0, 1.2])
    assert median_loss(f"low_height_{environment}", metres) == pytest.approx(median_loss("free_space", metres))


@pytest.mark.parametrize("model", sorted(set(models()) - {"rural_nlos", "indoor_nlos"}))
def test_the_loss_does_not_fall_where_the_range_of_the_source_begins(model: str) -> None:
    first = models()[model].range_m[0]
    assert (np.diff(median_loss(model, first * np.geomspace(0.1, 1.2, 500))) >= -1e-9).all()


def test_rural_shadowing_is_wider_beyond_the_breakpoint() -> None:
    assert shadowing_db("rural_los", [100.0, 1010.0, 1020.0, 5000.0]).tolist() == [4.0, 4.0, 6.0, 6.0]
    assert shadowing_db("rural_los", 1020.0, height=2.0) == 4.0


@pytest.mark.parametrize("model", sorted(set(models()) - {"rural_los"}))
def test_other_shadowing_is_the_same_at_all_distances(model: str) -> None:
    assert shadowing_db(model, [[1.0, 50.0], [1020.0, 9000.0]]).tolist() == [[models()[model].sigma_db] * 2] * 2


@given(st.sampled_from(sorted(models())), st.floats(1e-3, 1e6))
def test_every_distance_has_a_finite_loss(model: str, metres: float) -> None:
    assert math.isfinite(float(median_loss(model, metres)))


def test_distances_outside_the_source_are_told() -> None:
    assert in_range("p1411_residential", [29, 30, 170, 171]).tolist() == [False, True, True, False]


@pytest.mark.parametrize("metres", [0.0, -1.0, math.nan, math.inf, "far", [10.0, 0.0]])
def test_impossible_distances_are_refused(metres: object) -> None:
    with pytest.raises(FieldError, match="distance"):
        median_loss("free_space", metres)  # type: ignore[arg-type]
    with pytest.raises(FieldError, match="distance"):
        in_range("free_space", metres)  # type: ignore[arg-type]


def test_other_impossible_questions_are_refused() -> None:
    with pytest.raises(FieldError, match=r"there are .*umi_nlos"):
        median_loss("hata", 10)
    with pytest.raises(FieldError, match="frequency"):
        median_loss("free_space", 10, mhz=0)
    with pytest.raises(FieldError, match="height"):
        median_loss("umi_los", 10, height=0.5)
    for percent in (0, 100, math.nan):
        with pytest.raises(FieldError, match="percent"):
            low_height_loss("suburban", 10, percent)
    with pytest.raises(FieldError):
        low_height_loss("rural", 10, 50)
    with pytest.raises(FieldError):
        line_of_sight_reach(0.0)
