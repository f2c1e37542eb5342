"""Tables of statistics: those that ship are whole and of today's figures; in between is in between."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from twins.field.checks import FieldError
from twins.field.classes import AREA_CLASSES
from twins.field.settings import MeshSetting
from twins.field.statistics.store import SHIPPED_METERS, between, key, shipped
from twins.field.statistics.tables import MeshTable, decode, encode, lost_of, parameters_digest


def table(name: str = "suburban", meters: int = 250) -> MeshTable:
    found = shipped(MeshSetting(area_class=name), meters)
    assert found is not None
    return found


@pytest.mark.parametrize("name", AREA_CLASSES)
@pytest.mark.parametrize("meters", SHIPPED_METERS)
def test_every_class_ships_statistics_of_the_figures_as_they_are(name: str, meters: int) -> None:
    found = table(name, meters)
    assert found.meters == meters
    assert found.provenance.parameters == parameters_digest(), "run bench field calibrate"
    assert found.provenance.sites == found.sites >= 24
    assert (found.depths() > 0).mean() > 0.9


@pytest.mark.parametrize("meters", [1, 3, 70, 333, 999])
def test_between_two_numbers_of_meters_losses_lie_between(meters: int) -> None:
    found = table(meters=meters)
    assert found.depths().shape == (found.sites, meters)
    around = [table(meters=n) for n in SHIPPED_METERS if n >= meters][:1] + [
        table(meters=n) for n in SHIPPED_METERS if n <= meters
    ][-1:]
    own, others = _mean_loss(found), [_mean_loss(other) for other in around]
    assert min(others) - 5e-4 <= own <= max(others) + 5e-4
    assert decode(encode((found,)), "itself") == (found,)


def test_a_site_keeps_its_depths_when_meters_are_added() -> None:
    few, many = table(meters=300), table(meters=500)
    assert (few.depths() == many.depths()[: few.sites, :300]).all()


def test_what_does_not_ship_is_not_found() -> None:
    assert shipped(MeshSetting(mode="1b"), 250) is None
    assert shipped(MeshSetting(spacing_m=16.0), 250) is None
    assert shipped(MeshSetting(), 1001) is None
    assert shipped(MeshSetting(spacing_m=15.0), 250) == shipped(MeshSetting(), 250)  # the class's own, said aloud


def test_a_key_changes_with_everything_that_figures_follow_from() -> None:
    kinds = [MeshSetting(), MeshSetting(mode="3"), MeshSetting(window_s=60.0), MeshSetting(area_class="rural")]
    keys = {key(kind, meters) for kind in kinds for meters in (100, 101)}
    assert len(keys) == 8
    assert key(MeshSetting(), 100) == key(MeshSetting(spacing_m=15.0), 100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 99}, "version 99"),
        ({"depth": ("1",)}, "each site has its meters"),
        ({"causes": ("weather", "collision")}, "unknown 'weather'"),
        ({"causes": ()}, "by site, hops and cause"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_its_files_name(changes: dict[str, object], message: str) -> None:
    broken = msgspec.structs.replace(table(), **changes)
    with pytest.raises(FieldError, match=f"broken.json: .*{message}"):
        decode(encode((broken,)), "broken.json")


def test_text_that_is_no_table_is_refused() -> None:
    with pytest.raises(FieldError, match=r"broken\.json"):
        decode(b"[{}]", "broken.json")


def test_tables_of_unequal_depth_can_be_interpolated() -> None:
    few, many = table("rural", 60), table("rural", 1000)
    assert few.deepest < many.deepest
    found = between(few, many, 250)
    assert lost_of(found.reading).shape == (min(few.sites, many.sites), many.deepest + 1, len(found.causes))


def _mean_loss(found: MeshTable) -> float:
    lost = lost_of(found.reading).sum(axis=2)
    depths = found.depths()
    return float(np.mean([lost[site, depths[site]].mean() for site in range(found.sites)]))
