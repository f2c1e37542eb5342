"""``bench runs``, ``bench show`` and ``bench report``: what was run, how it came out, and its page.

On a terminal the listings are tables; into a pipe they are plain aligned lines; ``--json`` is for programs.
"""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from bench.cli.output import echo_json, print_table
from bench.measure import Measurement
from bench.record.folder import LAST, RunEntry, RunFolder, find, list_runs, state_of
from bench.record.model import LISTED, RunRecord
from bench.report import numbers
from bench.report.render import render
from bench.report.words import shortfalls

_COLORS = {"pass": "green", "inconclusive": "yellow", "fail": "red", "aborted": "magenta", "error": "magenta"}
_NAMED_METERS = 10

Results = Annotated[Path, typer.Option(help="Where run folders lie.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine form on standard output.")]
Run = Annotated[str, typer.Argument(help="Run id, the beginning of one, a run folder, or `last`.")]


def runs(results: Results = Path("results"), as_json: AsJson = False) -> None:
    """List the runs, newest first; unfinished and broken ones too."""
    entries = list_runs(results)
    if as_json:
        echo_json([_entry_object(entry) for entry in entries])
        return
    if not entries:
        typer.echo(f"{results}: no runs yet; `bench run TOPOLOGY` makes one")
        return
    print_table(
        ("run", "verdict", "campaign", "twins", "started (UTC)"),
        [_entry_row(entry) for entry in entries],
        colors=_COLORS,
    )
    for entry in entries:
        if entry.problem:
            typer.echo(entry.problem)


def show(run: Run = LAST, results: Results = Path("results"), as_json: AsJson = False) -> None:
    """Show verdict, measurements and shortfalls of a run."""
    folder = find(results, run)
    record = folder.load()
    if as_json:
        echo_json(_record_object(folder, record))
        return
    for line in _headline(folder, record):
        typer.echo(line)
    typer.echo("")
    print_table(
        ("measurement", "value", "limit", "verdict", "requirements"),
        [_measurement_row(item) for item in record.measurements],
        right=(1,),
        colors=_COLORS,
    )
    typer.echo("")
    for line in (*_shortfall_lines(record), *_folder_lines(folder)):
        typer.echo(line)


def report(
    run: Run = LAST,
    results: Results = Path("results"),
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a run's report.html anew and say where it is."""
    folder = find(results, run)
    path = render(folder)
    if as_json:
        echo_json({"run_id": folder.run_id, "report": str(path)})
    else:
        typer.echo(str(path))
    if open_it:
        webbrowser.open(path.resolve().as_uri())


def summary_lines(folder: RunFolder, record: RunRecord) -> list[str]:
    """What a person is told at the end of a run: verdict, what fell short, and where to read on."""
    return [*_headline(folder, record), *_shortfall_lines(record), *_folder_lines(folder)]


def _headline(folder: RunFolder, record: RunRecord) -> list[str]:
    verdict = record.verdict or state_of(record)
    lines = [f"{verdict.upper()}  {folder.run_id}"]
    summary = record.summary
    if {"twins", "due", "stored", "wall_seconds"} <= summary.keys():
        places = len(summary.get("places", ()))
        meters = f"{numbers.count(places)} meters in places and " if places else ""
        lines.append(
            f"{numbers.count(summary['stored'])} of {numbers.count(summary['due'])} values of {meters}"
            f"{numbers.count(summary['twins'])} twins stored in {numbers.seconds(summary['wall_seconds'])}"
        )
    return lines


def _shortfall_lines(record: RunRecord) -> list[str]:
    if record.reason:  # the bench failed: what is missing tells nothing about the meters
        return [f"- {record.reason}"]
    lines = [f"- {sentence}" for sentence in shortfalls(record)]
    given_up = record.unrecovered
    if given_up:
        names = ", ".join(item.meter for item in given_up[:_NAMED_METERS])
        more = f" and {_more(len(given_up))}" if len(given_up) > _NAMED_METERS else ""
        lines.append(f"- values missing of {names}{more}")
    return lines


def _more(meters: int) -> str:
    """How many meters are not named; a record lists so many of them at most."""
    told = f"{numbers.count(meters - _NAMED_METERS)} more"
    return f"at least {told}" if meters >= LISTED else told


def _folder_lines(folder: RunFolder) -> list[str]:
    lines = [f"folder  {folder.path}"]
    if folder.report_path.is_file():
        return [*lines, f"report  {folder.report_path}  (`bench report --open {folder.path}` shows it)"]
    return [*lines, f"report  not written yet; `bench report {folder.path}` writes it"]


def _entry_row(entry: RunEntry) -> tuple[str, ...]:
    record = entry.record
    if record is None:
        return (entry.folder.run_id, entry.state, "", "", "")
    twins = record.summary.get("twins")
    return (
        entry.folder.run_id,
        record.verdict or entry.state,
        record.campaign,
        numbers.count(twins) if isinstance(twins, int) else "",
        record.started[:19].replace("T", " "),
    )


def _entry_object(entry: RunEntry) -> dict[str, Any]:
    record = entry.record
    return {
        "run_id": entry.folder.run_id,
        "state": entry.state,
        "verdict": record.verdict if record else None,
        "name": record.name if record else None,
        "campaign": record.campaign if record else None,
        "started": record.started if record else None,
        "dir": str(entry.folder.path),
        "problem": entry.problem,
    }


def _record_object(folder: RunFolder, record: RunRecord) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "state": state_of(record),
        "verdict": record.verdict,
        "dir": str(folder.path),
        "report": str(folder.report_path) if folder.report_path.is_file() else None,
        "measurements": msgspec.to_builtins(record.measurements),
        "summary": record.summary,
        "unrecovered": msgspec.to_builtins(record.unrecovered),
    }


def _measurement_row(item: Measurement) -> tuple[str, ...]:
    judged = item.low is not None or item.high is not None or item.verdict != "pass"
    return (
        item.name,
        numbers.quantity(item.value, item.unit),
        numbers.limit(item),
        item.verdict if judged else "",
        " ".join(item.requirements),
    )
