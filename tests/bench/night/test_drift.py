"""Drift on bare arrays: how often noise alone is called drift, what is found, and what the floors are for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.night.drift import Series, drift_rules, find_moves

RULES = drift_rules()
NAN = float("nan")
PLACES, POINTS = 8, 20


def series(values: NDArray[np.float64], **fields: object) -> Series:
    """Rows of values, the last column tonight's; limits of ±2, a place a row, all of one kin unless told otherwise."""
    rows = len(values)
    defaults = {
        "low": np.full(rows, -2.0),
        "high": np.full(rows, 2.0),
        "resolution": np.zeros(rows),
        "counted": np.zeros(rows, dtype=bool),
        "kin": np.zeros(rows, dtype=np.int64),
        "place": np.arange(rows),
    }
    return Series(past=values[:, :-1], now=values[:, -1].copy(), **(defaults | fields))


def errors(seed: int, nights: int, noise: float, memory: float = 0.0) -> NDArray[np.float64]:
    """Errors of measurement in %: hidden ones of each meter, and noise that may remember the night before."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(PLACES * POINTS, nights + 1))
    for column in range(1, nights + 1):
        values[:, column] = memory * values[:, column - 1] + np.sqrt(1 - memory**2) * values[:, column]
    hidden = np.repeat(generator.normal(0, 0.3, PLACES), POINTS)
    return np.round(hidden[:, None] + noise * values, 3)


PLACE = np.repeat(np.arange(PLACES), POINTS)


@pytest.mark.parametrize("memory", [0.0, 0.7])
@pytest.mark.parametrize("nights", [1, 2, 5, 10, 19, 20, 30])
def test_of_ten_thousands_of_clean_values_hardly_any_is_called_drift(nights: int, memory: float) -> None:
    """A night of a rack has some hundred values: ten clean nights have about 5,000."""
    drifted = judged = 0
    for seed in range(60):
        # A noise that is large beside the floor, so that the floor does not help.
        moves = find_moves(series(errors(seed, nights, 0.05, memory), place=PLACE), RULES)
        drifted, judged = drifted + int(moves.drifted.sum()), judged + int(moves.judged.sum())
    assert judged == 60 * PLACES * POINTS
    assert drifted <= judged * 2e-4


@pytest.mark.parametrize("nights", [1, 2, 5, 19, 20, 30])
def test_with_the_noise_of_a_good_bench_ten_clean_nights_have_none(nights: int) -> None:
    for seed in range(60):
        moves = find_moves(series(errors(seed, nights, 0.01), place=PLACE), RULES)
        assert not moves.drifted.any()


@pytest.mark.parametrize("nights", [1, 2, 5, 20, 30])
def test_a_gain_drift_of_three_tenths_of_a_per_cent_is_found_where_it_is(nights: int) -> None:
    for seed in range(40):
        values = errors(seed, nights, 0.02)
        values[PLACE == 3, -1] += 0.3
        moves = find_moves(series(values, place=PLACE), RULES)
        assert moves.drifted[PLACE == 3].mean() >= 0.8
        assert not moves.drifted[PLACE != 3].any()


def test_what_never_changed_may_move_within_the_floor_of_its_limits_only() -> None:
    still = np.zeros((1, 31))
    for moved, drifted in ((0.079, False), (0.081, True)):  # 2 % of a width of 4
        still[0, -1] = moved
        assert find_moves(series(still), RULES).drifted[0] == drifted


def test_what_never_changed_may_move_by_a_step_of_its_resolution() -> None:
    still = np.full((2, 31), 100.0)
    still[:, -1] = (101.0, 102.0)
    moves = find_moves(series(still, low=np.full(2, NAN), high=np.full(2, NAN), resolution=np.ones(2)), RULES)
    assert moves.drifted.tolist() == [False, True]


def test_without_limits_and_resolution_a_still_value_may_move_by_a_thousandth() -> None:
    still = np.full((2, 31), 50.0)
    still[:, -1] = (50.04, 50.06)
    moves = find_moves(series(still, low=np.full(2, NAN), high=np.full(2, NAN)), RULES)
    assert moves.drifted.tolist() == [False, True]


def test_counts_of_chance_scatter_though_they_were_zero_for_a_month() -> None:
    counts = np.zeros((2, 31))
    counts[:, -1] = (5.0, 12.0)
    none = np.full(2, NAN)
    moves = find_moves(series(counts, low=none, high=none, counted=np.ones(2, dtype=bool)), RULES)
    assert moves.drifted.tolist() == [False, True]


def test_a_move_away_from_the_only_limit_is_to_the_better() -> None:
    values = np.full((4, 31), 900.0) + np.random.default_rng(3).normal(0, 5, (4, 31))
    values[:, -1] = (600.0, 1200.0, 600.0, 1200.0)
    low, high = np.array([NAN, NAN, 100.0, 100.0]), np.array([3600.0, 3600.0, NAN, NAN])
    moves = find_moves(series(values, low=low, high=high), RULES)
    assert moves.drifted.all()
    assert moves.better.tolist() == [True, False, False, True]


def test_a_young_series_without_kin_is_not_judged_and_is_once_it_is_old_enough() -> None:
    for nights in (0, 1, RULES.sample - 1, RULES.sample, RULES.sample + 1):
        values = np.random.default_rng(nights).normal(0, 0.01, (1, nights + 1))
        values[0, -1] = 1.0
        moves = find_moves(series(values), RULES)
        assert moves.judged[0] == moves.drifted[0] == (nights >= RULES.sample)


def test_a_place_that_drifts_does_not_excuse_itself_on_the_second_night() -> None:
    values = errors(1, 1, 0.01)
    values[PLACE == 0, -1] += 0.5
    alone = PLACE == 0
    own = series(values[alone], place=PLACE[alone])
    assert not find_moves(own, RULES).judged.any()
    moves = find_moves(series(values, place=PLACE), RULES)
    assert moves.drifted.tolist() == alone.tolist()


def test_a_young_value_within_the_range_of_its_nights_has_not_moved() -> None:
    values = errors(2, 2, 0.001)
    values[5, :] = (0.0, 1.5, 0.7)
    moves = find_moves(series(values, place=PLACE), RULES)
    assert not moves.drifted.any()
    assert moves.moved[5] == 0


def test_nights_there_counts_back_over_gaps() -> None:
    values = np.random.default_rng(5).normal(0, 0.01, (1, 31))
    values[0, -4:] = (1.0, 1.0, NAN, 1.0)
    moves = find_moves(series(values), RULES)
    assert moves.drifted[0]
    assert moves.nights[0] == 3


@given(
    st.lists(st.one_of(st.just(NAN), st.floats(-1e9, 1e9)), min_size=0, max_size=31),
    st.floats(-1e9, 1e9),
    st.booleans(),
    st.booleans(),
)
def test_whatever_came_before_judging_gives_a_number_or_nothing(
    past: list[float], now: float, limited: bool, counted: bool
) -> None:
    values = np.array([[*past, now]])
    bounds = {} if limited else {"low": np.array([NAN]), "high": np.array([NAN])}
    moves = find_moves(series(values, counted=np.array([counted]), **bounds), RULES)
    enough = int((~np.isnan(np.array(past, dtype=float))).sum()) >= RULES.sample
    assert moves.judged[0] == enough
    assert np.isfinite(moves.threshold[0]) == enough
    assert moves.nights[0] >= 1
