"""Run folders: making, reading, listing and finding them."""

from __future__ import annotations

import difflib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import BenchFault, InputError
from bench.record.atomic import write_text
from bench.record.columns import Columns
from bench.record.model import RunRecord, decode, encode, iso_utc
from bench.record.parts import write_table
from bench.record.provenance import is_alive
from bench.record.schemas import METERS, READINGS_DIR, REJECTIONS_DIR

RECORD_FILE = "run.json"
LAST = "last"
_RUN_ID = re.compile(r"\d{8}-\d{6}-[a-z0-9-]+-[0-9a-f]{4}", re.ASCII)


def new_run_id(name: str) -> str:
    """A fresh run id: UTC second, the run's name, four random hex digits (``20261121-201133-demo-4f2a``)."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32].rstrip("-")
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{slug or 'run'}-{secrets.token_hex(2)}"


@dataclass(frozen=True)
class RunFolder:
    """One run on disk."""

    path: Path

    @classmethod
    def create(cls, results: Path, record: RunRecord) -> RunFolder:
        """Make ``results/<run_id>`` with the topology's copy and a first ``run.json``, so that a run that is cut off
        at any later moment leaves a record that can be read.

        Raises :class:`BenchFault` when the folder is there already or cannot be made.
        """
        folder = cls(results / record.run_id)
        try:
            folder.path.mkdir(parents=True)
            write_text(folder.topology_path, record.topology.content)
            folder.save(record)
        except FileExistsError as error:
            raise BenchFault(f"{folder.path}: a run of this id exists already") from error
        except OSError as error:
            raise BenchFault(f"{folder.path}: cannot make the run folder: {error.strerror}") from error
        return folder

    @property
    def run_id(self) -> str:
        """The folder's name is the run's id."""
        return self.path.name

    @property
    def topology_path(self) -> Path:
        """Copy of the topology file."""
        return self.path / "topology.yaml"

    @property
    def log_path(self) -> Path:
        """The bench's log of this run."""
        return self.path / "bench.log"

    @property
    def report_path(self) -> Path:
        """The report, once it is rendered."""
        return self.path / "report.html"

    @property
    def readings_dir(self) -> Path:
        """Parts of the stored values (schema ``READINGS``)."""
        return self.path / READINGS_DIR

    @property
    def rejections_dir(self) -> Path:
        """Parts of the refused messages (schema ``REJECTIONS``)."""
        return self.path / REJECTIONS_DIR

    def save(self, record: RunRecord) -> None:
        """Write ``run.json`` whole or not at all."""
        write_text(self.path / RECORD_FILE, encode(record))

    def load(self) -> RunRecord:
        """Read ``run.json``.

        Raises :class:`InputError` that names the file when it is missing or broken.
        """
        path = self.path / RECORD_FILE
        try:
            return decode(path.read_bytes())
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; a run folder holds a {RECORD_FILE}") from error
        except msgspec.DecodeError as error:
            raise InputError(f"{path}: not a record of a run: {error}") from error

    def write_meters(self, columns: dict[str, Any]) -> None:
        """Write ``meters.parquet`` from columns of schema ``METERS``, row i for index i."""
        write_table(self.path / "meters.parquet", METERS, columns)

    def columns(self) -> Columns:
        """Open the columns for queries; use as a context manager."""
        return Columns(self.path)


@dataclass(frozen=True)
class RunEntry:
    """A run folder as a listing shows it. ``problem`` says why there is no ``record``."""

    folder: RunFolder
    record: RunRecord | None
    problem: str | None = None

    @property
    def state(self) -> str:
        """``finished``, ``running``, ``interrupted`` (still marked running, its process gone) or ``broken``."""
        return "broken" if self.record is None else state_of(self.record)


def state_of(record: RunRecord) -> str:
    """``finished``, ``running``, or ``interrupted`` when it is marked running and its process is gone."""
    if record.state == "running" and not is_alive(record.host):
        return "interrupted"
    return record.state


def list_runs(results: Path) -> list[RunEntry]:
    """Every run folder under ``results``, newest first, unfinished and broken ones too; none when there is no
    folder. What else lies there (nights, scores) is no run."""
    if not results.is_dir():
        return []
    paths = [path for path in results.iterdir() if path.is_dir() and _is_run(path)]
    return sorted((_entry(RunFolder(path)) for path in paths), key=_age, reverse=True)


def find(results: Path, wanted: str) -> RunFolder:
    """The run that a user means: ``last``, a folder, a run id, or a beginning of one that fits a single run.

    Raises :class:`InputError` with the nearest names when there is none, or with all that fit when there are several.
    """
    if (Path(wanted) / RECORD_FILE).is_file():
        return RunFolder(Path(wanted).resolve())
    if wanted == LAST:
        runs = list_runs(results)
        if not runs:
            raise InputError(f"{results}: no runs yet; `bench run TOPOLOGY` makes one")
        return runs[0].folder
    names = sorted(entry.folder.run_id for entry in list_runs(results))
    fitting = [wanted] if wanted in names else [name for name in names if wanted and name.startswith(wanted)]
    if len(fitting) == 1:
        return RunFolder(results / fitting[0])
    if fitting:
        raise InputError(f"{wanted}: several runs begin like this; say one of {', '.join(fitting[:10])}")
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.3)
    advice = f"nearest: {', '.join(near)}" if near else "`bench runs` lists what there is"
    raise InputError(f"{wanted}: no such run in {results}; {advice}")


def _is_run(path: Path) -> bool:
    """Whether a folder is a run's: by its record; when that is gone, by its name or its copy of the topology."""
    folder = RunFolder(path)
    kept = (path / RECORD_FILE).exists() or folder.topology_path.exists()
    return kept or _RUN_ID.fullmatch(folder.run_id) is not None


def _entry(folder: RunFolder) -> RunEntry:
    try:
        return RunEntry(folder, folder.load())
    except InputError as error:
        return RunEntry(folder, None, str(error))


def _age(entry: RunEntry) -> tuple[str, str]:
    started = entry.record.started if entry.record else iso_utc(entry.folder.path.stat().st_mtime)
    return started, entry.folder.run_id
