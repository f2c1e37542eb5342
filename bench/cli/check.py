"""``bench check`` and ``bench schema``: is a topology in order, and what may stand in one?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.errors import InputError
from bench.topology import Topology, TopologyError, load_topology
from bench.topology.reference import markdown
from bench.topology.schema import schema_text


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Topology files.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Read topologies and say what is wrong with them; exit code 2 when anything is."""
    results = [_check_one(file, quiet=as_json) for file in files]
    sound = all(result["ok"] for result in results)
    if as_json:
        typer.echo(json.dumps({"ok": sound, "files": results}))
    if not sound:
        raise typer.Exit(InputError.exit_code)


def _check_one(file: Path, *, quiet: bool) -> dict[str, Any]:
    try:
        topology = load_topology(file).topology
    except TopologyError as error:
        typer.echo(str(error), err=True)
        return {"file": str(file), "ok": False, "problems": [asdict(problem) for problem in error.problems]}
    if not quiet:
        typer.echo(f"{file}: ok: {summary(topology)}")
    return {"file": str(file), "ok": True, "problems": [], **_figures(topology)}


def summary(topology: Topology) -> str:
    """What a topology amounts to, in one line."""
    counts = (
        f"{_count(topology.meters, 'meter')} in {_count(topology.concentrators, 'concentrator')}"
        f" of {_count(len(topology.areas), 'area')}, {_count(topology.slots, 'slot')}"
    )
    defects = f", {_count(len(topology.defects), 'planted defect')}" if topology.defects else ""
    start = f"from {topology.clock.start:%Y-%m-%d %H:%M} JST"
    return f"{counts} {start}, {topology.clock.mode} clock, {topology.bus.broker} broker{defects}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _figures(topology: Topology) -> dict[str, Any]:
    return {
        "name": topology.name,
        "meters": topology.meters,
        "concentrators": topology.concentrators,
        "areas": len(topology.areas),
        "slots": topology.slots,
        "start": topology.clock.start.isoformat(),
        "clock": topology.clock.mode,
        "broker": topology.bus.broker,
        "defects": len(topology.defects),
    }


def schema(
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference page in place of it.")] = False,
) -> None:
    """Print the JSON Schema of topology files."""
    typer.echo(markdown() if as_markdown else schema_text(), nl=False)
