"""The data files of the meter model, typed: one structure a table, each with its ``source`` and ``verified``."""

from __future__ import annotations

import math
import tomllib
from functools import cache
from importlib import resources
from typing import Literal, TypeVar

import msgspec

from protocols.errors import MeterBenchError
from twins.load.parameters import Table
from twins.plan import METER_CLASSES, MeterClass
from twins.tables import converted

Column = Literal["import", "export", "plus", "minus", "voltage"]
OTHER_CLASS = "other"
"""Key of the reactive parameters of load classes that have none of their own."""


class MeterModelError(MeterBenchError):
    """The meter model's data or a plan's use of it does not make sense; the message says where."""

    exit_code = 2


class Part(Table, frozen=True, kw_only=True):
    """Largest part of a half-hour's energy that lies in switched appliances."""

    most: float


class Strength(Table, frozen=True, kw_only=True):
    """Per mille of the appliances' watts, by class of meters."""

    LV: int
    HV: int
    gas: int
    water: int


class Run(Table, frozen=True, kw_only=True):
    """An appliance that somebody uses: chance in a half-hour between two hours, ranges of watts and minutes."""

    chance: float
    hours: tuple[int, int]
    watts: tuple[int, int]
    minutes: tuple[int, int]


class Cycle(Table, frozen=True, kw_only=True):
    """An appliance that switches itself: ranges of watts, period in minutes, and part of it that it is on."""

    watts: tuple[int, int]
    period: tuple[int, int]
    duty: tuple[float, float]


class MinuteParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``minutes.toml``."""

    switched: Part
    strength: Strength
    run: dict[str, Run]
    cycle: dict[str, Cycle]


class Wiring(Table, frozen=True, kw_only=True):
    """Share of 3-wire services up to each contract."""

    amperes: list[int]
    three_wire: list[float]


class Legs(Table, frozen=True, kw_only=True):
    """Per mille of a 3-wire service's power on its R leg."""

    share: tuple[int, int]
    wander: int


class Power(Table, frozen=True, kw_only=True):
    """Per mille by which a second differs from its minute."""

    spread: int


class Voltage(Table, frozen=True, kw_only=True):
    """Voltage of a leg in mV and what moves it."""

    nominal_mv: int
    by_hour_mv: list[int]
    concentrator_mv: int
    wander_mv: int
    own_mv: int
    service_mohm: int
    wander_minutes: int


class Tangents(Table, frozen=True, kw_only=True):
    """Ranges over homes: tangents per mille, and the part of the active energy that is capacitive."""

    inductive: tuple[int, int]
    capacitive: tuple[int, int]
    capacitive_share: tuple[float, float]


class ReactiveParameters(Table, frozen=True, kw_only=True, rename={"imported": "import", "exported": "export"}):
    """Reactive energy: the energy steps of its rule, and tangents by load class and for generators."""

    block_wh: int
    wander_wh: int
    wander_part: float
    imported: dict[str, Tangents]
    exported: dict[str, Tangents]


class ElectricParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``electric.toml``."""

    wiring: Wiring
    legs: Legs
    power: Power
    voltage: Voltage
    reactive: ReactiveParameters


class Maker(Table, frozen=True, kw_only=True):
    """ECHONET maker code, six hex digits."""

    code: str


class ClockParameters(Table, frozen=True, kw_only=True):
    """Spread of clocks over meters."""

    offset_s: float
    drift_ppm: float


class Generation(Table, frozen=True, kw_only=True):
    """A generation of a class of meters: register unit and digits as shown to the customer, product, firmware."""

    unit_wh: int
    digits: int
    product_code: str
    firmware: str


class GenerationParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``generations.toml``."""

    maker: Maker
    clock: ClockParameters
    generation: dict[MeterClass, dict[str, Generation]]


class TransformerParameters(Table, frozen=True, kw_only=True):
    """Rated values of instrument transformers, and shares of meters by the primary current."""

    primary_v: int
    secondary_v: int
    secondary_a: int
    primary_a: list[int]
    share: list[float]


class CoefficientParameters(Table, frozen=True, kw_only=True):
    """How meters state their ratio: a share of them as a larger coefficient with a multiplier."""

    multiplier: float
    share: float


class DemandParameters(Table, frozen=True, kw_only=True):
    """Unit and digits of a demand as it is told."""

    unit_w: int
    digits: int


class ClosingParameters(Table, frozen=True, kw_only=True):
    """First and last day of the month on which a meter's month may end."""

    first: int
    last: int


class HighVoltageParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``high_voltage.toml``."""

    transformers: TransformerParameters
    coefficient: CoefficientParameters
    demand: DemandParameters
    closing: ClosingParameters


class ProfileRule(Table, frozen=True, kw_only=True):
    """One periodic record: which meters have it, its period and retention in seconds, its columns.

    ``collected``: the A-route may fetch it without a change of the meter's software.
    """

    meter_class: MeterClass
    generation: str
    period: int
    keep: int
    columns: list[Column]
    collected: bool


class ProfileParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``profiles.toml``."""

    profile: list[ProfileRule]


Parameters = TypeVar("Parameters", bound=msgspec.Struct)


