"""Measurements of a test: judged at once, told at its end, kept for the night's record, JUnit and Allure."""

from __future__ import annotations

import math
from typing import Final, Literal, TypeAlias

import msgspec
import pytest

from bench.measure import Verdict, worst
from bench.night.model import Key, Value
from bench.pytest_plugin.outcomes import Inconclusive, OutOfLimits

AttachmentKind: TypeAlias = Literal["text", "csv", "json", "svg", "png"]
"""What an attachment is; texts are ``str``, a ``png`` is ``bytes``."""

_MEASURE: Final = pytest.StashKey["Measure"]()


class Taken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measurement as it was taken; ``bound`` is how far the value may be off."""

    name: str
    value: float | None
    unit: str
    verdict: str
    low: float | None = None
    high: float | None = None
    resolution: float = 0.0
    counted: bool = False
    bound: float = 0.0
    requirements: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = "no value" if self.value is None else f"{self.value:g} {self.unit}".strip()
        limits = [f"at least {self.low:g}"] if self.low is not None else []
        limits += [f"at most {self.high:g}"] if self.high is not None else []
        bound = f" ± {self.bound:g}" if self.bound else ""
        return f"{self.name}: {shown}{bound}, should be {' and '.join(limits)}"


class Measure:
    """The fixture ``measure``."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.attached: list[tuple[str, str | bytes, AttachmentKind]] = []

    def attach(self, name: str, content: str | bytes, kind: AttachmentKind = "text") -> None:
        """Keep a text (frames, a log, a table) or a picture with the test, where its report can hold one."""
        self.attached.append((name, content, kind))

    def __call__(
        self,
        name: str,
        value: float | None,
        unit: str,
        *,
        low: float | None = None,
        high: float | None = None,
        bound: float = 0.0,
        breach: Literal["fail", "inconclusive"] = "fail",
        requirement: str | tuple[str, ...] = (),
        resolution: float = 0.0,
        counted: bool = False,
    ) -> float | None:
        """Take a measurement and return its value; the test goes on, and fails at its end if one was beyond its limits.

        Limits are inclusive, without any the value is recorded only. With a ``bound`` on its error a value within it of
        a limit is *inconclusive*. No value (None, NaN) is a failure: silence is no pass. ``resolution`` is the smallest
        step that it can show, ``counted`` a count of what comes by chance: both keep drift from being seen where there
        is none. Raises ValueError for a name that was used before: a test measures a thing once.
        """
        if any(each.name == name for each in self.taken):
            raise ValueError(f"{name} was measured before in this test; give each measurement a name of its own")
        number = None if value is None or math.isnan(value) else float(value)
        verdict = _judge(number, low, high, bound)
        if verdict is Verdict.FAIL and number is not None:
            verdict = Verdict[breach.upper()]
        rows = (requirement,) if isinstance(requirement, str) else tuple(requirement)
        self.taken.append(
            Taken(
                name=name,
                value=number,
                unit=unit,
                verdict=str(verdict),
                low=low,
                high=high,
                resolution=resolution,
                counted=counted,
                bound=bound,
                requirements=rows,
            )
        )
        return number

    @property
    def requirements(self) -> tuple[str, ...]:
        """Rows that the measurements bear."""
        return tuple(dict.fromkeys(row for each in self.taken for row in each.requirements))

    def settle(self) -> None:
        """Raise for what was found: OutOfLimits, or Inconclusive."""
        bad = [each for each in self.taken if each.verdict != "pass"]
        text = "; ".join(map(str, bad))
        if worst(each.verdict for each in bad) is Verdict.FAIL:
            raise OutOfLimits(text)
        if bad:
            raise Inconclusive(text)

    def values(self, key: Key) -> list[Value]:
        """For the night's record."""
        return [
            Value(
                test=key.test,
                kind=key.kind,  # type: ignore[arg-type]  # a Key of ours has a Kind
                place=key.place,
                name=each.name,
                value=each.value,
                unit=each.unit,
                low=each.low,
                high=each.high,
                resolution=each.resolution,
                counted=each.counted,
            )
            for each in self.taken
            if each.value is not None and math.isfinite(each.value)
        ]


def measure_of(item: pytest.Item) -> Measure:
    """The measurements of a test, of which there is one set."""
    return item.stash.setdefault(_MEASURE, Measure())


def taken_by(item: pytest.Item) -> Measure | None:
    """The measurements of a test, if it has taken any."""
    found = item.stash.get(_MEASURE, None)
    return found if found is not None and found.taken else None


def _judge(value: float | None, low: float | None, high: float | None, bound: float) -> Verdict:
    if value is None:
        return Verdict.FAIL
    room = min(math.inf if low is None else value - low, math.inf if high is None else high - value)
    if room < -bound:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if room < bound else Verdict.PASS
