"""``bench requirements``: the table of requirements with what verified each row, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.night_options import HISTORY, AsJson, HistoryFile, tell_problems
from bench.cli.output import echo_json, print_table
from bench.errors import InputError
from bench.night.history import History
from bench.night.requirements import Evidence, Standing, all_tests, standings
from bench.record.folder import list_runs
from bench.topology.problems import nearest

_COLORS = {"done": "green", "failing": "red", "open": "yellow"}


def requirements(
    row: Annotated[list[str] | None, typer.Argument(metavar="[ROW]…", help="Only these, in full.")] = None,
    results: Annotated[Path, typer.Option(help="Where run folders lie.")] = Path("results"),
    history: HistoryFile = HISTORY,
    tests: Annotated[Path, typer.Option(help="Tests that bear ids of rows, beside the suites.")] = Path("tests"),
    as_json: AsJson = False,
) -> None:
    """Show every requirement: what serves it, what verified it on twins and on places, when, and what proves it."""
    runs = (entry.record for entry in list_runs(results) if entry.record is not None)
    nights = History(history)
    found = standings(runs, nights.newest_first(), all_tests(tests))
    tell_problems(nights)
    if row:
        known = {each.id: each for each in found}
        for name in row:
            if name not in known:
                raise InputError(f"{name} is not a row of the requirements; {nearest(name, list(known))}")
        found = [known[name] for name in row]
    if as_json:
        echo_json(found)
    elif row:
        for each in found:
            _show(each)
    else:
        print_table(
            ("row", "state", "twins", "places", "judged", "tests", "defects", "title"),
            [_line(each) for each in found],
            right=(4, 5, 6),
            colors=_COLORS,
        )


def _line(each: Standing) -> tuple[str, ...]:
    counts = (str(len(some) or "") for some in (each.judged_by, each.tests, each.defects))
    return (each.id, each.state, _short(each.twins), _short(each.places), *counts, each.title)


def _short(evidence: Evidence | None) -> str:
    return f"{evidence.outcome} {evidence.when[:10]}" if evidence else ""


def _show(each: Standing) -> None:
    typer.echo(f"{each.id}  {each.state}  {each.title}")
    for kind, evidence in (("twins", each.twins), ("places", each.places)):
        if evidence is None:
            typer.echo(f"  {kind}: not verified")
        else:
            told = f"{evidence.campaign} of {evidence.by}, {evidence.findings} findings"
            typer.echo(f"  {kind}: {evidence.outcome} {evidence.when[:16].replace('T', ' ')} UTC, {told}")
    for title, items in (
        ("served by", each.serves),
        ("judged by", each.judged_by),
        ("tested by", each.tests),
        ("no suite judges it, but", (each.elsewhere,) if each.elsewhere else ()),
        ("proved by", each.defects),
    ):
        for item in items:
            typer.echo(f"  {title}  {item}")
