"""The folder of a night: what was to be done, a journal of what was, the results of each shard, and what came of it.

``results/nights/<id>/`` is made before anything happens. A night that is killed is known by a journal without an end;
who starts it again reads there what is done.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from bench.errors import BenchFault, InputError
from bench.night.model import Incident, Kind, Night
from bench.record.atomic import write_text
from bench.record.model import iso_utc

FORMAT = 1
NIGHTS = "nights"
PLAN_FILE = "plan.json"
JOURNAL_FILE = "journal.jsonl"
NIGHT_FILE = "night.json"
GATE_FILE = "gate.json"
SUMMARY_FILE = "summary.md"
PAGE_FILE = "night.html"

Step: TypeAlias = Literal["begun", "continued", "safe", "session", "shard", "incident", "ended"]


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a night, done by pytest sessions of its own: places that share instruments, or a part ``k/n`` of
    the tests on twins; ``places`` are names of places or twin kinds (none: all kinds), ``scale`` is the pace of time
    where it is not real."""

    name: str
    kind: Kind
    places: tuple[str, ...] = ()
    part: str = ""
    scale: float | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a night was to do. ``only`` are files and ids of tests, all if none; ``command`` is what the user typed."""

    format: int = FORMAT
    night: str
    started: str
    topology: str
    file: str
    topology_sha256: str
    command: str
    shards: tuple[Shard, ...]
    only: tuple[str, ...] = ()
    quarantine: str = ""
    git: str | None = None
    environment: dict[str, str] = {}
    host: dict[str, Any] = {}


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the journal: a step that was done, in whole; ``session`` also says how pytest ended."""

    time: str
    step: Step
    shard: str = ""
    what: str = ""
    incident: Incident | None = None


@dataclass(frozen=True)
class NightFolder:
    """One night on disk."""

    path: Path

    @classmethod
    def create(cls, nights: Path, plan: Plan, topology: str) -> NightFolder:
        """Make the folder of a new night, with its plan and the text of the topology. Raises BenchFault."""
        folder = cls(nights / plan.night)
        try:
            folder.path.mkdir(parents=True)
            (folder.path / "topology.yaml").write_text(topology, "utf-8")
            write_text(folder.path / PLAN_FILE, msgspec.json.format(msgspec.json.encode(plan)).decode() + "\n")
        except OSError as error:
            raise BenchFault(f"{folder.path}: cannot make the folder of the night: {error.strerror}") from error
        return folder

    @property
    def plan(self) -> Plan:
        """Its plan. Raises InputError when it cannot be read."""
        path = self.path / PLAN_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=Plan)
        except (OSError, msgspec.DecodeError) as error:
            raise InputError(f"{path}: not the plan of a night ({error})") from error

    def of_shard(self, shard: Shard) -> Path:
        """Where the results, logs and Allure results of a shard lie."""
        return self.path / "shards" / shard.name

    def journal(self) -> list[Entry]:
        """All steps so far; a torn last line, of a step that was cut off, is left out. Raises InputError."""
        path = self.path / JOURNAL_FILE
        try:
            lines = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        whole = lines[:-1]  # behind the last end of line is nothing, or what a kill left
        try:
            return [msgspec.json.decode(line, type=Entry) for line in whole if line]
        except msgspec.DecodeError as error:
            raise InputError(f"{path}: damaged ({error}); begin a new night with --fresh") from error

    def note(self, step: Step, shard: str = "", what: str = "", incident: Incident | None = None) -> None:
        """Put a step on the disk. One writer at a time: see :func:`alone`."""
        entry = Entry(time=iso_utc(time.time()), step=step, shard=shard, what=what, incident=incident)
        with (self.path / JOURNAL_FILE).open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    _cut_torn_line(file.fileno(), self.path / JOURNAL_FILE)
            file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @property
    def ended(self) -> bool:
        """Whether the night came to its end."""
        return any(entry.step == "ended" for entry in self.journal())

    def result(self) -> Night | None:
        """The night as the history has it; None before its end. Raises InputError."""
        path = self.path / NIGHT_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=Night)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise InputError(f"{path}: not a night ({error})") from error


def nights_in(nights: Path) -> list[NightFolder]:
    """All nights of a folder, newest first."""
    if not nights.is_dir():
        return []
    found = [NightFolder(path) for path in nights.iterdir() if (path / PLAN_FILE).is_file()]
    return sorted(found, key=lambda each: (each.plan.started, each.path.name), reverse=True)


def find_folder(nights: Path, night: str) -> NightFolder:
    """The folder of a night by its id; raises InputError."""
    folder = NightFolder(nights / night)
    if not (folder.path / PLAN_FILE).is_file():
        raise InputError(f"{folder.path}: holds no night; its folder may have been removed, its history stays")
    return folder


@contextlib.contextmanager
def alone(nights: Path, patience: float = 60.0) -> Iterator[int]:
    """Be the only one who runs a night in this folder; yields what children inherit to stay so until they end too.

    Sessions of a night that was killed take a moment to bring their places into safe state: they are waited for.
    Raises InputError when another night is running.
    """
    nights.mkdir(parents=True, exist_ok=True)
    with (nights / ".lock").open("w") as lock:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InputError(f"{nights}: a night is running there; wait for its end") from None
                time.sleep(0.1)
        yield lock.fileno()


def _cut_torn_line(descriptor: int, path: Path) -> None:
    data = path.read_bytes()
    os.ftruncate(descriptor, data.rfind(b"\n") + 1)
