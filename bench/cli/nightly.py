"""``bench nightly``: all suites over every place and the twins, judged against the nights before."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.night_options import QUARANTINE, AsJson, QuarantineFile, today
from bench.cli.output import echo_json
from bench.errors import InputError
from bench.measure import EXIT_CODES, Verdict
from bench.night.conclude import Conclusion, close_cut_off, conclude
from bench.night.folder import PAGE_FILE, SUMMARY_FILE, NightFolder
from bench.night.gate import load_rules
from bench.night.history import History
from bench.night.nightly import PACE, Nightly, Wish
from bench.night.quarantine_file import load_quarantine
from bench.night.wanted import check_places, check_tests
from bench.topology.load import load_topology

_KINDS = {"rack": frozenset({"rack"}), "twin": frozenset({"twin"}), "mixed": frozenset({"rack", "twin"})}


def nightly(
    topology: Annotated[Path, typer.Argument(help="Topology file (YAML).", show_default=False)],
    results: Annotated[Path, typer.Option(help="Where nights and their history go.")] = Path("results"),
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this file or id of tests (test_clock.py, a path of your own); may be given often."),
    ] = None,
    place: Annotated[
        list[str] | None, typer.Option(help="Only this place or twin kind; may be given often.", show_default=False)
    ] = None,
    mode: Annotated[str, typer.Option(help="What to test: rack, twin or mixed (both).")] = "mixed",
    scale: Annotated[float, typer.Option(min=1, max=3600, help="Pace of emulated time.")] = PACE,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Sessions side by side.")] = 2,
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--fresh", help="Go on with a night that was cut off, or begin a new one.  [default: by its age]"
        ),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Limits of your own for the gate (TOML).", show_default=False)
    ] = None,
    quarantine: QuarantineFile = QUARANTINE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but the summary.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at the rack, run the suites over its places and over twins, compare, judge, and write page and summary.

    Bench errors are tried again; failures of the product never. Ends with 0 when the gate passes, 1 when a rule about
    the product is broken, 3 when one about the bench is, 2 for bad input, 130 when aborted: then it can be continued.
    """
    if mode not in _KINDS:
        raise InputError(f"--mode {mode}: there is none; take {', '.join(_KINDS)}")
    loaded = load_topology(topology)
    load_rules(rules), load_quarantine(quarantine, today())  # what cannot be read is told now, not in the morning
    check_places(loaded, place or (), _KINDS[mode])
    check_tests(loaded, only or ())
    abort, began = threading.Event(), time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: abort.set())
    wish = Wish(
        results=results,
        command=" ".join(["bench", *sys.argv[1:]]),
        quarantine=quarantine,
        only=tuple(only or ()),
        places=tuple(place or ()),
        kinds=_KINDS[mode],
        scale=scale,
        workers=workers,
        fresh=None if resume is None else not resume,
    )
    say = (
        (lambda line: None)
        if quiet
        else (lambda line: typer.echo(f"{time.monotonic() - began:7.1f} s  {line}", err=True))
    )
    folder, ended = Nightly(loaded, wish, say, abort).run()
    if not ended:
        typer.echo(f"aborted; `bench nightly {topology} --resume` goes on with {folder.path.name}", err=True)
        raise typer.Exit(EXIT_CODES[Verdict.ABORTED])
    history = History(results / "history.jsonl")
    close_cut_off(results, folder, history, quarantine)
    found = conclude(folder, history, quarantine, rules)
    _tell(folder, found, time.monotonic() - began, as_json)
    raise typer.Exit(EXIT_CODES[Verdict[found.gate.verdict.upper()]])


def _tell(folder: NightFolder, found: Conclusion, seconds: float, as_json: bool) -> None:
    if not as_json:
        typer.echo((folder.path / SUMMARY_FILE).read_text("utf-8"), nl=False)
        typer.echo(f"\n{folder.path / PAGE_FILE}")
        return
    night = found.night
    echo_json(
        {
            "night": night.night,
            "verdict": found.gate.verdict,
            "dir": str(folder.path),
            "page": str(folder.path / PAGE_FILE),
            "summary": str(folder.path / SUMMARY_FILE),
            "seconds": round(seconds, 1),
            "tests": len(night.results),
            "executed": sum(each.outcome != "skip" for each in night.results),
            "values": len(night.values),
            "incidents": night.incidents,
            "gate": found.gate,
            "drifts": found.comparison.drifts,
            "against": found.comparison.against,
        }
    )
