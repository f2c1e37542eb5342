"""One night, as a line of the history holds it: every test with its outcome, every measurement with its value.

A test is known by three things: its id, whether it met a rack or a twin, and the place or twin kind. The id is pytest's
node id *without* the parameter that names the place, so that one test at eight places is one test, and no result of a
twin can stand in for one of the rack.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from bench.errors import InputError
from protocols.slots import JST

FORMAT = 1

Outcome: TypeAlias = Literal["pass", "inconclusive", "fail", "aborted", "error", "skip"]
"""*error* is the bench's own failure; *skip* means not run, with the reason in ``message``."""

Kind: TypeAlias = Literal["rack", "twin"]
FLEET: Final = "fleet"
"""Where tests of a head-end are in the record, which collect a small fleet: beside the twin kinds, and none of them."""

BAD = frozenset({"inconclusive", "fail", "aborted"})
"""Outcomes that speak against the product, or at least not for it."""


class Key(NamedTuple):
    """What a test is known by, night after night."""

    test: str
    kind: str
    place: str

    def __str__(self) -> str:
        return f"{self.test} @ {self.place} ({self.kind})"


class SeriesKey(NamedTuple):
    """What a measurement is known by: its test, and its own name and unit."""

    key: Key
    name: str
    unit: str


class Result(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One test at one place. ``flaky``: it passed, but only after ``attempts`` of which an earlier one did not.

    ``seconds`` is real time; ``requirements`` are row ids; ``message`` is the first line of why it did not pass.
    """

    test: str
    outcome: Outcome
    kind: Kind
    place: str
    seconds: float = 0.0
    flaky: bool = False
    attempts: int = 1
    requirements: tuple[str, ...] = ()
    message: str = ""

    @property
    def key(self) -> Key:
        """Its identity."""
        return Key(self.test, self.kind, self.place)


class Value(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One measurement of one test at one place, with the limits that it was judged by.

    ``resolution`` is the smallest step that the measurement can show, in its unit; 0 where that is not known.
    ``counted``: it counts what comes by chance (lost frames, retries), so it scatters even where nothing has changed.
    """

    test: str
    kind: Kind
    place: str
    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    resolution: float = 0.0
    counted: bool = False

    @property
    def key(self) -> Key:
        """The test that it belongs to."""
        return Key(self.test, self.kind, self.place)

    @property
    def series(self) -> SeriesKey:
        """What it is called in every night. Another unit is another measurement."""
        return SeriesKey(self.key, self.name, self.unit)


class Incident(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Something that the bench itself could not do: when (ISO 8601 UTC), where, what; ``retired`` takes the place out
    of service until a person says that it is good again."""

    time: str
    what: str
    place: str = ""
    retired: bool = False


class Night(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One night. Times are ISO 8601 UTC; ``verdict`` is the gate's (pass, fail, error), or aborted."""

    format: int
    night: str
    started: str
    topology: str
    topology_sha256: str
    verdict: str
    ended: str | None = None
    git: str | None = None
    environment: dict[str, str] = {}
    results: tuple[Result, ...] = ()
    values: tuple[Value, ...] = ()
    incidents: tuple[Incident, ...] = ()

    def places(self, kind: Kind) -> set[str]:
        """Places of the rack, or twin kinds, at which tests ran."""
        at = {each.place for each in self.results if each.kind == kind and each.outcome != "skip"}
        return at - {FLEET} if kind == "twin" else at

    def by_key(self) -> dict[Key, Result]:
        """Its results by identity."""
        return {result.key: result for result in self.results}


def twice(night: Night) -> list[str]:
    """What a night holds more than once: results of one identity, values of one series. A sound night has none."""
    results = Counter(result.key for result in night.results)
    values = Counter(value.series for value in night.values)
    return [str(key) for key, count in results.items() if count > 1] + [
        f"{series.name} of {series.key}" for series, count in values.items() if count > 1
    ]


def day_of(night: Night) -> date:
    """The day on which a night began, Japan Standard Time. Raises InputError when its start is no instant."""
    try:
        return datetime.fromisoformat(night.started).astimezone(JST).date()
    except ValueError as error:
        raise InputError(f"night {night.night}: started {night.started!r} is not an instant (ISO 8601)") from error
