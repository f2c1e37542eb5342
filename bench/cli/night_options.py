"""What the commands of the night share: where its files are, and how problems of the history are told."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from bench.night.history import History
from protocols.slots import jst

AsJson = Annotated[bool, typer.Option("--json", help="Machine form on standard output.")]
HistoryFile = Annotated[
    Path, typer.Option("--history", envvar="BENCH_HISTORY", help="The history of nights, a JSON line each.")
]
QuarantineFile = Annotated[
    Path, typer.Option("--quarantine", envvar="BENCH_QUARANTINE", help="The file of quarantines; it need not exist.")
]
HISTORY = Path("results/history.jsonl")
QUARANTINE = Path("quarantine.yaml")

COLORS = {
    "pass": "green",
    "passing": "green",
    "fixed": "green",
    "fail": "red",
    "new failure": "red",
    "still failing": "red",
    "expired": "red",
    "missing": "yellow",
    "flaky": "yellow",
    "unused": "yellow",
    "drifted": "yellow",
    "error": "magenta",
    "bench error": "magenta",
}


def today() -> date:
    """The day in Japan: what an expiry is held against."""
    return jst(time.time()).date()


def tell_problems(history: History) -> None:
    """Say on standard error which lines of the history were left out."""
    for problem in history.problems:
        typer.echo(problem, err=True)
