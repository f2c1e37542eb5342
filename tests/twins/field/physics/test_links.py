"""Shadowing is the same both ways, correlated as told, and looked up by place; a link table has no NaN."""

from __future__ import annotations

import math
from importlib import resources

import numpy as np
import pytest

from twins.field.checks import FieldError
from twins.field.physics.links import extra_db, links
from twins.field.physics.parameters import (
    PathLoss,
    PhyModes,
    Radio,
    check_path_loss,
    check_phy,
    check_radio,
    parse,
)
from twins.field.physics.path_loss import median_loss
from twins.field.physics.shadowing import Shadowing

GRID = np.array([[x * 20.0, y * 20.0] for x in range(8) for y in range(8)])


def test_shadowing_has_the_told_moments() -> None:
    places = np.random.default_rng(1).uniform(0, 5000, (300, 2))
    values = np.stack([Shadowing(seed, 50.0).between(places)[np.triu_indices(300, 1)] for seed in range(8)])
    assert values.mean() == pytest.approx(0, abs=0.02)
    assert values.std() == pytest.approx(1, abs=0.02)
    assert (np.abs(values) > 1.96).mean() == pytest.approx(0.05, abs=0.005)


def test_links_whose_ends_move_decorrelate_as_told() -> None:
    near, far = np.array([[0.0, 0.0]]), np.array([[2000.0, 0.0], [2010.0, 0.0], [2050.0, 0.0], [2200.0, 0.0]])
    values = np.stack([Shadowing(seed, 50.0).between(near, far)[0] for seed in range(800)])
    correlation = np.corrcoef(values.T)[0]
    assert correlation == pytest.approx([1, math.exp(-0.2), math.exp(-1), math.exp(-4)], abs=0.09)


def test_short_links_have_the_same_spread_as_long_ones() -> None:
    ends = np.array([[1.0, 0.0], [20.0, 0.0], [900.0, 0.0]])
    values = np.stack([Shadowing(seed, 50.0).between(np.zeros((1, 2)), ends)[0] for seed in range(800)])
    assert values.std(axis=0) == pytest.approx(1, abs=0.09)


def test_a_link_has_its_value_whoever_asks() -> None:
    field = Shadowing(5, 50.0)
    all_links = field.between(GRID)
    assert all_links == pytest.approx(all_links.T, abs=1e-9)
    order = np.random.default_rng(2).permutation(len(GRID))[:20]
    assert Shadowing(5, 50.0).between(GRID[order]) == pytest.approx(all_links[np.ix_(order, order)], abs=1e-9)
    assert field.between(GRID[:3], GRID[10:12]) == pytest.approx(all_links[:3, 10:12], abs=1e-9)
    assert np.abs(Shadowing(6, 50.0).between(GRID) - all_links).max() > 1


def test_a_link_table_is_median_extras_and_shadowing() -> None:
    table = links("housing", GRID, 3, extra_db=np.r_[7.0, np.zeros(63)], power_dbm=13.0)
    off = ~np.eye(64, dtype=bool)
    assert np.isfinite(table.received_dbm[off]).all()
    assert (table.received_dbm[~off] == -np.inf).all()
    assert table.loss_db == pytest.approx(table.loss_db.T)
    shadow = (table.loss_db[off] - links("housing", GRID, 3).loss_db[off]).reshape(64, 63)
    assert shadow[0] == pytest.approx(7.0)
    assert shadow[1:, 1:] == pytest.approx(0.0, abs=1e-9)
    rest = table.loss_db[1, 2:] - median_loss("p1411_residential", table.metres[1, 2:])
    assert np.abs(rest).max() < 5 * 3.07
    assert table.received_dbm[1, 2] == 13.0 - table.loss_db[1, 2]


def test_one_node_alone_has_no_link() -> None:
    assert links("dense", [[0.0, 0.0]], 1).received_dbm.tolist() == [[-math.inf]]


