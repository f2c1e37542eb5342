from __future__ import annotations

import numpy as np
import pytest

from tests.twins.meter.fleets import metered_fleet
from twins.fleet import Fleet, FleetError
from twins.meter.meters import Meters
from twins.meter.view import Active, MeterView, Reactive
from twins.plan import meter_id

FLEET = metered_fleet()
METERS = Meters(FLEET)
VIEWS = [MeterView(METERS, row) for row in range(FLEET.size)]
NOW = FLEET.slot * 1800 + 1234.5


def test_a_view_shows_what_the_fleet_holds() -> None:
    for row, view in enumerate(VIEWS):
        end, active = view.half_hour(NOW)
        assert end == FLEET.slot * 1800
        assert active == Active(int(FLEET.import_wh[row]), int(FLEET.export_wh[row]))
        assert view.contract_a == FLEET.contract_a[row]
        assert view.has_generator == bool(FLEET.homes.pv[row])
        now = view.active(NOW)
        assert now.import_wh >= active.import_wh and now.export_wh >= active.export_wh


def test_values_of_a_second_belong_together_and_two_wires_have_no_t_leg() -> None:
    kinds = set()
    for view in VIEWS:
        electric = view.electric(NOW)
        kinds.add((view.three_wire, view.generation))
        assert electric.power_w == view.power_w(NOW)
        assert abs(electric.power_w) <= view.contract_a * 100
        assert (electric.current_t_ma is None) == (electric.voltage_t_mv is None) == (not view.three_wire)
    assert len(kinds) == 4


def test_rows_have_the_columns_of_their_generation_only() -> None:
    for view in VIEWS[:20]:
        half_hours = view.record(1800, NOW - 7200, NOW, NOW)
        assert [row.end for row in half_hours] == [FLEET.slot * 1800 - 1800 * k for k in (3, 2, 1, 0)]
        assert half_hours[-1].active == view.half_hour(NOW)[1]
        assert all(row.reactive is None and row.voltage_r_mv is None for row in half_hours)
        five = view.record(300, NOW - 1200, NOW, NOW)
        assert len(five) == (4 if view.generation == "next" else 0)
        for row in five:
            assert row.reactive == view.reactive(row.end) and isinstance(row.reactive, Reactive)
            assert row.voltage_r_mv is not None and (row.voltage_t_mv is None) == (not view.three_wire)
        assert view.record(600, NOW - 7200, NOW, NOW) == []


def test_rows_that_are_not_there_are_none_in_their_place() -> None:
    view = next(view for view in VIEWS if view.generation == "current")
    newest = FLEET.slot * 1800
    ends = [newest + 1800, newest, newest - 1800, newest - 44 * 86_400, newest - 46 * 86_400, newest - 7]
    rows = view.rows_at(1800, ends, NOW)
    assert [row and row.end for row in rows] == [None, ends[1], ends[2], ends[3], None, None]
    assert view.rows_at(60, ends, NOW) == [None] * len(ends)
    assert view.rows_at(1800, [], NOW) == []


def test_a_minute_history_is_the_register_minute_by_minute() -> None:
    view = next(view for view in VIEWS if view.generation == "next")
    newest = int(NOW // 60) * 60
    ends = [newest - 60 * k for k in range(10)]
    rows = view.rows_at(60, ends, NOW)
    assert [row and row.active for row in rows] == [view.active(end) for end in ends]


def test_counts_are_in_the_units_of_the_generation() -> None:
    by_generation = {view.generation: view for view in VIEWS}
    assert by_generation["current"].counts(12_345_678_999) == 456_789
    assert by_generation["next"].counts(12_345_678_999) == 45_678_999


def test_a_view_of_a_shard_knows_its_place_in_the_fleet() -> None:
    shard = Fleet(FLEET.plan, 20, 30)
    shard.advance_to(FLEET.slot)
    view = MeterView(Meters(shard), 3)
    assert view.identity.meter == meter_id(23)
    assert view.electric(NOW) == VIEWS[23].electric(NOW)
    assert view.identity.firmware == view.model.firmware


def test_a_view_of_no_meter_is_refused() -> None:
    for row in (-1, FLEET.size):
        with pytest.raises(FleetError, match="fleet with 60 rows"):
            MeterView(METERS, row)


def test_a_view_keeps_no_state_of_the_meter() -> None:
    fleet = metered_fleet(per_concentrator=5)
    view = MeterView(Meters(fleet), 4)
    ahead = view.active(fleet.slot * 1800 + 1800)
    fleet.advance()
    assert view.half_hour(fleet.slot * 1800)[1] == ahead == Active(int(fleet.import_wh[4]), int(fleet.export_wh[4]))
    assert np.abs(view.power_w(fleet.slot * 1800 + 5)) <= view.contract_a * 100
