from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.slots import slot_end
from tests.twins.meter.fleets import all_rows, metered_fleet
from twins.meter.meters import Meters
from twins.meter.profiles import ends_kept, rule
from twins.meter.traits import generations

FLEET = metered_fleet()
METERS = Meters(FLEET)
ROWS = all_rows(FLEET)
GENERATION = METERS.traits(ROWS).generation
CURRENT, NEXT = (np.flatnonzero(g == GENERATION) for g in (0, 1))
NOW = slot_end(FLEET.slot - 1) + 700
DAYS = 86_400
PERIODS = (60, 300, 900, 1800)


def kept(generation: str, period: int) -> int:
    found = rule("LV", generation, period)
    assert found is not None
    return found.keep


@pytest.mark.requirement("M3", "M4", "M5")
@pytest.mark.parametrize("period", PERIODS)
def test_a_next_generation_meter_keeps_each_record_for_its_time_and_not_longer(period) -> None:
    found = METERS.profile(NEXT[:1], period, 0, 2e9, NOW)
    newest = NOW - NOW % period
    assert found.present.all()
    assert found.ends[-1] == newest
    assert len(found.ends) == kept("next", period) // period
    assert (np.diff(found.ends) == period).all()


def test_a_current_generation_meter_keeps_45_days_of_half_hours_and_nothing_else() -> None:
    assert kept("current", 1800) == 45 * DAYS
    for period in (60, 300, 900):
        assert METERS.profile(CURRENT, period, NOW - 3600, NOW, NOW).present.size == 0
    found = METERS.profile(CURRENT[:1], 1800, 0, NOW, NOW)
    assert found.present.sum() == 45 * 48


def test_one_minute_values_are_kept_sixty_minutes() -> None:
    assert kept("next", 60) == 3600
    edge = NOW - NOW % 60 - 3600
    assert METERS.profile(NEXT[:1], 60, edge, edge, NOW).present.sum() == 0
    assert METERS.profile(NEXT[:1], 60, edge + 60, edge + 60, NOW).present.sum() == 1


def test_meters_of_both_generations_in_one_question_each_have_their_own_rows() -> None:
    old = NOW - 100 * DAYS
    found = METERS.profile(ROWS, 1800, old, old + 7200, NOW)
    assert (found.present == (GENERATION == 1)[:, None]).all() and found.present.shape[1] == 4
    none = METERS.profile(ROWS, 300, NOW - 900, NOW, NOW)
    assert (none.present == (GENERATION == 1)[:, None]).all() and none.present.shape[1] == 3


def test_the_future_is_not_there() -> None:
    end = NOW - NOW % 1800 + 1800
    assert METERS.profile(ROWS, 1800, end, end + DAYS, NOW).present.size == 0
    assert METERS.profile(ROWS, 1800, end, end + DAYS, end - 0.001).present.size == 0
    assert METERS.profile(ROWS, 1800, end, end + DAYS, end).present.all()


def test_a_record_begins_with_the_meters_history() -> None:
    begin = slot_end(FLEET.first_known_slot)
    found = METERS.profile(NEXT[:1], 1800, 0, 2e9, begin + 5 * 1800)
    assert found.ends.tolist() == [begin + k * 1800 for k in range(1, 6)]
    minutes = METERS.profile(NEXT[:1], 60, 0, 2e9, begin + 120)
    assert minutes.ends.tolist() == [begin + 60, begin + 120]
    assert METERS.profile(NEXT[:1], 1800, 0, 2e9, begin - 5).present.size == 0


def test_a_question_with_its_ends_the_wrong_way_round_or_for_no_such_period_has_no_rows() -> None:
    assert METERS.profile(NEXT, 300, NOW, NOW - 3600, NOW).present.size == 0
    assert METERS.profile(NEXT, 600, NOW - 3600, NOW, NOW).present.size == 0