def parse(text: str, kind: type[Parameters]) -> Parameters:
    """Parameters of a kind from TOML text; raises :class:`MeterModelError` when something is missing or impossible."""
    try:
        parameters = converted(tomllib.loads(text), kind)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MeterModelError(f"meter model: {error}") from error
    match parameters:
        case MinuteParameters():
            _check_minutes(parameters)
        case ElectricParameters():
            _check_electric(parameters)
        case GenerationParameters():
            _check_generations(parameters)
        case HighVoltageParameters():
            _check_high_voltage(parameters)
        case ProfileParameters():
            _check_profiles(parameters)
    return parameters


@cache
def minute_parameters() -> MinuteParameters:
    """The shapes of minutes that ship."""
    return parse(_shipped("minutes.toml"), MinuteParameters)


@cache
def electric_parameters() -> ElectricParameters:
    """The electrical parameters that ship."""
    return parse(_shipped("electric.toml"), ElectricParameters)


@cache
def generation_parameters() -> GenerationParameters:
    """The generations of meters that ship."""
    return parse(_shipped("generations.toml"), GenerationParameters)


@cache
def profile_parameters() -> ProfileParameters:
    """The records and retentions that ship."""
    return parse(_shipped("profiles.toml"), ProfileParameters)


@cache
def high_voltage_parameters() -> HighVoltageParameters:
    """The transformers and closing dates that ship."""
    return parse(_shipped("high_voltage.toml"), HighVoltageParameters)


def _shipped(name: str) -> str:
    return resources.files("twins.meter").joinpath("data", name).read_text("utf-8")


def _check_minutes(p: MinuteParameters) -> None:
    _need(0 <= p.switched.most <= 1, "switched.most is a part of the energy: 0 … 1")
    for name, run in p.run.items():
        _need(0 <= run.chance <= 1, f"run.{name}.chance is a probability")
        _need(0 <= run.hours[0] < run.hours[1] <= 24, f"run.{name}.hours lie in 0 … 24, from before until")
        _need_range(f"run.{name}.watts", run.watts, 0)
        _need_range(f"run.{name}.minutes", run.minutes, 1)
    for name, cycle in p.cycle.items():
        _need_range(f"cycle.{name}.watts", cycle.watts, 0)
        _need_range(f"cycle.{name}.period", cycle.period, 1)
        _need_range(f"cycle.{name}.duty", cycle.duty, 0, 1)


def _check_electric(p: ElectricParameters) -> None:
    _need(len(p.wiring.amperes) == len(p.wiring.three_wire) > 0, "wiring needs as many shares as contracts")
    _need(p.wiring.amperes == sorted(p.wiring.amperes), "wiring.amperes must rise")
    _need_range("legs.share", (p.legs.share[0] - p.legs.wander, p.legs.share[1] + p.legs.wander), 0, 1000)
    _need(0 <= p.power.spread <= 1000, "power.spread is per mille: 0 … 1000")
    _need(len(p.voltage.by_hour_mv) == 24, "voltage.by_hour_mv needs 24 values")
    _need(p.voltage.wander_minutes >= 1, "voltage.wander_minutes must be at least 1")
    _need(p.reactive.block_wh >= 1 and p.reactive.wander_wh >= 1, "reactive steps must be at least 1 Wh")
    _need(0 <= p.reactive.wander_part < 0.5, "reactive.wander_part must be below 0.5, or registers would fall")
    _need(OTHER_CLASS in p.reactive.imported, f"reactive.import.{OTHER_CLASS} is missing")
    _need(len(p.reactive.exported) == 1, "reactive.export needs one table")
    for name, tangents in (p.reactive.imported | p.reactive.exported).items():
        _need_range(f"reactive.{name}.inductive", tangents.inductive, 0)
        _need_range(f"reactive.{name}.capacitive", tangents.capacitive, 0)
        _need_range(f"reactive.{name}.capacitive_share", tangents.capacitive_share, 0, 1)


def _check_generations(p: GenerationParameters) -> None:
    missing = [name for name in METER_CLASSES if not p.generation.get(name)]
    _need(not missing, f"generation.{', '.join(missing)} is missing")


def _check_high_voltage(p: HighVoltageParameters) -> None:
    of = p.transformers
    _need(len(of.primary_a) == len(of.share) > 0, "transformers needs as many shares as primary currents")
    _need(math.isclose(sum(of.share), 1, abs_tol=1e-9), "transformers.share must have the sum 1")
    _need(p.coefficient.multiplier in (0.1, 0.01, 0.001), "coefficient.multiplier must be 0.1, 0.01 or 0.001")
    _need_range("closing", (p.closing.first, p.closing.last), 1, 28)


def _check_profiles(p: ProfileParameters) -> None:
    seen = set()
    for rule in p.profile:
        where = f"profile {rule.meter_class}/{rule.generation}/{rule.period} s"
        _need(60 <= rule.period <= 1800 and rule.period % 60 == 0 and 1800 % rule.period == 0, f"{where}: odd period")
        _need(rule.keep >= rule.period and rule.keep % rule.period == 0, f"{where}: keep is not a number of periods")
        _need(where not in seen, f"{where} appears twice")
        seen.add(where)


def _need_range(where: str, ends: tuple[float, float], low: float, high: float = float("inf")) -> None:
    _need(low <= ends[0] <= ends[1] <= high, f"{where} must be a range within {low} … {high}")


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise MeterModelError(f"meter model: {message}")
