"""Sessions of pytest as users begin them: processes of their own, in folders that hold nothing else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.night.model import Result
from bench.night.sessions import Sessions, read_sessions

ROOT = Path(__file__).parents[3]
SUITES = ROOT / "bench" / "suites"
VILLAGE = ROOT / "topologies" / "village.yaml"
PATIENCE = 300.0

SMALL = """\
name: small
seed: 20260115
clock: { mode: virtual, start: 2026-01-15T00:00 }
areas:
  - { name: homes, utility: tepco, medium: multihop, concentrators: 1, meters_per_concentrator: 4 }
  - name: gas
    utility: tepco
    medium: multihop
    concentrators: 1
    meters_per_concentrator: 2
    meter_class: gas
    through: homes
"""


@dataclass(frozen=True)
class Session:
    """What came of one: exit code, what it printed, what it wrote down."""

    exit_code: int
    text: str
    told: Sessions

    def outcomes(self) -> dict[str, str]:
        """Outcome by ``test @ place``."""
        return {f"{key.test} @ {key.place}": result.outcome for key, result in self.told.results.items()}

    def bad(self) -> list[Result]:
        """Results that are neither passed nor skipped."""
        return [each for each in self.told.results.values() if each.outcome not in ("pass", "skip")]


def command(*arguments: str | Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-p",
        "no:hypothesispytest",
        *map(str, arguments),
    ]


def session(folder: Path, *arguments: str | Path, results: Path | None = None) -> Session:
    """Run one in a folder, to its end."""
    kept = results or folder / "results"
    done = subprocess.run(
        command("--bench-results", kept, *arguments),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Session(done.returncode, done.stdout + done.stderr, read_sessions(kept))


def small(folder: Path, more: str = "") -> Path:
    """A topology of four homes and two gas meters."""
    path = folder / "small.yaml"
    path.write_text(SMALL + more, encoding="utf-8")
    return path


def write(folder: Path, text: str, name: str = "test_mine.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
