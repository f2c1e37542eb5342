"""What of old nights and runs is kept: verdicts for ever, the bulk behind them for the last ones only."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.errors import InputError
from bench.night.folder import JOURNAL_FILE, NIGHTS, PLAN_FILE, nights_in
from bench.night.history import History
from bench.record.folder import list_runs
from bench.record.schemas import READINGS_DIR, REJECTIONS_DIR

_BULK_OF_NIGHT: Final = ("shards", "results", "allure")
_BULK_OF_RUN: Final = (READINGS_DIR, REJECTIONS_DIR, "meters.parquet", "processes")


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes of one night or run, and how much that is."""

    path: Path
    parts: tuple[Path, ...]
    size: int


def prunable(results: Path, keep: int) -> list[Removal]:
    """What goes when the bulk of the last ``keep`` nights, and of the last ``keep`` runs, is kept.

    A night gives up what its sessions wrote; plan, journal, results as the history has them, gate, summary, page and
    Allure's line stay. A run gives up its columns and logs of processes; record, topology, log and report stay. Nights
    that are not in the history, and runs that go on, are left alone. Raises InputError.
    """
    if keep < 1:
        raise InputError(f"--keep {keep}: keep at least 1")
    known = {head.night for head in History(results / "history.jsonl").heads()}
    old_nights = [each.path for each in nights_in(results / NIGHTS)[keep:] if each.ended and each.path.name in known]
    old_runs = [entry.folder.path for entry in list_runs(results)[keep:] if entry.state in ("finished", "interrupted")]
    found = [_of(path, _night_parts(path)) for path in old_nights]
    found += [_of(path, (path / name for name in _BULK_OF_RUN)) for path in old_runs]
    return [each for each in found if each.parts]


def prune(removals: Iterable[Removal]) -> None:
    """Remove it. Raises InputError for what cannot be removed."""
    for removal in removals:
        for part in removal.parts:
            try:
                shutil.rmtree(part) if part.is_dir() else part.unlink()
            except OSError as error:
                raise InputError(f"{part}: cannot be removed: {error.strerror}") from error


def _night_parts(path: Path) -> Iterable[Path]:
    assert (path / PLAN_FILE).is_file() and (path / JOURNAL_FILE).is_file()
    return [path / name for name in _BULK_OF_NIGHT] + sorted(path.glob("rack-*"))


def _of(path: Path, parts: Iterable[Path]) -> Removal:
    there = tuple(part for part in parts if part.exists())
    return Removal(path, there, sum(map(_size, there)))


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir())
