"""``bench nights``: what nights there are, and what of old ones is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.night_options import COLORS, AsJson
from bench.cli.output import echo_json, print_table
from bench.night.folder import NIGHTS, NightFolder, nights_in
from bench.night.prune import prunable, prune
from bench.report import numbers

app = typer.Typer(no_args_is_help=True, help="Nights that were, and what is kept of them.")

ResultsFolder = Annotated[Path, typer.Option(help="Where nights and runs are.")]


@app.command("list")
def list_nights(results: ResultsFolder = Path("results"), as_json: AsJson = False) -> None:
    """Show the nights, newest first, those that were cut off too."""
    rows = [_row(each) for each in nights_in(results / NIGHTS)]
    if as_json:
        echo_json([dict(zip(("night", "started", "topology", "verdict"), row, strict=True)) for row in rows])
    else:
        print_table(("night", "started", "topology", "verdict"), rows, colors=COLORS)


@app.command("prune")
def prune_nights(
    keep: Annotated[int, typer.Option(min=1, help="Nights, and runs, whose columns and logs are kept.")],
    results: ResultsFolder = Path("results"),
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove the bulk of all but the last nights and runs: columns, logs, Allure results. Verdicts stay for ever."""
    found = prunable(results, keep)
    if not dry:
        prune(found)
    size = sum(each.size for each in found)
    if as_json:
        echo_json({"removed": not dry, "bytes": size, "from": [{"path": str(e.path), "bytes": e.size} for e in found]})
        return
    for each in found:
        typer.echo(f"{each.path}: {numbers.byte_size(each.size)}")
    typer.echo(
        f"{'would remove' if dry else 'removed'} {numbers.byte_size(size)} of {numbers.count(len(found))} folders"
    )


def _row(folder: NightFolder) -> tuple[str, str, str, str]:
    plan, night = folder.plan, folder.result()
    return (plan.night, plan.started, plan.topology, night.verdict if night is not None else "cut off")
