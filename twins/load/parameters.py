"""The data files of the load model, typed: one structure a table, each with its ``source`` and ``verified``.

Adding a load class means adding a ``[class.<name>]`` table; nothing here or elsewhere lists the classes by name.

Quantities are in the *base unit* of a meter class, called Wh throughout: Wh of low-voltage customers, Wh behind the
instrument transformers of high-voltage ones, litres of gas and of water. A contract is a number of hundreds of base
units an hour: ampere at 100 V, hundreds of W, hundreds of litres an hour.
"""

from __future__ import annotations

import math
import tomllib
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from protocols.errors import MeterBenchError
from twins.plan import MeterClass
from twins.tables import converted

DATA_FILES = ("japan.toml", "high_voltage.toml", "gas.toml", "water.toml")
"""The first has what holds for all, and the low-voltage customers."""


class LoadModelError(MeterBenchError):
    """The load model's data or a plan's use of it does not make sense; the message says where."""

    exit_code = 2


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any table of the file: where its numbers come from, and whether that source really gives them."""

    source: str
    verified: bool


class Anchors(Table, frozen=True, kw_only=True):
    """Published figures that the population must reproduce; nothing is computed from them."""

    annual_kwh: float
    summer_14h_at_home_w: float
    summer_14h_nobody_home_w: float


class ReferenceMix(Table, frozen=True, kw_only=True):
    """The mix of homes that stands for the whole country when the anchors are checked."""

    household: float
    all_electric: float
    pv_share: float


class Contract(Table, frozen=True, kw_only=True):
    """Contract classes; a half-hour may not exceed ampere × volts × legs × 0.5 h."""

    amperes: list[int]
    volts: int
    legs: int

    @property
    def wh_per_ampere(self) -> int:
        """Energy bound of a half-hour for each contracted ampere."""
        return self.volts * self.legs // 2


class Noise(Table, frozen=True, kw_only=True):
    """Variation of one home over days and half-hours."""

    slot_sigma: float
    day_spread: float
    lively: list[float]


class Variety(Table, frozen=True, kw_only=True):
    """Variants of homes of one class: later or earlier habits (in slots), more or less electric heating."""

    shifts: list[int]
    shift_share: list[float]
    levels: list[float]
    level_share: list[float]


class Weather(Table, frozen=True, kw_only=True):
    """Day-to-day variation that all homes of an area share."""

    spread: float


class Age(Table, frozen=True, kw_only=True):
    """Age of the meters at the plan's first slot: what their registers have counted before."""

    years: tuple[float, float]
    history_years: int


class Hours(Table, frozen=True, kw_only=True):
    """A day's shape by hour; the weekend is as the weekday where it is not given."""

    weekday: list[float]
    weekend: list[float] | None = None


class Months(Table, frozen=True, kw_only=True):
    """A year's shape: values in the middle of each month."""

    values: list[float]


class Sun(Table, frozen=True, kw_only=True):
    """Where the sun stands and how much of it arrives."""

    latitude: float
    noon_hour: float
    tilt: float
    transmittance: float
    diffuse: float
    performance: float
    clearness: list[float]
    clearness_month: list[float]
    slot_spread: float


class Pv(Table, frozen=True, kw_only=True):
    """Sizes of photovoltaic plants: quantiles in kW."""

    kw: list[float]


class Use(Table, frozen=True, kw_only=True):
    """One use of electricity: its part of the annual energy, its shapes, what is left of it when nobody is home.

    ``weather`` is how far the area's weather of the day acts on it (0 … 1); ``levelled`` uses follow the home's level.
    """

    share: float
    hours: str
    months: str
    away: float
    weather: float = 0.0
    levelled: bool = False


class Habit(Table, frozen=True, kw_only=True):
    """A kind of household: how often (weekday, weekend) and between which hours nobody is in."""

    share: float
    absence: tuple[float, float]
    leave: tuple[float, float]
    back: tuple[float, float]


class Heater(Table, frozen=True, kw_only=True):
    """Night-rate water heater: hours after 23:00, hours a night, kW; each a range over homes."""

    start: tuple[float, float]
    hours: tuple[float, float]
    kw: tuple[float, float]
    months: list[float]
    night_spread: float


class LoadClass(Table, frozen=True, kw_only=True):
    """A population of customers: annual amount, its relation to the contract, uses, habits, perhaps a heater.

    ``annual`` is in thousands of the base unit: kWh, or m³.
    """

    meter_class: MeterClass = "LV"
    annual: float
    contract_share: list[float]
    energy_by_contract: list[float]
    energy_sigma: float
    load_factor_high: float
    use: dict[str, Use]
    habit: dict[str, Habit]
    heater: Heater | None = None


