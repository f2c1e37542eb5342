"""Sites: nested neighbourhoods with the density and surroundings of their class, always the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twins.field.checks import FieldError
from twins.field.classes import AREA_CLASSES, area_class, parse
from twins.field.layouts import CONCENTRATOR_CLEAR_M, layout, link_table, site_of
from twins.field.settings import MOST_METERS, MeshSetting


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(AREA_CLASSES), st.integers(1, 200), st.integers(0, 200), st.integers(0, 10_000))
def test_a_site_with_more_meters_is_the_same_neighbourhood_wider(name: str, few: int, more: int, site: int) -> None:
    setting = MeshSetting(area_class=name)
    small, large = layout(setting, few, site), layout(setting, few + more, site)
    assert (large.positions[: few + 1] == small.positions).all()
    assert (large.extra_db[: few + 1] == small.extra_db).all()
    away = np.hypot(*large.positions[1:].T)
    assert (np.diff(away) >= 0).all() and away[0] >= CONCENTRATOR_CLEAR_M


@pytest.mark.parametrize("name", AREA_CLASSES)
def test_a_class_has_its_density_and_its_surroundings(name: str) -> None:
    table = area_class(name)
    sites = [layout(MeshSetting(area_class=name), 500, site) for site in range(10)]
    reach = np.mean([np.hypot(*site.positions[-1]) for site in sites])
    assert np.sqrt(np.pi * reach**2 / 500) == pytest.approx(table.spacing_m, rel=0.05)
    chosen = np.concatenate([np.array(site.names)[site.around[1:]] for site in sites])
    for around, share in table.around.items():
        assert (chosen == around).mean() == pytest.approx(share, abs=0.03)
    assert all(site.extra_db[0] == 0 for site in sites)


def test_sites_differ_and_concentrators_are_spread_over_them() -> None:
    assert (layout(MeshSetting(), 50, 1).positions != layout(MeshSetting(), 50, 2).positions).any()
    sites = site_of(3, np.arange(4800), 48)
    assert np.bincount(sites, minlength=48).min() > 60
    assert (sites[:10] == site_of(3, np.arange(10), 48)).all()


def test_what_stands_around_a_meter_weakens_its_links_by_just_that() -> None:
    open_, boxed = (
        link_table(s, layout(s, 20, 0)) for s in (MeshSetting(around=((w, 1.0),)) for w in ("open", "meter_box"))
    )
    off = ~np.eye(21, dtype=bool)
    between = (np.arange(21)[:, None] > 0).astype(int) + (np.arange(21)[None, :] > 0)
    assert boxed.loss_db[off] - open_.loss_db[off] == pytest.approx(7.0 * between[off])


@pytest.mark.parametrize(
    ("setting", "meters", "message"),
    [
        (MeshSetting(), 0, "1 to 1000 meters"),
        (MeshSetting(), MOST_METERS + 1, "1 to 1000 meters"),
        (MeshSetting(spacing_m=0.5), 10, "2 to 1000 m apart"),
        (MeshSetting(spacing_m=float("nan")), 10, "2 to 1000 m apart"),
        (MeshSetting(around=(("open", 0.5),)), 10, "sum to 1"),
        (MeshSetting(around=(("moon", 1.0),)), 10, "unknown 'moon'"),
        (MeshSetting(window_s=0.0), 10, "within some time"),
        (MeshSetting(retry_spread_s=-1.0), 10, "at most a minute"),
    ],
)
def test_a_site_that_cannot_be_is_refused(setting: MeshSetting, meters: int, message: str) -> None:
    with pytest.raises(FieldError, match=message):
        layout(setting, meters, 0)


def test_a_broken_file_of_classes_is_refused() -> None:
    with pytest.raises(FieldError, match=r"classes\.toml"):
        parse("[urban]\nmodel = 3\n")