def test_heights_count_as_distance() -> None:
    assert links("building", [[0.0, 0.0, 0.0], [0.0, 4.0, 3.0]], 1).metres[0, 1] == 5.0


def test_extras_of_places() -> None:
    assert [extra_db(name) for name in ("open", "pipe_shaft", "basement", "underground")] == [0, 7, 20, 50]


@pytest.mark.parametrize(
    ("area", "positions", "extra", "words"),
    [
        ("dense", [[0.0, 0.0], [0.0, 0.0]], 0.0, "0 m apart"),
        ("dense", [[0.0, 0.0], [9.0, 0.0]], -1.0, "at least 0"),
        ("dense", [[0.0, 0.0], [9.0, math.nan]], 0.0, "finite"),
        ("dense", np.zeros((0, 2)), 0.0, "at least one node"),
        ("dense", [0.0, 1.0], 0.0, "rows"),
        ("moon", [[0.0, 0.0]], 0.0, "there are"),
        ("dense", [[0.0, 0.0], [9.0, 0.0]], [1.0, 2.0, 3.0], "extra loss must be one number or 2, one each, not 3"),
        ("dense", [[0.0, 0.0], [9.0, 0.0]], [[1.0, 2.0]], "one number or 2"),
    ],
)
def test_impossible_layouts_are_refused(
    area: str, positions: list[list[float]], extra: float | list[float], words: str
) -> None:
    with pytest.raises(FieldError, match=words):
        links(area, positions, 1, extra_db=extra)


@pytest.mark.parametrize("power", [1e4, 101.0, math.inf, math.nan])
def test_impossible_powers_are_refused(power: float) -> None:
    with pytest.raises(FieldError, match="power in dBm"):
        links("dense", [[0.0, 0.0], [9.0, 0.0]], 1, power_dbm=power)


def test_unknown_extras_and_correlations_are_refused() -> None:
    with pytest.raises(FieldError, match="meter_box"):
        extra_db("cellar")
    with pytest.raises(FieldError):
        Shadowing(1, 0.0)


def text(name: str) -> str:
    return resources.files("twins.field.physics").joinpath("data", name).read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('floor = "umi_los"', 'floor = "moon"'),
        ('floor = "umi_los"', 'floor = "uma_nlos"'),
        ("alpha = 2.12", "alpha = 0.0"),
        ("range_m = [5.0, 660.0]", "range_m = [660.0, 5.0]"),
        ("correlation_m = 6.0", "correlation_m = 0.0"),
        ("db = 50.0", "db = -50.0"),
        ("frequency_mhz = 922.0", "frequency_mhz = 0.0"),
        ("beta = 29.2", ""),
    ],
)
def test_impossible_loss_models_are_refused(old: str, new: str) -> None:
    assert old in text("path_loss.toml")
    with pytest.raises(FieldError, match="field: "):
        check_path_loss(parse(text("path_loss.toml").replace(old, new, 1), PathLoss, "path_loss.toml"))


@pytest.mark.parametrize(
    ("old", "new"),
    [("plan = 21", "plan = 25"), ("allowed = [9, 37]", "allowed = [9, 38]"), ("rate_kbps = 50", "rate_kbps = 0")],
)
def test_impossible_modes_are_refused(old: str, new: str) -> None:
    assert old in text("phy_modes.toml")
    with pytest.raises(FieldError, match="field: "):
        check_phy(parse(text("phy_modes.toml").replace(old, new, 1), PhyModes, "phy_modes.toml"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("noise_figure_db = 8.0", "noise_figure_db = -1.0"),
        ("penalty_db = 2.0", "penalty_db = -2.0"),
        ("rejection_db = 25.0", "rejection_db = -1.0"),
        ("dwell_ms = 255", "dwell_ms = 0"),
    ],
)
def test_impossible_receivers_are_refused(old: str, new: str) -> None:
    assert old in text("radio.toml")
    with pytest.raises(FieldError, match="field: "):
        check_radio(parse(text("radio.toml").replace(old, new, 1), Radio, "radio.toml"))
