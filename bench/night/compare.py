"""Two nights compared: what became of each test, and which measurements drifted.

A test is compared with the last time that it *ran*: a night in which it was skipped, or in which the bench failed, says
nothing about the product. So a failure with a skipped night before it is still the same failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice, pairwise

import msgspec

from bench.errors import InputError
from bench.measure import load_parameters
from bench.night.drift import drift_rules
from bench.night.history import History
from bench.night.model import BAD, Key, Night, Result
from bench.night.series import Drift, find_drifts

ABSENT = "absent"
"""Outcome of a test that a night does not know."""


class Change(StrEnum):
    """What became of a test, the most urgent first."""

    NEW_FAILURE = "new failure"
    STILL_FAILING = "still failing"
    BENCH_ERROR = "bench error"
    MISSING = "missing"
    FLAKY = "flaky"
    FIXED = "fixed"
    ADDED = "added"
    PASSING = "passing"
    SKIPPED = "skipped"


class TestChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one test.

    ``nights``: for how many nights that it ran it has been like this (passing, or not), this one included; ``since``:
    the first of them. ``unsteady``: it passes and fails by turns. ``message``: why it did not pass, or did not run.
    """

    __test__ = False  # its name looks like a test to pytest

    test: str
    kind: str
    place: str
    change: Change
    outcome: str
    before: str
    nights: int
    since: str
    unsteady: bool = False
    message: str = ""
    requirements: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Its identity."""
        return Key(self.test, self.kind, self.place)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Night ``night`` held against night ``against`` (null when there was none) and the nights before it.

    ``tests`` holds every test of the two nights, ``drifts`` what moved, ``judged`` and ``young`` how many measurements
    could be judged for drift and how many could not yet; ``problems`` is what the history left out.
    """

    night: str
    against: str | None
    topology_changed: bool
    tests: tuple[TestChange, ...]
    drifts: tuple[Drift, ...]
    judged: int
    young: int
    problems: tuple[str, ...] = ()

    def of(self, *changes: Change) -> list[TestChange]:
        """Tests that changed in one of these ways."""
        return [each for each in self.tests if each.change in changes]


def compare_in(history: History, night: str, against: str | None = None) -> tuple[Night, Comparison]:
    """A night of a history, and it held against another: by default the one before it on the same topology.

    Raises InputError when there is no such night, or ``against`` is not before ``night`` on the same topology.
    """
    newer = history.find(night)
    before: Iterator[Night] = history.before(newer)
    if against is not None:
        older = history.find(against)
        if older.topology != newer.topology:
            raise InputError(f"{older.night} ran on topology {older.topology}, {newer.night} on {newer.topology}")
        if (older.started, older.night) >= (newer.started, newer.night):
            raise InputError(f"{older.night} is not before {newer.night}; give the older night first")
        before = chain([older], history.before(older))
    comparison = compare(newer, before)
    return newer, msgspec.structs.replace(comparison, problems=tuple(history.problems))


def compare(night: Night, before: Iterable[Night]) -> Comparison:
    """Hold a night against the nights before it on the same topology, newest first.

    More of them are asked for than drift needs only while a test is found that failed in all of them.
    """
    rules, parameters = drift_rules(), load_parameters("night")
    rest = iter(before)
    window = list(islice(rest, rules.nights))
    tracks = {key: _Track(result, night.night) for key, result in night.by_key().items()}
    for position, each in enumerate(chain(window, rest)):
        if position >= len(window) and not any(track.open and track.bad for track in tracks.values()):
            break
        for result in each.results:
            if (track := tracks.get(result.key)) is not None:
                track.see(result, each.night)
    older = window[0].by_key() if window else {}
    gone = {key: _Track(None, night.night) for key in older.keys() - tracks.keys()}
    recent, turns = (int(parameters[name].value) for name in ("unsteady_nights", "unsteady_changes"))
    drifts, judged, young = find_drifts(night, window)
    return Comparison(
        night=night.night,
        against=window[0].night if window else None,
        topology_changed=bool(window) and window[0].topology_sha256 != night.topology_sha256,
        tests=tuple(
            _change(key, track, older.get(key), unsteady=track.turns(recent) >= turns)
            for key, track in sorted((tracks | gone).items())
        ),
        drifts=drifts,
        judged=judged,
        young=young,
    )


@dataclass
class _Track:
    """One test on its way back through the nights.

    ``result``: tonight's; ``last``: what came of it when it last ran before. ``nights`` and ``since``: how long
    tonight's side (passing, or not) has lasted; it is ``open`` while it may have lasted longer. ``sides``: whether it
    passed, tonight first.
    """

    result: Result | None
    since: str
    last: str | None = None
    nights: int = 1
    open: bool = False

    def __post_init__(self) -> None:
        told = self.result is not None and (self.bad or self.result.outcome == "pass")
        self.sides: list[bool] = [not self.bad] if told else []
        self.open = told

    @property
    def bad(self) -> bool:
        """Whether it speaks against the product tonight."""
        return self.result is not None and self.result.outcome in BAD

    def see(self, result: Result, night: str) -> None:
        """Look at the next night back in which it has a result."""
        if result.outcome not in BAD and result.outcome != "pass":
            return
        bad = result.outcome in BAD
        self.last = self.last or result.outcome
        self.sides.append(not bad)
        if self.open and bad == self.bad:
            self.nights, self.since = self.nights + 1, night
        else:
            self.open = False

    def turns(self, nights: int) -> int:
        """Changes between pass and not pass in the last so many nights that it ran."""
        recent = self.sides[:nights]
        return sum(one != other for one, other in pairwise(recent))


def _change(key: Key, track: _Track, older: Result | None, unsteady: bool) -> TestChange:
    result = track.result
    change = _class(result, track.last, older, unsteady)
    if change is Change.MISSING:
        message = f"skipped: {result.message}" if result else "no result at all"
    else:
        message = result.message if result else ""
    told = result or older
    return TestChange(
        test=key.test,
        kind=key.kind,
        place=key.place,
        change=change,
        outcome=result.outcome if result else ABSENT,
        before=older.outcome if older else ABSENT,
        nights=track.nights,
        since=track.since,
        unsteady=unsteady,
        message=message,
        requirements=told.requirements if told else (),
    )


def _class(result: Result | None, last: str | None, older: Result | None, unsteady: bool) -> Change:
    """Class of a test from tonight's result, its outcome when it last ran, and its result in the older night."""
    if result is None or result.outcome == "skip":
        return Change.MISSING if older is not None and older.outcome != "skip" else Change.SKIPPED
    if result.outcome == "error":
        return Change.BENCH_ERROR
    if result.outcome in BAD:
        return Change.STILL_FAILING if last in BAD else Change.NEW_FAILURE
    if result.flaky:
        return Change.FLAKY
    if last in BAD:
        return Change.FIXED
    if last is None and older is None:
        return Change.ADDED
    return Change.FLAKY if unsteady else Change.PASSING