class Customers(Table, frozen=True, kw_only=True):
    """What customers with one class of meters have in common, beside the tables that hold for all.

    ``sizes`` contracts; ``noise`` part of the half-hour's noise in force; ``day_spread`` as in :class:`Noise`; ``lump``
    the amount that is taken at a time (0: a steady flow), 1 ± ``lump_spread`` times that; ``years`` as in :class:`Age`;
    ``pv_kw`` as in :class:`Pv`, empty where there are no generators; ``unit`` that of :attr:`LoadClass.annual`.
    """

    unit: str
    sizes: list[int]
    noise: float
    day_spread: float
    lump: float
    lump_spread: float
    years: tuple[float, float]
    pv_kw: list[float]


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"classes": "class"}):
    """The whole file."""

    anchors: Anchors
    reference_mix: ReferenceMix
    contract: Contract
    noise: Noise
    variety: Variety
    weather: Weather
    age: Age
    hours: dict[str, Hours]
    months: dict[str, Months]
    sun: Sun
    pv: Pv
    classes: dict[str, LoadClass]
    customers: dict[MeterClass, Customers] = {}

    def customers_of(self, meter_class: MeterClass) -> Customers:
        """What the customers with such meters have in common; those of LV stand in tables of their own."""
        if meter_class != "LV":
            return self.customers[meter_class]
        return Customers(
            unit="kWh",
            sizes=self.contract.amperes,
            noise=1.0,
            day_spread=self.noise.day_spread,
            lump=0.0,
            lump_spread=0.0,
            years=self.age.years,
            pv_kw=self.pv.kw,
            source=self.contract.source,
            verified=self.contract.verified,
        )

    def classes_of(self, meter_class: MeterClass) -> list[str]:
        """Names of the load classes of such customers, in the order of the files; the first is the usual one."""
        return [name for name, load_class in self.classes.items() if load_class.meter_class == meter_class]


def parse(*texts: str) -> Parameters:
    """Parameters from TOML texts that add tables to each other.

    Raises :class:`LoadModelError` when a table is missing, odd, given twice or does not add up.
    """
    try:
        parameters = converted(_joined([tomllib.loads(text) for text in texts]), Parameters)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise LoadModelError(f"load model: {error}") from error
    _check(parameters)
    return parameters


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, dict[str, Any]] = {}
    for part in parts:
        for name, table in part.items():
            _need(isinstance(table, dict), f"{name} is not a table")
            twice = whole.get(name, {}).keys() & table.keys()
            _need(not twice, f"{name}.{', '.join(sorted(twice))} is given twice")
            whole[name] = whole.get(name, {}) | table
    return whole


@cache
def japan() -> Parameters:
    """The parameters that ship: Japanese customers of all meter classes."""
    data = resources.files("twins.load").joinpath("data")
    return parse(*(data.joinpath(name).read_text("utf-8") for name in DATA_FILES))


def _check(p: Parameters) -> None:
    """Lengths, names and sums that the types cannot express."""
    _need(len(p.noise.lively) == 24, "noise.lively needs 24 values")
    for name, hours in p.hours.items():
        _need(
            all(len(day) == 24 for day in (hours.weekday, hours.weekend or hours.weekday)),
            f"hours.{name} needs 24 values",
        )
    for name, months in p.months.items():
        _need(len(months.values) == 12, f"months.{name} needs 12 values")
    _need(len(p.sun.clearness_month) == 12, "sun.clearness_month needs 12 values")
    _need_shares("variety.shift_share", p.variety.shift_share, len(p.variety.shifts))
    _need_shares("variety.level_share", p.variety.level_share, len(p.variety.levels))
    _need(p.age.years[0] > p.age.history_years, "age.years must begin after age.history_years")
    for meter_class, customers in p.customers.items():
        _check_customers(f"customers.{meter_class}", customers, p.age.history_years)
    for name, load_class in p.classes.items():
        _check_class(f"class.{name}", load_class, p)


def _check_customers(where: str, customers: Customers, history_years: int) -> None:
    _need(customers.years[0] > history_years, f"{where}.years must begin after age.history_years")
    _need(all(0 < size < 256 for size in customers.sizes), f"{where}.sizes must lie in 1 … 255")
    # Above these ends a factor of the model could fall below zero, and a register with it.
    _need(0 <= customers.noise <= 1 and 0 <= customers.day_spread < 1, f"{where}: noise and day_spread lie in 0 … 1")
    _need(customers.lump >= 0 and 0 <= customers.lump_spread < 1, f"{where}: lump_spread lies in 0 … 1")


def _check_class(where: str, load_class: LoadClass, p: Parameters) -> None:
    known = ("LV", *p.customers)
    _need(load_class.meter_class in known, f"{where}.meter_class has no table customers.{load_class.meter_class}")
    contracts = len(p.customers_of(load_class.meter_class).sizes)
    _need_shares(f"{where}.contract_share", load_class.contract_share, contracts)
    _need(len(load_class.energy_by_contract) == contracts, f"{where}.energy_by_contract needs {contracts} values")
    _need_shares(f"{where}.use.*.share", [use.share for use in load_class.use.values()])
    _need_shares(f"{where}.habit.*.share", [habit.share for habit in load_class.habit.values()])
    for name, use in load_class.use.items():
        _need(use.hours in p.hours and use.months in p.months, f"{where}.use.{name} names shapes that do not exist")
    if load_class.heater:
        _need(len(load_class.heater.months) == 12, f"{where}.heater.months needs 12 values")


def _need_shares(where: str, shares: list[float], count: int | None = None) -> None:
    _need(count is None or len(shares) == count, f"{where} needs {count} values")
    _need(min(shares) >= 0 and math.isclose(sum(shares), 1, abs_tol=1e-9), f"{where} must be shares with sum 1")


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise LoadModelError(f"load model: {message}")
