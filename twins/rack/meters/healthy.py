"""The hidden errors of a healthy meter: small ones, drawn by (seed, meter) within what ``data/healthy.toml`` says."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from twins.plan import MeterClass
from twins.rack.faults import RackError
from twins.rack.world.hidden import Hidden
from twins.random import salt
from twins.tables import Table

_DRAWN: Final = (
    "gain_percent",
    "phase_deg",
    "per_volt_percent",
    "per_hertz_percent",
    "per_kelvin_percent",
    "clock_ppm",
    "clock_offset_s",
)


class HealthyFigures(Table, frozen=True, kw_only=True):
    """Largest errors of the meters of a class, as :class:`Hidden` has them; ``starting_part`` of the basic current."""

    gain_percent: float
    phase_deg: float
    per_volt_percent: float
    per_hertz_percent: float
    per_kelvin_percent: float
    clock_ppm: float
    clock_offset_s: float
    starting_part: float


@cache
def healthy_figures() -> dict[str, HealthyFigures]:
    """The figures that ship, by meter class."""
    text = resources.files(__package__).joinpath("data", "healthy.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, HealthyFigures])


def healthy(seed: int, index: int, meter_class: MeterClass, basic_amps: float) -> Hidden:
    """The errors of the meter with this fleet-wide index; raises :class:`RackError` for a class without figures."""
    figures = healthy_figures().get(meter_class)
    if figures is None:
        raise RackError(f"{meter_class} meters have no electrical metrology; there are {', '.join(healthy_figures())}")

    def chance(name: str) -> float:
        return float(salt(seed, "hidden error", index, name)) / 2**32

    drawn = {name: (2 * chance(name) - 1) * getattr(figures, name) for name in _DRAWN}
    return Hidden(**drawn, starting_a=(0.5 + 0.5 * chance("starting_a")) * figures.starting_part * basic_amps)
