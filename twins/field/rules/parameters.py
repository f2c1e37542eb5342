"""The figures of ``data/air_time.toml``, typed, and one rule out of them in nanoseconds."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import NamedTuple

import msgspec

from twins.field.checks import FieldError, known, need
from twins.tables import Table

MICROSECOND, MILLISECOND, SECOND = 1_000, 1_000_000, 1_000_000_000
"""In nanoseconds, the unit of time of rules and mesh: whole numbers, so that no slot drifts."""


class Class(Table, frozen=True, kw_only=True):
    """What holds for senders that listen so long; see the file's head."""

    sense_us: int
    level_dbm: float
    longest_ms: int
    pause_ms: int
    hour_s: int
    window_s: int
    answer_ms: int
    answers_count: bool


class Width(Table, frozen=True, kw_only=True):
    """The longest frame of channels wider than ``above_khz``."""

    above_khz: int
    longest_ms: int


class AirTimeRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``air_time.toml``."""

    short: Class
    long: Class
    hopping: Class
    longest_by_width: list[Width]


class Rule(NamedTuple):
    """One sender's rule; times in ns."""

    sense: int
    level_dbm: float
    longest: int
    pause: int
    limit: int
    window: int
    answer: int
    answers_count: bool


def parse(text: str) -> AirTimeRules:
    """Rules of TOML text; raises :class:`FieldError` when something is missing or impossible."""
    try:
        rules = msgspec.convert(tomllib.loads(text), AirTimeRules)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise FieldError(f"field: air_time.toml: {error}") from error
    for one in (rules.short, rules.long, rules.hopping):
        need(min(one.sense_us, one.longest_ms, one.hour_s) > 0, "carrier sense, longest frame and sum are above 0")
        need(min(one.pause_ms, one.answer_ms) >= 0, "no pause is below 0")
        need(one.window_s >= 60 and one.window_s % 60 == 0, "the window is a whole number of minutes")
        need(one.longest_ms <= 1000 * one.hour_s, "the sum must allow one longest frame")
    need(all(w.longest_ms > 0 for w in rules.longest_by_width), "longest_by_width: above 0")
    return rules


@cache
def air_time_rules() -> AirTimeRules:
    """The rules that ship."""
    return parse(resources.files(__package__).joinpath("data", "air_time.toml").read_text("utf-8"))


def rule(kind: str = "short", width_khz: int = 200) -> Rule:
    """The rule of a class (``short``, ``long``, ``hopping``) on channels of a width; short frames where it is wide."""
    rules = air_time_rules()
    one: Class = getattr(rules, known(kind, ["short", "long", "hopping"]))
    need(width_khz > 0, "a channel has some width")
    longest = min([one.longest_ms, *(w.longest_ms for w in rules.longest_by_width if width_khz > w.above_khz)])
    return Rule(
        sense=one.sense_us * MICROSECOND,
        level_dbm=one.level_dbm,
        longest=longest * MILLISECOND,
        pause=one.pause_ms * MILLISECOND,
        limit=one.hour_s * SECOND,
        window=one.window_s * SECOND,
        answer=one.answer_ms * MILLISECOND,
        answers_count=one.answers_count,
    )
