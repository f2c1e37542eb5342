"""``bench rack provision``: the machines of a lab brought to what its topology says."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.output import echo_json, print_table
from bench.cli.rack_options import AsJson
from bench.provision.run import TAGS, Job, Outcome, Play, provision


def provision_lab(
    ctx: typer.Context,
    topology: Annotated[Path, typer.Argument(help="Topology file (YAML) with a rack.", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="Say what would change, and change nothing.")] = False,
    play: Annotated[
        Play, typer.Option(help="site: install; collect: fetch what the hosts have written; safe: all racks safe now.")
    ] = Play.SITE,
    inventory: Annotated[
        Path | None,
        typer.Option(help="Inventory of ansible with the groups rack, broker, collector; else this machine."),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Install below this directory, as if it were /; nothing is started.")
    ] = None,
    tags: Annotated[str, typer.Option(help=f"Only these parts, with commas: {', '.join(TAGS)}.")] = "",
    limit: Annotated[str | None, typer.Option(help="Only these hosts, as ansible's --limit.")] = None,
    var: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of a variable (docs/provision.md); often.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring rack hosts and broker to what the topology says; a second run changes nothing.

    Exit code 1 when a task failed, 3 when a host cannot be reached or ansible itself breaks.
    """
    from bench.rack.inventory import read_inventory  # here, for the sake of the other commands

    job = Job(play, check, inventory, root, [tag for tag in tags.split(",") if tag], limit, var or [])
    log = ctx.obj.folder / "provision" / f"{datetime.fromtimestamp(time.time(), UTC):%Y%m%d-%H%M%S}-{play.value}.log"
    outcome = provision(read_inventory(topology), job, log, _told if sys.stderr.isatty() else lambda task: None)
    if as_json:
        echo_json(outcome)
    else:
        _show(outcome)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


def _told(task: str) -> None:
    typer.echo(f"… {task}", err=True)


def _show(outcome: Outcome) -> None:
    rows = [(each.host, *map(str, (each.ok, each.changed, each.failed, each.unreachable))) for each in outcome.hosts]
    changed = "would change" if outcome.check else "changed"
    print_table(("host", "ok", changed, "failed", "unreachable"), rows, right=(1, 2, 3, 4))
    for each in outcome.hosts:
        for problem in each.problems:
            typer.echo(f"{each.host}: {problem}", err=True)
    typer.echo(f"log: {outcome.log}")
