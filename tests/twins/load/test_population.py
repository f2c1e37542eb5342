"""The population against the published figures (``ami-twin-anchors`` §4.2) and against what the model promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pytest

from protocols.slots import day_of, slot_of_day
from tests.twins.homes import first_slot_on, homes
from twins.fleet import Fleet
from twins.load.model import japanese
from twins.load.parameters import japan
from twins.load.sun import date_numbers, weekends

HOUSEHOLD, ALL_ELECTRIC, SHOP = range(3)
STEP = 5  # every fifth day: all weekdays and all seasons, at a fifth of the cost


@dataclass
class Year:
    """Sampled days of a year: ``imported`` and ``exported`` Wh, ``(days, 48, homes)``."""

    fleet: Fleet
    imported: np.ndarray
    exported: np.ndarray
    months: np.ndarray

    def annual_kwh(self) -> np.ndarray:
        return self.imported.sum(axis=(0, 1), dtype=float) / len(self.imported) * 365 / 1000

    def by_month(self, rows: np.ndarray) -> np.ndarray:
        daily = self.imported[:, :, rows].sum(axis=1, dtype=float).mean(axis=1)
        return np.array([daily[self.months == month].mean() for month in range(1, 13)]) / daily.mean()

    def watts(self, rows: np.ndarray, *months: int) -> np.ndarray:
        """Mean power by slot of the day."""
        return self.imported[np.isin(self.months, months)][:, :, rows].mean(axis=(0, 2), dtype=float) * 2


@pytest.fixture(scope="module")
def year() -> Year:
    mix = japan().reference_mix
    plan = homes(
        1, 250, areas=12, seed=11, household=mix.household, all_electric=mix.all_electric, shop=0.0, pv=mix.pv_share
    )
    fleet = Fleet(plan, 0, plan.meters)
    rows = np.arange(fleet.size)
    days = [date(2025, 4, 1) + timedelta(offset) for offset in range(0, 365, STEP)]
    flows = np.array([[fleet.interval(rows, first_slot_on(day) + k) for k in range(48)] for day in days])
    return Year(fleet, flows[:, :, 0], flows[:, :, 1], np.array([day.month for day in days]))


def test_the_mean_home_buys_what_the_national_survey_says(year: Year) -> None:
    assert year.annual_kwh().mean() == pytest.approx(japan().anchors.annual_kwh, rel=0.03)


def test_homes_differ_as_homes_do(year: Year) -> None:
    low, median, high = np.percentile(year.annual_kwh(), [5, 50, 95])
    assert 1000 < low < 1800 and 3300 < median < 4100 and 7000 < high < 10000
    assert median < year.annual_kwh().mean()


def test_a_small_contract_means_a_small_home(year: Year) -> None:
    households = year.fleet.load_class == HOUSEHOLD
    means = [year.annual_kwh()[households & (year.fleet.contract_a == a)].mean() for a in (10, 15, 20, 30, 40, 50, 60)]
    assert (np.diff(means) > 0).all()
    assert year.annual_kwh()[year.fleet.contract_a == 10].max() < 3500


def test_the_year_peaks_in_january_and_rises_again_in_august(year: Year) -> None:
    months = year.by_month(np.arange(year.fleet.size))
    assert months.argmax() == 0
    assert months[4:10].argmax() == 3
    assert months[7] > 1.1 > 0.9 > months[9]
    assert months[0] > 1.2


def test_winter_days_rise_in_the_morning_and_in_the_evening(year: Year) -> None:
    watts = year.watts(year.fleet.load_class == HOUSEHOLD, 1, 2)
    morning, midday, evening = watts[12:18].max(), watts[22:28].mean(), watts[36:42].max()
    assert morning > 1.3 * midday and evening > 1.5 * midday


def test_a_summer_afternoon_tells_who_is_at_home() -> None:
    mix, anchors = japan().reference_mix, japan().anchors
    plan = homes(1, 100, areas=30, household=mix.household, all_electric=mix.all_electric, shop=0.0, pv=0.0)
    fleet = Fleet(plan, 0, plan.meters)
    columns, rows = fleet.columns(), np.arange(fleet.size)
    columns["leave"][:], columns["back"][:] = 0, 48
    means = {}
    for absence in (0, 255):
        columns["absence"][:] = absence
        slots = [first_slot_on(date(2025, 8, day)) + 28 for day in (13, 14, 15, 18, 19, 20)]
        means[absence] = 2 * np.mean([fleet.interval(rows, slot)[0].mean() for slot in slots])
    assert means[0] == pytest.approx(anchors.summer_14h_at_home_w, rel=0.15)
    assert means[255] == pytest.approx(anchors.summer_14h_nobody_home_w, rel=0.1)


def test_water_heaters_make_the_nights_of_all_electric_homes_a_population_of_their_own(year: Year) -> None:
    january = np.flatnonzero(year.months == 1)
    night = [*range(14), 46, 47]  # 23:00 to 07:00
    power = {
        c: 2 * year.imported[january][:, night][:, :, year.fleet.load_class == c] for c in (HOUSEHOLD, ALL_ELECTRIC)
    }
    assert power[ALL_ELECTRIC].mean() > 2.5 * power[HOUSEHOLD].mean()
    at_three = 2 * year.imported[january][:, 6, year.fleet.load_class == ALL_ELECTRIC]
    heating, resting = (at_three > 1150).mean(), (at_three < 750).mean()
    assert heating > 0.55 and resting > 0.08, "two groups"
    assert heating + resting > 0.85, "with a valley between them"


def test_every_water_heater_keeps_its_own_hours(year: Year) -> None:
    columns = year.fleet.columns()
    heated = columns["heater_power"] > 0
    assert (heated == (year.fleet.load_class == ALL_ELECTRIC)).all()
    for name in ("heater_start", "heater_length", "heater_power"):
        assert len(np.unique(columns[name][heated])) > 15
    quiet = (columns["heater_start"] >= 36) & heated  # starts at 02:00 or later
    january = year.imported[year.months == 1]
    assert 2 * january[:, 2, quiet].mean() < 800 < 1500 < 2 * january[:, 8, quiet].mean()


def test_only_roofs_with_photovoltaics_export_and_only_by_day(year: Year) -> None:
    has_pv = year.fleet.columns()["pv"] > 0
    assert has_pv.mean() == pytest.approx(japan().reference_mix.pv_share, abs=0.02)
    exported = year.exported.sum(axis=0)
    assert (exported[:, ~has_pv] == 0).all()
    assert (exported[[*range(8), *range(40, 48)]] == 0).all()
    assert (exported[20:26][:, has_pv].sum(axis=0) > 0).all()
    assert ((year.exported > 0) & (year.imported > 0)).sum() == 0, "only the surplus flows out"


def test_photovoltaics_yield_what_is_usual_in_japan(year: Year) -> None:
    kw = year.fleet.columns()["pv"] / 10
    assert 1000 <= japanese().pv_wh_per_kw / 1000 <= 1150
    exported = year.exported.sum(axis=(0, 1), dtype=float)[kw > 0] / len(year.exported) * 365 / 1000
    assert 0.5 < (exported / (kw[kw > 0] * japanese().pv_wh_per_kw / 1000)).mean() < 0.8


def test_roofs_of_one_area_share_their_sky_and_roofs_of_others_do_not() -> None:
    plan = homes(1, 100, areas=2, pv=1.0, household=1.0, all_electric=0.0, shop=0.0)
    fleet = Fleet(plan, 0, 200)
    per_kw = (
        np.array(
            [fleet.interval(np.arange(200), first_slot_on(date(2025, 5, 1)) + 48 * day + 24)[1] for day in range(90)]
        )
        / (fleet.columns()["pv"])
    )
    by_day = per_kw.reshape(90, 2, 2, 50).mean(axis=3)  # two halves of each area
    assert np.corrcoef(by_day[:, 0, 0], by_day[:, 0, 1])[0, 1] > 0.95
    assert abs(np.corrcoef(by_day[:, 0, 0], by_day[:, 1, 0])[0, 1]) < 0.35


def test_shops_live_by_day_and_close_on_some_days() -> None:
    plan = homes(1, 200, areas=2, household=0.0, all_electric=0.0, shop=1.0, pv=0.0)
    fleet = Fleet(plan, 0, 400)
    rows = np.arange(400)
    first = first_slot_on(date(2025, 10, 6))
    week = np.array([[fleet.interval(rows, first + 48 * d + k)[0] for k in range(48)] for d in range(7)])
    assert week[:, 22:36].mean() > 2.2 * week[:, :10].mean()
    closed = week[:, 22:36].mean(axis=1) < 0.55 * np.median(week[:, 22:36].mean(axis=1), axis=0)
    assert 0.08 < closed.mean() < 0.25


def test_contracts_rarely_bind(year: Year) -> None:
    bound = year.fleet.interval_bound_wh
    assert (year.imported <= bound).all() and (year.exported <= bound).all()
    assert 0 < (year.imported == bound).mean() < 0.01


def test_energies_of_neighbours_are_unrelated_within_an_area() -> None:
    plan = homes(100, 250, areas=1, household=1.0, all_electric=0.0, shop=0.0, pv=0.0)
    fleet = Fleet(plan, 0, 25_000)
    wh = fleet.interval(np.arange(25_000), first_slot_on(date(2025, 6, 4)) + 40)[0].astype(float)
    for lag in (1, 2, 250):
        assert abs(np.corrcoef(wh[:-lag], wh[lag:])[0, 1]) < 5 / np.sqrt(25_000)


def test_half_hours_are_related_by_the_level_of_their_day_and_by_nothing_else() -> None:
    plan = homes(100, 250, areas=1, household=1.0, all_electric=0.0, shop=0.0, pv=0.0)
    fleet = Fleet(plan, 0, 25_000)
    for name, value in {"kind": 7, "scale": 1, "contract_a": 60, "absence": 0}.items():
        fleet.columns()[name][:] = value  # the same home 25,000 times: only noise is left
    evening = first_slot_on(date(2025, 6, 4)) + 40
    one, next_slot, next_day = (
        fleet.interval(np.arange(25_000), slot)[0].astype(float) for slot in (evening, evening + 1, evening + 48)
    )
    assert 0.4 < one.std() / one.mean() < 0.7
    assert 0.05 < np.corrcoef(one, next_slot)[0, 1] < 0.2
    assert abs(np.corrcoef(one, next_day)[0, 1]) < 5 / np.sqrt(25_000)


def test_the_calendar_of_the_model_is_the_japanese_one() -> None:
    slot = first_slot_on(date(2025, 4, 5))  # a Saturday
    assert slot_of_day(slot) == 0
    days = day_of(np.arange(slot - 48, slot + 3 * 48, 48))
    assert weekends(days).tolist() == [0, 1, 1, 0]
    assert date_numbers(days).tolist() == [3 * 31 + d for d in (3, 4, 5, 6)]
