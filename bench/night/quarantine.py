"""Quarantine: known failures that the gate looks away from, each with a reason, an owner, an issue and an end.

A test in quarantine runs (mode *run*) and keeps its true outcome; only the gate does not count it. *skip* is for a test
that would hang or spoil the night for others. Past its end an entry has no effect, and the test counts again.

Dates are days of the lab (Japan Standard Time); an entry holds from ``added`` to ``expires``, both included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Literal, TypeAlias

import msgspec

from bench.measure import load_parameters
from bench.night.compare import Change, Comparison
from bench.night.model import BAD, Key

Mode: TypeAlias = Literal["run", "skip"]
MODES: tuple[Mode, ...] = ("run", "skip")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One quarantine. ``test`` and ``place`` are patterns: ``*`` any text, ``?`` one character, nothing else is special
    (brackets are common in the ids of tests). ``line`` is where it stands in its file."""

    test: str
    reason: str
    issue: str
    owner: str
    added: date
    expires: date
    place: str = "*"
    kind: Literal["rack", "twin"] | None = None
    mode: Mode = "run"
    line: int = 0

    def covers(self, key: Key) -> bool:
        """Whether it means this test."""
        if self.kind is not None and self.kind != key.kind:
            return False
        return bool(_pattern(self.test).fullmatch(key.test) and _pattern(self.place).fullmatch(key.place))

    def holds(self, day: date) -> bool:
        """Whether it has an effect on that day."""
        return self.added <= day and not self.over(day)

    def over(self, day: date) -> bool:
        """Whether its end has passed on that day."""
        return day > self.expires

    @property
    def what(self) -> str:
        """The tests that it means, in words."""
        where = [self.place] if self.place != "*" else []
        kind = [self.kind] if self.kind else []
        return " ".join([self.test, *(["@"] if where or kind else []), *where, *kind])


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something to mend in a quarantine: its entry, ``expired`` or ``unused``, and a sentence."""

    entry: Entry
    problem: Literal["expired", "unused"]
    text: str


class Passing(msgspec.Struct, frozen=True, kw_only=True):
    """How a test in quarantine does: its class tonight, its outcome, and for how many nights it has been so."""

    entry: Entry
    test: str
    kind: str
    place: str
    change: Change
    outcome: str
    nights: int

    @property
    def passes(self) -> bool:
        """Whether the quarantine could go, as far as this test is concerned."""
        return self.outcome == "pass" and self.change is not Change.FLAKY


@cache
def longest() -> timedelta:
    """How long a quarantine may last."""
    return timedelta(days=load_parameters("night")["quarantine_days"].value)


def covering(entries: Iterable[Entry], key: Key, day: date) -> Entry | None:
    """The entry that keeps a test from the gate on that day, if any does."""
    return next((entry for entry in entries if entry.holds(day) and entry.covers(key)), None)


def check(entries: Sequence[Entry], day: date, known: Iterable[Key] | None) -> list[Finding]:
    """Entries that are over, and entries that mean no test among the known ones (None: the tests are not known)."""
    keys = None if known is None else list(known)
    found = []
    for entry in entries:
        if entry.over(day):
            ago = (day - entry.expires).days
            text = f"ended {entry.expires} ({_days(ago)} ago): its tests count again; mend them, then remove it"
            found.append(Finding(entry=entry, problem="expired", text=text))
        if keys is not None and not any(entry.covers(key) for key in keys):
            text = "means no test of the last night; correct the pattern, or remove it"
            found.append(Finding(entry=entry, problem="unused", text=text))
    return found


def verify(entries: Sequence[Entry], comparison: Comparison) -> list[Passing]:
    """How every test in quarantine did in a night, by entry; what was not run is left out."""
    ran = [each for each in comparison.tests if each.outcome == "pass" or each.outcome in BAD]
    return [
        Passing(
            entry=entry,
            test=each.test,
            kind=each.kind,
            place=each.place,
            change=each.change,
            outcome=each.outcome,
            nights=each.nights,
        )
        for entry in entries
        for each in ran
        if entry.covers(each.key)
    ]


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(each, re.escape(each)) for each in glob), re.DOTALL)


def _days(count: int) -> str:
    return f"{count} day" + ("" if count == 1 else "s")
