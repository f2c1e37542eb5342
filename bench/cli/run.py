"""``bench run``: one campaign on one topology."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from bench.campaigns import CAMPAIGNS
from bench.cli.runs import summary_lines
from bench.measure import EXIT_CODES, Verdict
from bench.progress import make_progress
from bench.report.render import render
from bench.runner import run_campaign
from bench.topology.load import load_topology


def run(
    topology: Annotated[Path, typer.Argument(help="Topology file (YAML).", show_default=False)],
    campaign: Annotated[str, typer.Option(help=f"What to do: {', '.join(CAMPAIGNS)}.")] = "collection",
    results: Annotated[Path, typer.Option(help="Where run folders go.")] = Path("results"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but the verdict.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output at the end.")] = False,
) -> None:
    """Run a campaign on a topology, judge it, and write record and report.

    Ends with 0 when the verdict is pass, 1 when it is not, 2 for bad input, 3 for a bench error, 130 when aborted.
    """
    loaded = load_topology(topology)
    abort = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: abort.set())
    # Progress goes to standard error: standard output belongs to the result.
    console = Console(stderr=True)
    folder, record = run_campaign(
        loaded,
        campaign,
        results,
        command=" ".join(["bench", *sys.argv[1:]]),
        show=lambda clock: make_progress(console, clock, quiet),
        abort=abort,
    )
    report = render(folder)
    if as_json:
        outcome = {
            "run_id": record.run_id,
            "verdict": record.verdict,
            "dir": str(folder.path),
            "report": str(report),
            "measurements": [msgspec.to_builtins(m) for m in record.measurements],
            "summary": record.summary,
        }
        typer.echo(msgspec.json.encode(outcome).decode())
    elif quiet:
        typer.echo(record.verdict)
    else:
        for line in summary_lines(folder, record):
            typer.echo(line)
    raise typer.Exit(EXIT_CODES[Verdict[str(record.verdict).upper()]])
