"""The campaigns five-minute, capacity and outage in the event engine: healthy meshes pass, planted defects do not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from bench.campaigns.capacity.core import Trial, capacities, run_planned, try_meters
from bench.campaigns.five_minute.core import Shares, kept_share, other_media, run_ground
from bench.campaigns.mesh import asked_after, defective, legal_seconds, portrait
from bench.campaigns.outage.rejoin import dark_concentrators, of_medium, quantiles, rejoin_mesh
from bench.errors import InputError
from bench.field.attenuators import measured, received
from bench.field.ground import Ground, grounds
from bench.head_end.spec import RecollectionPolicy
from bench.record.exhibits import CurvesExhibit, MapExhibit, TableExhibit
from bench.topology import Topology
from twins.field.mesh.codes import FIVE_MINUTE, POLL, READING
from twins.field.settings import MeshSetting
from twins.plan import meter_id

POLICY = RecollectionPolicy(first_after=600.0, interval=300.0, tries=20, audit=0.0)
SHARES = Shares(0.05, 0.10)


DESCRIBED: dict[str, object] = {
    "name": "meshes",
    "clock": {"mode": "virtual", "start": "2026-01-15T00:00"},
    "areas": [
        {
            "name": "town",
            "utility": "tepco",
            "medium": "multihop",
            "concentrators": 3,
            "meters_per_concentrator": 60,
            "generation_mix": {"current": 0.5, "next": 0.5},
        },
        {
            "name": "hills",
            "utility": "chubu",
            "medium": "cellular",
            "concentrators": 2,
            "meters_per_concentrator": 40,
        },
    ],
}


@cache
def topology() -> Topology:
    return Topology.model_validate(DESCRIBED)


def planted(kind: str, meter: int) -> tuple[int, ...]:
    """What a campaign makes of a defect of a topology."""
    described = Topology.model_validate({**DESCRIBED, "defects": [{"kind": kind, "meters": [meter_id(meter)]}]})
    return defective(described, kind)


@cache
def ground() -> Ground:
    return grounds(topology(), 1)[0]


def test_concentrators_of_the_mesh_areas_are_spread_and_know_their_meters() -> None:
    two = grounds(topology(), 2)
    assert [each.standing.table.concentrator for each in two] == ["c000000", "c000002"]
    assert two[1].first == 120
    assert two[1].nodes([0, 119, 120, 179, 180]).tolist() == [1, 60]
    cellular = topology().model_copy(update={"areas": topology().areas[1:]})
    with pytest.raises(InputError, match="no area of this topology has a mesh"):
        grounds(cellular, 1)


@pytest.mark.requirement("A6", "A5")
def test_five_minute_values_come_in_time_beside_readings_and_late_ones_are_found() -> None:
    healthy, late = (
        run_ground(ground(), SHARES, 2.0, POLICY, 3600.0, 1, late=meters, late_by=900.0)
        for meters in ((), planted("five-minute-late", 7))
    )
    assert healthy.within(600.0, FIVE_MINUTE) == 1.0
    assert healthy.within(3600.0, READING) == 1.0
    assert healthy.within(np.inf, POLL) == 1.0
    values = late.of(FIVE_MINUTE)
    assert late.within(600.0, FIVE_MINUTE) < 1.0
    tardy = late.work.errands.node[values][late.arrival[values] > 600.0]
    assert set(tardy.tolist()) == {8}, "meter 7 is node 8"
    assert late.within(1200.0, FIVE_MINUTE) == 1.0


@pytest.mark.requirement("A2")
def test_a_meter_that_heeds_no_air_time_rule_is_found_and_a_healthy_one_is_held_back() -> None:
    healthy, lawless = (
        run_planned(ground(), 2, POLICY, 3600.0, 1, meters) for meters in ((), planted("ignores-air-time", 3))
    )
    allowed = legal_seconds("2b")
    assert 0 < healthy.worst_hour.max() < allowed == 360
    assert healthy.within(3600.0) == 1.0
    assert lawless.worst_hour.max() > 2 * allowed
    assert int(lawless.worst_hour.argmax()) == 4, "meter 3 is node 4"


@pytest.mark.requirement("A6")
def test_other_media_carry_five_minute_values_and_twins_keep_them() -> None:
    assert other_media(topology(), 0.1, 600.0, 1) == {"hills": 1.0}
    assert kept_share(topology().fleet_plan(), 5) == 1.0


def test_the_head_end_asks_only_while_a_value_can_be_in_time() -> None:
    assert asked_after(POLICY, 1500.0) == [600.0, 900.0, 1200.0]
    assert asked_after(RecollectionPolicy(first_after=600.0, interval=300.0, tries=1, audit=0.0), 3600.0) == [600.0]


@pytest.mark.requirement("A5")
def test_a_concentrator_bears_fewer_meters_when_nobody_asks_again() -> None:
    setting = MeshSetting(area_class="suburban")
    trials = [trial for n in (20, 120) for trial in try_meters(setting, n, 2, 2, POLICY, 3600.0, 1)]
    reached = {load: meters for (_, _, load), meters in capacities(trials).items()}
    assert reached["readings"] == 120
    assert reached["readings, nobody asks again"] < 120


def test_a_capacity_ends_where_it_breaks_first() -> None:
    shares = {50: 1.0, 100: 0.9, 250: 1.0}
    trials = [Trial("urban", "2b", "readings", n, share, 1.0, 0) for n, share in shares.items()]
    assert capacities(trials) == {("urban", "2b", "readings"): 50}
    assert capacities(trials[1:]) == {("urban", "2b", "readings"): 0}


@pytest.mark.requirement("A16")
def test_a_dark_mesh_joins_again() -> None:
    found = rejoin_mesh(ground(), 600.0, 2.0, POLICY, 3600.0, 1)
    there = found.seconds[~np.isnan(found.seconds)]
    assert len(there) == 60 and np.isfinite(there).all()
    assert 30 < np.median(there) < 3600
    drawn = quantiles([found], 7200.0)
    assert list(drawn) == sorted(drawn)
    assert drawn[0] == pytest.approx(there.min(), abs=0.1) and drawn[-1] == pytest.approx(there.max(), abs=0.1)


def test_meters_that_did_not_come_back_are_drawn_last_and_cells_attach_in_turn() -> None:
    found = rejoin_mesh(ground(), 600.0, 2.0, POLICY, 3600.0, 1)
    lost = found._replace(seconds=np.where(np.arange(60) == 5, np.inf, found.seconds))
    assert quantiles([lost], 7200.0)[-1] == 7200.0
    areas = topology().fleet_plan().areas
    assert of_medium(areas[1])[0] == 0.0 < of_medium(areas[1])[-1]


def test_whole_concentrators_go_dark_until_enough_meters_are() -> None:
    areas = topology().fleet_plan().areas
    assert dark_concentrators(areas, None) == {0: (0, 1, 2), 1: (0, 1)}
    assert dark_concentrators(areas, 130) == {0: (0, 1)}
    assert dark_concentrators(areas, 59) == {1: (0,)}


def test_a_portrait_shows_map_depth_air_and_relays() -> None:
    shown = portrait(ground(), run_planned(ground(), 2, POLICY, 3600.0, 1))
    mesh, curves, relays = shown
    assert isinstance(mesh, MapExhibit) and isinstance(curves, CurvesExhibit) and isinstance(relays, TableExhibit)
    arrival, air = curves.panels
    assert all(curve.y[-1] == 100 for curve in arrival.curves)
    assert air.limit == 360 and max(air.curves[0].y) < 360
    assert len(relays.rows) == 10
    sent = [float(row[2]) for row in relays.rows]
    assert sent == sorted(sent, reverse=True)


def test_measured_levels_take_the_place_of_reckoned_ones_in_table_and_mesh() -> None:
    standing = ground().standing
    meter = standing.table.meters[4]
    table = measured(standing.table, {meter.meter: -70.0})
    assert table.meters[4].rssi_dbm == -70.0 and table.meters[4].loss_db == 83.0
    assert table.meters[:4] == standing.table.meters[:4]
    levels = received(standing, {meter.meter: -70.0})
    assert (levels != standing.links.received_dbm).sum() == 2  # both ways
    assert np.allclose(levels, levels.T)
