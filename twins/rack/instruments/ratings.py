"""What the front ends' instruments are like, read from data files; each table has its ``source`` and ``verified``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TypeVar

import msgspec

from twins.rack.faults import RackError
from twins.tables import Table


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One range of a source: highest voltage (V) and the current (A a phase) it has there."""

    volts: float
    amps: float


class SourceRating(Table, frozen=True, kw_only=True):
    """An AC source; ``points`` is the longest programme, ``gain_percent`` what its own meters are off by."""

    identity: str
    phases: int
    ranges: tuple[Range, ...]
    hertz: tuple[float, float]
    reset_s: float
    measure_s: float
    overcurrent_s: float
    points: int
    line_most: int
    gain_percent: float


class AnalyserRating(Table, frozen=True, kw_only=True):
    """A power analyser; ``gain_percent`` by quantity (U, I, P), noise as 1 sigma between updates."""

    identity: str
    elements: int
    update_s: float
    answer_s: float
    gain_percent: dict[str, float]
    noise_percent: float
    noise_part: float
    volt_ranges: tuple[float, ...]
    amp_ranges: tuple[float, ...]


class LoadRating(Table, frozen=True, kw_only=True):
    """An AC load and where its protections trip."""

    identity: str
    amps_most: float
    watts_most: float
    volts_least: float
    volts_most: float
    peak_volts_most: float
    hertz: tuple[float, float]
    trip_s: float
    measure_s: float
    reset_s: float


R = TypeVar("R", SourceRating, AnalyserRating, LoadRating)


def rating(model: str, kind: type[R]) -> R:
    """The rating of a model that ships; raises :class:`RackError` for one that does not."""
    tables = _tables(_FILES[kind])
    if model not in tables:
        raise RackError(f"virtual instrument {model!r}; there are {', '.join(tables)}")
    return msgspec.convert(tables[model], kind)


_FILES: dict[type, str] = {
    SourceRating: "sources.toml",
    AnalyserRating: "analysers.toml",
    LoadRating: "loads.toml",
}


@cache
def _tables(file: str) -> dict[str, object]:
    return tomllib.loads(resources.files(__package__).joinpath("data", file).read_text("utf-8"))
