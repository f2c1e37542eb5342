"""How many sites a table is fitted on."""

from __future__ import annotations

import msgspec
import pytest

from bench.field import calibrate
from twins.field.settings import MeshSetting
from twins.field.statistics.store import SHIPPED_BURDENS, SHIPPED_METERS, shipped, shipped_burdens
from twins.field.statistics.tables import MeshTable, site_losses

pytestmark = pytest.mark.requirement("A2", "U3")

CROWDED = MeshSetting(area_class="suburban", window_s=10.0)


@pytest.mark.parametrize(("enough", "sites"), [(1.0, 3), (0.0, 3 * calibrate.MOST_EFFORT)])
def test_sites_are_added_until_their_mean_is_known_well_or_effort_ends(
    enough: float, sites: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "effort", lambda meters: calibrate.Effort(sites=3, rounds=1))
    monkeypatch.setattr(calibrate, "PRECISE", enough)
    found = calibrate.fitted(CROWDED, 40, made="")
    assert found.sites == found.provenance.sites == sites
    assert calibrate.standard_error(found) > 0


def test_sites_that_differ_leave_a_mean_unsure_and_meters_without_a_way_are_not_losses() -> None:
    table = some_sites()
    share, way = site_losses(table), table.depths() > 0
    lost = [sum(row) for row in table.reading.lost[0]]
    assert share[0] == pytest.approx(sum(lost[h] for h in table.depths()[0] if h) / way[0].sum())
    same = msgspec.structs.replace(
        table,
        depth=(table.depth[0],) * table.sites,
        reading=msgspec.structs.replace(table.reading, lost=(table.reading.lost[0],) * table.sites),
    )
    assert calibrate.standard_error(same) < 1e-12 < calibrate.standard_error(table)


def some_sites() -> MeshTable:
    found = shipped(MeshSetting(area_class="rural"), 250)
    assert found is not None
    return found


@pytest.mark.parametrize("area_class", ["urban", "suburban", "rural"])
def test_what_ships_is_known_well(area_class: str) -> None:
    setting = MeshSetting(area_class=area_class)
    for meters in SHIPPED_METERS:
        table = shipped(setting, meters)
        assert table is not None and calibrate.standard_error(table) <= calibrate.PRECISE, "run bench field calibrate"
    for meters in SHIPPED_BURDENS:
        burdens = shipped_burdens(setting, meters)
        assert burdens is not None
        assert (burdens.provenance.sites, burdens.provenance.rounds) == calibrate.burden_effort(meters)
