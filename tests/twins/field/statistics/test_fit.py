"""The fit keeps what the engine did: losses, their causes, delays and depths; level (b) gives them back."""

from __future__ import annotations

import numpy as np
import pytest

from twins.field.causes import CAUSES, of_engine
from twins.field.checks import FieldError
from twins.field.media.base import Place
from twins.field.media.mesh import Mesh
from twins.field.mesh.codes import OUTCOMES
from twins.field.settings import MeshSetting
from twins.field.statistics.fit import SiteRun, fit, site_runs, table_of
from twins.field.statistics.tables import Provenance

SETTING = MeshSetting(area_class="suburban", window_s=20.0).resolved()
NOTHING = Provenance(made="", parameters="", engine="", sites=0, rounds=0, seed=0)


@pytest.fixture(scope="module")
def runs() -> list[SiteRun]:
    return list(site_runs(SETTING, 60, range(6), 6))


def test_level_b_loses_and_takes_as_long_as_the_runs_it_is_fitted_from(runs: list[SiteRun]) -> None:
    table = table_of(SETTING, 60, runs, NOTHING)
    at_once = table_of(SETTING, 60, runs, NOTHING)
    place = Place(5, 0, 0, 600 * 60, 60, 0, 600)
    mesh, rows = Mesh(place, at_once), np.arange(600 * 60)
    found = mesh.reading(rows, place.keys(rows), 3)
    for name in CAUSES[1:]:
        code = CAUSES.index(name)
        share = np.mean([(run.cause == code).mean() for run in runs])
        assert (found.cause == code).mean() == pytest.approx(share, abs=0.01)
    spread = [(found.cause[mesh.site[place.concentrator(rows)] == k] == 0).mean() for k in range(6)]
    assert np.std(spread) > 0.2 * np.std([(run.cause == 0).mean() for run in runs])
    assert table.meters == 60


def test_depths_are_those_of_the_site_meter_by_meter(runs: list[SiteRun]) -> None:
    table = table_of(SETTING, 60, runs, NOTHING)
    place = Place(5, 0, 0, 1200, 60, 0, 20)
    mesh, rows = Mesh(place, table), np.arange(1200)
    hops = mesh.hops(rows).reshape(20, 60)
    for concentrator in range(20):
        assert (hops[concentrator] == runs[mesh.site[concentrator]].hops).all()


def test_the_same_arguments_give_the_same_table() -> None:
    one, other = (fit(MeshSetting(), 10, made="today", sites=2, rounds=2) for _ in range(2))
    assert one == other
    assert one != fit(MeshSetting(), 10, made="today", sites=2, rounds=2, seed=1)


def test_a_quiet_exchange_is_not_lost_and_takes_a_moment(runs: list[SiteRun]) -> None:
    cause = np.concatenate([run.asked_cause for run in runs])
    delay = np.concatenate([run.asked_delay for run in runs])
    assert (cause == 0).mean() > 0.95
    assert np.isfinite(delay[cause == 0]).all() and not np.isfinite(delay[cause != 0]).any()
    assert 0.02 < np.median(delay[cause == 0]) < 2


def test_every_outcome_of_the_engine_has_a_cause() -> None:
    assert all(of_engine(name) in CAUSES for name in OUTCOMES if name != "delivered")


def test_a_concentrator_that_reaches_nobody_has_statistics_too() -> None:
    table = fit(MeshSetting(spacing_m=1000.0), 3, made="", sites=2, rounds=1)
    assert not table.depths().any()
    place = Place(1, 0, 0, 6, 3, 0, 2)
    found = Mesh(place, table).reading(np.arange(6), place.keys(np.arange(6)), 0)
    assert {CAUSES[c] for c in found.cause} == {"out of reach"}
    assert np.isfinite(found.delay).all()


def test_nothing_cannot_be_fitted() -> None:
    with pytest.raises(FieldError, match="a site and a round"):
        fit(MeshSetting(), 5, made="", sites=0)
