from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.slots import slot_end
from tests.twins.meter.fleets import metered_fleet, plan_of_both
from twins.meter.clock import Adjustment, Clocks, meter_time, shift_at
from twins.meter.meters import Meters
from twins.meter.parameters import generation_parameters

PLAN = plan_of_both()
CLOCKS = Clocks(PLAN)
START = slot_end(PLAN.first_slot - 1)
INDEX = np.arange(PLAN.meters)
MONTH = 30 * 86_400


def test_clocks_start_near_the_true_time_and_drift_apart() -> None:
    limits = generation_parameters().clock
    at_start = CLOCKS.time(INDEX, START) - START
    assert (np.abs(at_start) <= limits.offset_s).all() and at_start.std() > 0.3
    later = CLOCKS.time(INDEX, START + MONTH) - (START + MONTH)
    gained = later - at_start
    assert (np.abs(gained) <= MONTH * limits.drift_ppm * 1e-6 + 1e-3).all()
    assert gained.min() < -5 and gained.max() > 5, "clocks go wrong to both sides"


@given(index=st.integers(0, PLAN.meters - 1), at=st.integers(START, START + MONTH), step=st.integers(1, 10**6))
def test_a_clock_that_nobody_sets_only_goes_forward(index, at, step) -> None:
    assert meter_time(CLOCKS, index, at + step) > meter_time(CLOCKS, index, at)


@given(index=st.integers(0, PLAN.meters - 1), at=st.integers(START, START + MONTH), wanted=st.integers(0, 2**32))
def test_a_clock_shows_what_it_was_set_to_and_goes_on_at_its_own_rate(index, at, wanted) -> None:
    alone = np.array([index])
    shift = CLOCKS.shift_to_show(alone, at, wanted)
    assert CLOCKS.time(alone, at, shift)[0] == pytest.approx(wanted, abs=1e-5)
    gained = CLOCKS.time(alone, at + MONTH, shift)[0] - wanted - MONTH
    assert gained == pytest.approx(MONTH * CLOCKS.drift(alone)[0], abs=1e-4)


def test_settings_add_up_and_the_past_is_what_it_was() -> None:
    settings = [Adjustment(START + 2000, -0.5), Adjustment(START + 1000, 3.0)]
    assert [shift_at(settings, START + s) for s in (999, 1000, 1999.9, 2000)] == [0, 3.0, 3.0, 2.5]
    unset = [meter_time(CLOCKS, 4, START + s) for s in (500, 1500, 2500)]
    assert [meter_time(CLOCKS, 4, START + s, settings) for s in (500, 1500, 2500)] == pytest.approx(
        [unset[0], unset[1] + 3.0, unset[2] + 2.5]
    )


def test_a_wrong_clock_moves_no_energy_into_another_half_hour() -> None:
    fleet = metered_fleet(per_concentrator=5)
    row, now = np.array([2]), fleet.slot * 1800
    before = Meters(fleet).registers(row, now).tolist()
    assert meter_time(CLOCKS, 2, now, [Adjustment(now - 60, 900.0)]) > now + 800
    assert Meters(fleet).registers(row, now).tolist() == before == [[fleet.import_wh[2], fleet.export_wh[2]]]
