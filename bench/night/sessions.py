"""What pytest sessions tell of a night: JSON lines in a folder, each on the disk before the next test begins.

A line is an object with one key: ``session`` (what was begun, and which tests it means to run), ``result``, ``value``,
``incident`` (:mod:`bench.night.model`) or ``ended``. Sessions of one night share the folder: what was killed is begun
again, what the bench spoiled is tried again. A torn last line is the mark of a kill, and is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.errors import InputError
from bench.night.model import Incident, Key, Result, SeriesKey, Value

FORMAT: Final = 1


class Session(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One session as it began: ISO 8601 UTC, the topology with the SHA-256 of its file, what it tests, and all tests
    that it means to run, each as ``[test, kind, place]``."""

    format: int
    started: str
    topology: str
    topology_sha256: str
    mode: str
    scale: float = 1.0
    git: str | None = None
    environment: dict[str, str] = {}
    tests: tuple[Key, ...] = ()


class Told(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A result with whose fault it was: ``product``, ``bench``, ``twin divergence``, or empty."""

    result: Result
    category: str = ""


class Ended(msgspec.Struct, kw_only=True, frozen=True):
    """A session came to its end, by itself (``aborted`` false) or by somebody's wish."""

    time: str
    aborted: bool = False


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    session: Session | None = None
    result: Result | None = None
    category: str = ""
    value: Value | None = None
    incident: Incident | None = None
    ended: Ended | None = None


@dataclass
class Sessions:
    """All that a folder holds. A test that was tried again has its last result, with the number of its attempts, and is
    *flaky* where it passed then; ``categories`` say whose fault each that did not pass was. ``planned`` are the tests
    that any session meant to run, ``open_sessions`` how many never ended, ``problems`` lines that were left out."""

    sessions: list[Session] = field(default_factory=list)
    results: dict[Key, Result] = field(default_factory=dict)
    categories: dict[Key, str] = field(default_factory=dict)
    values: dict[SeriesKey, Value] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    planned: dict[Key, None] = field(default_factory=dict)
    open_sessions: int = 0
    problems: list[str] = field(default_factory=list)


class SessionWriter:
    """Appends lines to a file of its own in the folder; ``name`` tells sessions that go side by side apart."""

    def __init__(self, folder: Path, name: str = "") -> None:
        """Raises InputError when the folder cannot be written."""
        self._path = folder / (f"results-{name}.jsonl" if name else "results.jsonl")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _cut_torn(self._path)
            self._file = self._path.open("ab")
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror}; give another --bench-results") from None

    def begin(self, session: Session) -> None:
        """The first line of a session."""
        self._put([{"session": session}])

    def result(self, told: Told, values: Sequence[Value] = ()) -> None:
        """A test is over: its measurements, then its result, in one write."""
        last: dict[str, Any] = {"result": told.result} | ({"category": told.category} if told.category else {})
        self._put([*({"value": value} for value in values), last])

    def incident(self, incident: Incident) -> None:
        """The bench could not do something."""
        self._put([{"incident": incident}])

    def end(self, ended: Ended) -> None:
        """The last line of a session."""
        self._put([{"ended": ended}])
        self._file.close()

    def _put(self, lines: Iterable[dict[str, Any]]) -> None:
        self._file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        self._file.flush()
        os.fsync(self._file.fileno())


def read_sessions(folder: Path) -> Sessions:
    """All sessions of a folder, in the order in which they wrote; nothing when there is none yet.

    Raises InputError for a file that cannot be read, and for one of another format.
    """
    found = Sessions()
    for path in sorted(folder.glob("results*.jsonl")):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        _read(path, content, found)
    return found


def _read(path: Path, content: bytes, found: Sessions) -> None:
    decoder = msgspec.json.Decoder(_Line)
    open_here = 0
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line:
            continue
        try:
            entry = decoder.decode(line)
        except msgspec.DecodeError as error:
            found.problems.append(f"{path}:{number}: left out: {error}")
            continue
        if entry.session is not None:
            if entry.session.format != FORMAT:
                raise InputError(f"{path}:{number}: format {entry.session.format}, this bench reads {FORMAT}")
            found.sessions.append(entry.session)
            found.planned.update(dict.fromkeys(entry.session.tests))
            open_here += 1
        _take(entry, found)
        open_here -= entry.ended is not None
    found.open_sessions += max(0, open_here)


def _take(entry: _Line, found: Sessions) -> None:
    if entry.value is not None:
        found.values[entry.value.series] = entry.value
    if entry.incident is not None:
        found.incidents.append(entry.incident)
    if entry.result is not None:
        key = entry.result.key
        result = entry.result
        if (before := found.results.get(key)) is not None and before.outcome not in ("skip", "aborted"):
            attempts = before.attempts + 1
            flaky = result.outcome == "pass" and (before.flaky or before.outcome != "pass")
            result = msgspec.structs.replace(result, attempts=attempts, flaky=flaky)
        found.results[key], found.categories[key] = result, entry.category


def _cut_torn(path: Path) -> None:
    """Cut off what a kill left of a last line, so that the next line is whole."""
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)
