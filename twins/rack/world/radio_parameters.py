"""The figures of ``data/radio.toml``, typed; each table has its ``source``, and says whether that really gives it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources

import msgspec

from twins.rack.faults import RackError
from twins.tables import Table


class Frames(Table, frozen=True, kw_only=True):
    """The PHY mode (:mod:`twins.field.physics.phy`), and how often a frame is sent until it is acknowledged."""

    mode: str
    tries: int


class AttenuatorFigures(Table, frozen=True, kw_only=True):
    """Seconds until a setting is there, and the largest error of a setting in dB."""

    settling_s: float
    step_error_db: float


class Insertion(Table, frozen=True, kw_only=True):
    """Loss in dB over MHz with all attenuators at 0."""

    points: tuple[tuple[float, float], ...]


class RadioWorldParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``radio.toml``."""

    frames: Frames
    attenuator: AttenuatorFigures
    insertion: Insertion


def parse(text: str) -> RadioWorldParameters:
    """Parameters of TOML text; raises :class:`RackError` when something is missing or impossible."""
    try:
        p = msgspec.convert(tomllib.loads(text), RadioWorldParameters)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RackError(f"radio world: {error}") from error
    _need(bool(p.insertion.points), "insertion.points are missing")
    check_rising(p.insertion.points)
    _need(p.frames.tries >= 1, "frames: at least one try")
    _need(min(p.attenuator.settling_s, p.attenuator.step_error_db) >= 0, "attenuator: nothing is below 0")
    return p


def check_rising(points: Sequence[tuple[float, float]]) -> None:
    """Raises :class:`RackError` for losses (MHz, dB) whose frequencies do not rise."""
    frequencies = [mhz for mhz, _ in points]
    _need(frequencies == sorted(set(frequencies)), "insertion rises in frequency")


@cache
def radio_world_parameters() -> RadioWorldParameters:
    """The parameters that ship."""
    return parse(resources.files(__package__).joinpath("data", "radio.toml").read_text("utf-8"))


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise RackError(f"radio world: {message}")
