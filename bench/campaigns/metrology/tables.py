"""The tables of ``data/points.toml``, typed: limits by class, currents, starting, no load, influences, dips.

Currents are parts of Ib (direct) or In (transformer); a negative power factor is a leading current; limits are in %.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Literal, TypeAlias

import msgspec

from twins.tables import Table, converted

AccuracyClass: TypeAlias = Literal["0.2S", "0.5S", "1", "2"]
Connection: TypeAlias = Literal["direct", "transformer"]
Quantity: TypeAlias = Literal["voltage", "frequency"]


class Band(Table, frozen=True, kw_only=True, rename={"start": "from"}):
    """Limits of error from a current up to, not including, ``below``; without it up to Imax."""

    connection: Connection
    factors: tuple[float, ...]
    start: float
    below: float = float("inf")
    limits: dict[AccuracyClass, float]


class Currents(Table, frozen=True, kw_only=True):
    """Where errors are taken at a power factor: multiples of Ib or In, and parts of Imax."""

    connection: Connection
    factor: float
    basic: tuple[float, ...]
    maximum: tuple[float, ...]


class Starting(Table, frozen=True, kw_only=True):
    """Starting current by class, as a part of Ib or In."""

    direct: dict[AccuracyClass, float]
    transformer: dict[AccuracyClass, float]


class NoLoad(Table, frozen=True, kw_only=True):
    """Voltage as a part of Un, and the shortest time in minutes times ``k m Un Imax`` by class."""

    volts: float
    time: dict[AccuracyClass, float]


class Influence(Table, frozen=True, kw_only=True):
    """Largest change of the error when a quantity is these parts of its nominal value, at a power factor."""

    quantity: Quantity
    parts: tuple[float, ...]
    factor: float
    limits: dict[AccuracyClass, float]


class Dip(Table, frozen=True, kw_only=True):
    """A residual voltage for ``cycles`` (at 50, at 60 Hz) or ``seconds``, so many times, with a pause after each.

    ``classes`` are the electromagnetic environments of IEC 61000-4-11; ``reboot`` says whether a meter may restart.
    """

    name: str
    classes: tuple[int, ...]
    volts: float
    cycles: tuple[float, float] | None = None
    seconds: float = 0.0
    times: int
    pause_s: float
    reboot: bool

    def lasts(self, hertz: float) -> float:
        """Seconds of one dip at a rated frequency of 50 or 60 Hz."""
        if self.cycles is None:
            return self.seconds
        return self.cycles[0 if hertz == 50 else 1] / hertz


class RegisterChange(Table, frozen=True, kw_only=True):
    """``x`` times m Un Imax is the most, in kWh, that a register may change by across a disturbance."""

    x: float


class Tables(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``points.toml``."""

    bands: tuple[Band, ...]
    currents: tuple[Currents, ...]
    starting: Starting
    no_load: NoLoad
    influences: tuple[Influence, ...]
    dips: tuple[Dip, ...]
    register_change: RegisterChange

    def limit(self, connection: Connection, accuracy: AccuracyClass, current: float, factor: float) -> float | None:
        """Limit of error in % at a multiple of Ib or In; None where the class has none."""
        for band in self.bands:
            of_this_meter = band.connection == connection and accuracy in band.limits
            if of_this_meter and factor in band.factors and band.start <= current < band.below:
                return band.limits[accuracy]
        return None


@cache
def tables() -> Tables:
    """The tables that ship; raises ``msgspec.ValidationError`` when the file does not fit, a test holds it to that."""
    text = resources.files(__package__).joinpath("data", "points.toml").read_text("utf-8")
    return converted(tomllib.loads(text), Tables)
