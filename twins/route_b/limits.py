"""The figures of ``data/limits.toml``, typed; each has its ``source``, and says whether that really gives it."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec

from protocols.errors import MeterBenchError
from twins.tables import Table


class LimitsError(MeterBenchError):
    """Limits that no meter can have; the message says which."""

    exit_code = 2


class Controllers(Table, frozen=True, kw_only=True):
    """How many controllers hold a session at the same time."""

    at_once: int


class Session(Table, frozen=True, kw_only=True):
    """Seconds that a session lives."""

    lifetime_s: int


class Pace(Table, frozen=True, kw_only=True):
    """How many requests are answered: ``burst`` at once, then ``per_second``; how many may wait for their turn."""

    per_second: float
    burst: int
    waiting: int


class Requests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pace by medium."""

    radio: Pace
    wire: Pace


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All limits; ``controllers`` by the generation of the meter."""

    controllers: dict[str, Controllers]
    session: Session
    requests: Requests


def parse(text: str) -> Limits:
    """Limits of TOML text; raises :class:`LimitsError` when something is missing or impossible."""
    try:
        limits = msgspec.convert(tomllib.loads(text), Limits)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise LimitsError(f"B-route limits: {error}") from error
    positive: list[float] = [limits.session.lifetime_s, *(rule.at_once for rule in limits.controllers.values())]
    for pace in (limits.requests.radio, limits.requests.wire):
        positive += [pace.per_second, pace.burst, pace.waiting]
    if min(positive) <= 0:
        raise LimitsError("B-route limits: every figure must be above 0")
    return limits


@cache
def shipped_limits() -> Limits:
    """The limits that ship."""
    return parse(resources.files(__package__).joinpath("data", "limits.toml").read_text("utf-8"))
