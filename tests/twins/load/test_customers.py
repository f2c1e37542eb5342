"""Customers of high-voltage, gas and water meters: plausible amounts, data with sources, homes as they were."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from importlib import resources

import msgspec
import numpy as np
import pytest

from tests.twins.customers import HOMES, WORKS, all_classes, area, metered
from tests.twins.homes import first_slot_on
from tests.twins.load.test_parameters import tables
from twins.fleet import Fleet
from twins.load.parameters import DATA_FILES, LoadModelError, japan, parse
from twins.plan import FleetPlan

FOLDER = resources.files("twins.load").joinpath("data")
TEXTS = {name: FOLDER.joinpath(name).read_text("utf-8") for name in DATA_FILES}
STEP = 13  # every 13th day: all weekdays and all seasons


class Year:
    """Sampled days of a year of one kind of customers: ``wh`` (days, 48, customers) in base units."""

    def __init__(self, meter_class, load_class: str, meters: int = 120, **changes) -> None:
        areas = _areas(meter_class, load_class, meters, changes)
        plan = FleetPlan(seed=5, first_slot=first_slot_on(date(2025, 4, 1)), areas=areas)
        self.fleet = Fleet(plan, plan.meters - meters, plan.meters)
        rows = np.arange(meters)
        days = [date(2025, 4, 1) + timedelta(offset) for offset in range(0, 365, STEP)]
        flows = [[self.fleet.interval(rows, first_slot_on(day) + k) for k in range(48)] for day in days]
        self.wh, self.exported = np.moveaxis(np.array(flows, dtype=float), 2, 0)
        self.days = days

    def per_month(self, *months: int) -> float:
        """Mean amount of a customer in a month, in thousands of base units."""
        some = [number for number, day in enumerate(self.days) if day.month in months or not months]
        return float(self.wh[some].sum(axis=1).mean() * 30.4 / 1000)


def _areas(meter_class, load_class: str, meters: int, changes):
    homes = area("homes", "LV", HOMES, 1)
    through = {"through": "homes"} if meter_class in ("gas", "water") else {}
    return (homes, area("a", meter_class, {load_class: 1.0}, meters, **through, **changes))


def test_every_table_of_every_file_says_where_its_numbers_come_from() -> None:
    for file, text in TEXTS.items():
        for path, table in tables(tomllib.loads(text)):
            assert len(table["source"]) > 10, (file, path)
            assert isinstance(table["verified"], bool), (file, path)


def test_a_home_burns_some_38_cubic_metres_of_gas_in_january_and_much_less_in_august() -> None:
    year = Year("gas", "gas_home")
    assert 31 < year.per_month(1) < 45
    assert 7 < year.per_month(8) < 15
    assert 0.7 < (year.wh == 0).mean() < 0.95, "gas is burnt at times, not always"


def test_a_home_takes_some_20_cubic_metres_of_water_a_month_all_the_year() -> None:
    year = Year("water", "water_home")
    assert year.per_month() == pytest.approx(20, rel=0.1)
    assert year.per_month(8) == pytest.approx(year.per_month(1), rel=0.25)
    night, evening = (year.wh[:, slots].mean() for slots in (slice(2, 9), slice(36, 43)))
    assert evening > 6 * night
    assert 0.3 < (year.wh == 0).mean() < 0.7


@pytest.mark.parametrize(("load_class", "load_factor"), [("office", 0.24), ("factory", 0.29), ("supermarket", 0.42)])
def test_high_voltage_customers_use_their_contract_as_such_customers_do(load_class: str, load_factor: float) -> None:
    year = Year("HV", load_class)
    bound = year.fleet.interval_bound_wh
    assert (year.wh.mean(axis=(0, 1)) / bound).mean() == pytest.approx(load_factor, rel=0.15)
    assert (year.wh == bound).mean() < 0.03, "contracts rarely bind"
    assert 5 * 110 * np.sqrt(3) / 2 > bound.max(), "full scale of the current transformers"


def test_offices_rest_at_the_weekend_and_supermarkets_do_not() -> None:
    for load_class, low, high in (("office", 0.3, 0.6), ("supermarket", 0.9, 1.1)):
        year = Year("HV", load_class)
        weekend = np.array([day.weekday() >= 5 for day in year.days])
        noon = year.wh[:, 20:32].mean(axis=(1, 2))
        assert low < noon[weekend].mean() / noon[~weekend].mean() < high


def test_factories_with_roofs_export_when_they_rest() -> None:
    year = Year("HV", "factory", pv_share=1.0)
    weekend = np.array([day.weekday() >= 5 for day in year.days])
    noon = year.exported[:, 20:26].mean(axis=(1, 2))
    assert noon[weekend].mean() > 2 * noon[~weekend].mean() > 0
    assert (year.exported[:, :8] == 0).all()


def test_half_hours_of_a_works_vary_less_than_those_of_a_home() -> None:
    spread = {}
    for meter_class, load_class in (("LV", "shop"), ("HV", "supermarket")):
        plan = FleetPlan(
            seed=1, first_slot=first_slot_on(date(2025, 10, 7)), areas=(area("a", meter_class, {load_class: 1.0}, 300),)
        )
        fleet = Fleet(plan, 0, 300)
        slots = np.array([fleet.interval(np.arange(300), plan.first_slot + 24 + k)[0] for k in range(4)], dtype=float)
        spread[meter_class] = (slots.std(axis=0) / slots.mean(axis=0)).mean()
    assert spread["HV"] < spread["LV"] / 3


def test_homes_do_not_notice_the_other_meters_of_a_plan() -> None:
    mixed = all_classes(40)
    alone = msgspec.structs.replace(mixed, areas=mixed.areas[:1])
    several, single = metered(mixed), metered(alone)
    for name in ("import_wh", "export_wh", "scale", "contract_a", "pv"):
        assert (several.columns()[name][:40] == single.columns()[name]).all(), name
    slots = mixed.first_slot + np.arange(-96, 96)
    rows = np.arange(40)
    for with_others, by_itself in zip(
        several.flows(rows, several.moment(slots)), single.flows(rows, single.moment(slots)), strict=True
    ):
        assert (with_others == by_itself).all()


def test_gas_meters_stand_in_the_weather_of_the_homes_that_read_them() -> None:
    plan = all_classes(10)
    moved = msgspec.structs.replace(plan.areas[2], name="elsewhere")
    renamed = msgspec.structs.replace(plan, areas=(*plan.areas[:2], moved, plan.areas[3]))
    assert (metered(plan).import_wh == metered(renamed).import_wh).all()


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("gas.toml", "years = [4.0, 10.0]", "years = [2.0, 10.0]", "customers.gas.years must begin after"),
        ("gas.toml", "lump_spread = 0.8", "lump_spread = 1.0", "customers.gas: lump_spread lies in 0"),
        ("water.toml", "63]", "630]", "customers.water.sizes must lie in 1"),
        ("water.toml", "[customers.water]", "[customers.steam]", "steam"),
        ("high_voltage.toml", "noise = 0.15", "noise = 1.5", "customers.HV: noise and day_spread"),
        ("high_voltage.toml", "[0.05, 0.1, 0.15, 0.2, 0.2, 0.2, 0.1]", "[1]", "class.office.contract_share needs 7"),
        ("high_voltage.toml", "[hours.office]", "[hours.living]", "hours.living is given twice"),
        ("high_voltage.toml", "[customers.HV]", "[customers.gas]", "customers.gas is given twice"),
        ("japan.toml", "[anchors]", "anchors = 1\n[more]", "anchors is not a table"),
    ],
)  # fmt: skip
def test_data_that_does_not_fit_is_refused_with_its_place(file: str, old: str, new: str, complaint: str) -> None:
    assert old in TEXTS[file]
    with pytest.raises(LoadModelError, match=complaint):
        parse(*(text.replace(old, new, 1) if name == file else text for name, text in TEXTS.items()))


def test_a_load_class_of_other_meters_is_refused_with_those_that_fit() -> None:
    plan = FleetPlan(seed=1, first_slot=0, areas=(area("a", "HV", {"household": 1.0}, 2),))
    with pytest.raises(LoadModelError, match="load_mix names household; the model knows office, factory, supermarket"):
        Fleet(plan, 0, 2)


def test_every_class_of_meters_has_customers() -> None:
    assert {load_class.meter_class for load_class in japan().classes.values()} == {"LV", "HV", "gas", "water"}
    assert set(WORKS) == set(japan().classes_of("HV"))
