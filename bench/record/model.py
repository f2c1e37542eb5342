"""``run.json``: everything needed to judge, explain and repeat a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import numpy as np

from bench.measure import Measurement

FORMAT = 1

LISTED = 1000
"""Meters with missing values that a record names at most; the columns know them all."""


class TopologyRecord(msgspec.Struct, kw_only=True):
    """The topology as it was: the path that was given, SHA-256 of the file (hex), and its text."""

    path: str
    sha256: str
    content: str


class RunClock(msgspec.Struct, kw_only=True):
    """The run's clock: mode (wall, scaled, virtual), factor, simulated start and end (ISO 8601, Japan time)."""

    mode: str
    scale: float | None = None
    start: str | None = None
    end: str | None = None


class Event(msgspec.Struct, kw_only=True):
    """Something worth telling: real time (ISO 8601 UTC), simulated time (ISO 8601 JST) if there was one, and what."""

    time: str
    sim_time: str | None = None
    what: str


class Unrecovered(msgspec.Struct, kw_only=True):
    """A meter whose values were given up, and the slots that are missing."""

    meter: str
    area: str
    concentrator: str
    slots: list[int]


class RunRecord(msgspec.Struct, kw_only=True):
    """One execution of a campaign on a topology.

    ``state`` is *running* until the run has ended by itself; a record left in that state by a process that is gone
    tells of an interrupted run. ``verdict`` is null until the run is judged. ``command`` is what the user typed.
    ``reason`` says why the bench itself failed, where it did. ``summary`` holds counts by name; the report needs
    ``first_slot`` and ``slots`` to know what was due.
    """

    format: int = FORMAT
    run_id: str
    name: str
    campaign: str
    state: Literal["running", "finished"] = "running"
    verdict: str | None = None
    reason: str | None = None
    started: str
    ended: str | None = None
    command: str | None = None
    topology: TopologyRecord
    seed: int
    clock: RunClock
    versions: dict[str, str] = {}
    host: dict[str, Any] = {}
    git: str | None = None
    measurements: list[Measurement] = []
    events: list[Event] = []
    summary: dict[str, Any] = {}
    unrecovered: list[Unrecovered] = []


def encode(record: RunRecord) -> str:
    """The record as indented JSON text, readable by people."""
    return msgspec.json.format(msgspec.json.encode(record, enc_hook=_plain), indent=2).decode() + "\n"


def decode(text: bytes) -> RunRecord:
    """The record in a JSON text; keys that this version does not know are left alone.

    Raises ``msgspec.DecodeError`` (its ``ValidationError`` names the path of what does not fit).
    """
    record = msgspec.json.decode(text, type=RunRecord)
    if record.format != FORMAT:
        raise msgspec.ValidationError(f"format {record.format} is unknown; this bench reads format {FORMAT}")
    return record


def iso_utc(unix_seconds: float) -> str:
    """An instant as ``2026-11-21T20:11:33.250Z``, the form of real times in a record."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's: whoever counts with arrays may put the result into a record as it is."""
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} has no place in a record")