@settings(max_examples=20)
@given(
    first=st.integers(NOW - 3 * DAYS, NOW),
    length=st.integers(0, DAYS),
    rows=st.lists(st.sampled_from(NEXT.tolist()), min_size=1, max_size=4),
    period=st.sampled_from(PERIODS),
)
def test_all_resolutions_agree_with_the_registers(first, length, rows, period) -> None:
    asked = np.array(rows)
    found = METERS.profile(asked, period, first, first + length, NOW)
    for place in range(0, len(found.ends), max(1, len(found.ends) // 5)):
        expected = METERS.registers(asked, found.ends[place])
        assert (found.registers_wh[:, place] == expected).all()
        if found.reactive_varh is not None:
            assert (found.reactive_varh[:, place] == METERS.reactive(asked, expected)).all()


def test_shorter_periods_sum_to_longer_ones() -> None:
    first = NOW - NOW % 1800 - 1800
    minute, five, fifteen, thirty = (METERS.profile(NEXT, p, first, NOW, NOW) for p in PERIODS)
    assert (minute.registers_wh[:, ::5][:, : len(five.ends)] == five.registers_wh).all()
    assert (five.registers_wh[:, ::3][:, : len(fifteen.ends)] == fifteen.registers_wh).all()
    assert (fifteen.registers_wh[:, ::2][:, : len(thirty.ends)] == thirty.registers_wh).all()
    for found in (five, fifteen, thirty):
        assert (np.diff(found.registers_wh, axis=1) >= 0).all()


def test_long_records_of_many_meters_are_those_of_each_meter(monkeypatch) -> None:
    monkeypatch.setattr("twins.meter.meters._CELLS", 40)  # forces cuts by meters and by slots
    found = METERS.profile(NEXT[:50], 300, NOW - 5 * 3600, NOW, NOW)
    for place in (0, 7, len(NEXT[:50]) - 1):
        alone = METERS.profile(NEXT[place : place + 1], 300, NOW - 5 * 3600, NOW, NOW)
        assert (found.ends == alone.ends).all()
        assert (found.registers_wh[place] == alone.registers_wh[0]).all()
        assert (found.reactive_varh[place] == alone.reactive_varh[0]).all()
        assert (found.voltage_mv[place] == alone.voltage_mv[0]).all()


def test_five_minute_voltages_are_means_of_what_the_minutes_show() -> None:
    found = METERS.profile(NEXT, 300, NOW - 1200, NOW, NOW)
    for place, end in enumerate(found.ends.tolist()):
        minutes = np.array([METERS.instant(NEXT, end - 60 * k).voltage_mv for k in range(1, 6)])
        assert (found.voltage_mv[:, place] == minutes.sum(axis=0) // 5).all()


def test_only_records_with_such_columns_have_reactive_energy_and_voltage() -> None:
    half_hours = METERS.profile(NEXT, 1800, NOW - 3600, NOW, NOW)
    assert half_hours.reactive_varh is None and half_hours.voltage_mv is None


def test_high_voltage_meters_have_rules_of_their_own() -> None:
    current, following = rule("HV", "current", 1800), rule("HV", "next", 60)
    assert current is not None and {"plus", "minus"} <= set(current.columns) and current.keep == 45 * DAYS
    assert following is not None and following.keep == 3600
    assert rule("HV", "current", 300) is None
    assert rule("LV", "next", 900).collected is False, "M5: 15-minute values stay in the meter"
    assert generations() == ("current", "next")


@given(first=st.floats(0, 1e7), last=st.floats(0, 1e7), now=st.floats(0, 1e7))
def test_kept_ends_are_on_the_grid_and_within_question_and_retention(first, last, now) -> None:
    minutes = rule("LV", "next", 60)
    assert minutes is not None
    ends = ends_kept(minutes, first, last, now)
    expected = [e for e in range(int(now) - 4000, int(now) + 1) if e % 60 == 0 and first <= e <= last]
    newest = int(now) - int(now) % 60
    assert list(ends) == [e for e in expected if newest - 3600 < e <= newest]
