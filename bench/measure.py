"""Measurements and verdicts: what a campaign finds out, and what it means.

A measurement is a named value with unit, limits, requirement ids and a source for its limits. Limits, and the
parameters that a campaign measures by, are data (``bench/limits/*.toml``), never code. A measurement that was declared
and not set fails: silence is not a pass.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from enum import IntEnum
from importlib import resources
from typing import Any, Literal

import msgspec

from twins.tables import converted


class Verdict(IntEnum):
    """Mild to severe; a parent takes its worst child. *fail* is the product's fault, *error* the bench's own."""

    PASS = 0
    INCONCLUSIVE = 1
    FAIL = 2
    ABORTED = 3
    ERROR = 4

    def __str__(self) -> str:
        return self.name.lower()


EXIT_CODES = {Verdict.PASS: 0, Verdict.INCONCLUSIVE: 1, Verdict.FAIL: 1, Verdict.ABORTED: 130, Verdict.ERROR: 3}


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a measurement must keep to, and who says so.

    ``low`` and ``high`` are inclusive; both absent means the value is recorded and not judged. ``breach`` is the
    verdict outside of them: *inconclusive* for a value that tells about the bench rather than the product.
    """

    unit: str
    doc: str
    source: str
    low: float | None = None
    high: float | None = None
    breach: Literal["fail", "inconclusive"] = "fail"
    requirements: tuple[str, ...] = ()
    verified: bool = True


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number that measurements are taken by, and who says so."""

    value: float
    unit: str
    doc: str
    source: str
    verified: bool = True


class _Shipped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of limits."""

    parameters: dict[str, Parameter] = {}
    measurements: dict[str, Limit]


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of a run, judged; ``place`` and ``point`` say where on a rack and at what it was found."""

    name: str
    value: float | None
    unit: str
    low: float | None
    high: float | None
    verdict: str
    requirements: tuple[str, ...]
    doc: str
    source: str
    place: str | None = None
    point: str | None = None


def load_limits(campaign: str) -> dict[str, Limit]:
    """Limits that ship for a campaign, by measurement name, in the order of the file.

    Raises ``msgspec.ValidationError`` when the shipped file does not fit; a test holds it to that.
    """
    return _shipped(campaign).measurements


def load_parameters(campaign: str) -> dict[str, Parameter]:
    """Parameters that ship for a campaign, by name. Raises as :func:`load_limits`."""
    return _shipped(campaign).parameters


def _shipped(campaign: str) -> _Shipped:
    text = resources.files("bench").joinpath("limits", f"{campaign}.toml").read_text("utf-8")
    return converted(tomllib.loads(text), _Shipped)


def judge(limits: Mapping[str, Limit], values: Mapping[str, float | None]) -> list[Measurement]:
    """Hold values against limits, one measurement a declared limit; an unknown name is a programming error."""
    unknown = values.keys() - limits.keys()
    if unknown:
        raise KeyError(f"measured but not declared: {', '.join(sorted(unknown))}")
    return [_judge_one(name, limit, values.get(name)) for name, limit in limits.items()]


def _judge_one(name: str, limit: Limit, value: float | None) -> Measurement:
    verdict = Verdict.PASS
    if value is None or value != value:
        value, verdict = None, Verdict.FAIL
    elif (limit.low is not None and value < limit.low) or (limit.high is not None and value > limit.high):
        verdict = Verdict[limit.breach.upper()]
    fields: dict[str, Any] = {
        key: getattr(limit, key) for key in ("unit", "low", "high", "requirements", "doc", "source")
    }
    return Measurement(name=name, value=value, verdict=str(verdict), **fields)


def worst(verdicts: Iterable[str | Verdict]) -> Verdict:
    """The most severe of some verdicts; pass when there is none."""
    return max((v if isinstance(v, Verdict) else Verdict[v.upper()] for v in verdicts), default=Verdict.PASS)
