"""``bench field``: what a topology's field is like, and the statistics it is simulated by."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from bench.cli.field_attenuate import attenuate
from bench.cli.output import echo_json, print_table
from bench.errors import InputError
from bench.topology import load_topology
from protocols.slots import jst

app = typer.Typer(help="The field: expectations, links, maps, and the statistics behind them.", no_args_is_help=True)
app.command()(attenuate)

TopologyFile = Annotated[Path, typer.Argument(metavar="TOPOLOGY", help="Topology file (YAML).", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Concentrator = Annotated[
    str | None,
    typer.Option("--concentrator", "-c", help="Which one, by id; the first with a mesh by default.", metavar="ID"),
]


@app.command()
def show(topology: TopologyFile, as_json: AsJson = False) -> None:
    """Tell what each area's field delivers, loses and takes, by asking it as a run does."""
    from bench.field.show import show as ask

    views = ask(load_topology(topology).topology)
    if as_json:
        echo_json({"areas": msgspec.to_builtins(views)})
        return
    headers = ["area", "medium", "meters", "delivered", "worst", "asked", "p50 s", "p99 s", "air s/h", "lost by"]
    rows = [
        [
            view.area,
            view.medium,
            f"{view.meters:,}",
            f"{view.delivered:.3%}",
            f"{view.worst_concentrator:.2%}",
            f"{view.asked_delivered:.3%}",
            f"{view.delay_p50:.1f}",
            f"{view.delay_p99:.1f}",
            f"{view.air_seconds_per_hour:.1f} of {view.air_limit:g}" if view.air_seconds_per_hour is not None else "",
            ", ".join(f"{cause} {share:.2%}" for cause, share in view.lost.items()),
        ]
        for view in views
    ]
    print_table(headers, rows, right=range(2, 9))
    others = [
        [view.area, each.name, f"{each.air:.2%}", f"{each.delivered:.3%}", f"{each.delay_p99:.1f}"]
        for view in views
        for each in view.traffic
    ]
    if others:
        print_table(["area", "other traffic", "of the air", "delivered", "p99 s"], others, right=range(2, 5))
    _warn(f"{view.area}: {warning}" for view in views for warning in view.warnings)


@app.command()
def links(topology: TopologyFile, concentrator: Concentrator = None, as_json: AsJson = False) -> None:
    """Print the link table of one concentrator: places, losses, RSSI, ETX, depth, parents."""
    from bench.field.links import link_table_of

    table = link_table_of(load_topology(topology).topology, concentrator).table
    if as_json:
        echo_json(table)
        return
    headers = ["meter", "x m", "y m", "around", "hops", "parent", "m", "loss dB", "RSSI dBm", "ETX", "path ETX"]
    rows = [
        ["-" if value is None else str(value) for value in msgspec.structs.astuple(meter)] for meter in table.meters
    ]
    print_table(headers, rows, right=(1, 2, 4, 6, 7, 8, 9, 10))
    _warn(table.warnings)


@app.command("map")
def map_(
    topology: TopologyFile,
    concentrator: Concentrator = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write, .html or .svg.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the mesh of one concentrator."""
    from bench.field.links import link_table_of
    from bench.field.map import page, svg
    from bench.record.atomic import write_text

    table = link_table_of(load_topology(topology).topology, concentrator).table
    file = Path(f"mesh-{table.concentrator}.html") if out is None else out
    if file.suffix not in (".html", ".svg"):
        raise InputError(f"{file}: a map is an .html or an .svg file")
    if not file.parent.is_dir():
        raise InputError(f"{file.parent}: there is no such folder")
    write_text(file, page(table) if file.suffix == ".html" else svg(table) + "\n")
    if as_json:
        echo_json({"file": str(file), "concentrator": table.concentrator, "warnings": table.warnings})
    else:
        typer.echo(str(file))
        _warn(table.warnings)


@app.command()
def calibrate(
    topology: Annotated[
        Path | None,
        typer.Argument(metavar="[TOPOLOGY]", help="Fit what this topology wants; all that ships when left out."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for tables that ship.")] = None,
) -> None:
    """Fit the statistics of level (b) from the event engine; without a topology, all that ship (15 minutes)."""
    from bench.field.calibrate import SHIPPED_FOLDER, calibrate_shipped
    from bench.field.compare import of_topology
    from bench.field.tables import table_for

    if topology is not None:
        for setting, meters in of_topology(load_topology(topology).topology):
            table = table_for(setting, meters)
            told = f"{setting.area_class}, mode {setting.mode}, {meters} meters"
            typer.echo(f"{told}: {table.sites} sites, {table.provenance.rounds} rounds")
        return
    made = jst(time.time()).date().isoformat()
    for file in calibrate_shipped(
        made, SHIPPED_FOLDER if out is None else out, lambda text: typer.echo(text, err=True)
    ):
        typer.echo(str(file))


@app.command()
def compare(
    topology: Annotated[
        Path | None, typer.Argument(metavar="[TOPOLOGY]", help="Compare its meshes; the classes when left out.")
    ] = None,
    traffic: Annotated[
        bool, typer.Option("--traffic", help="With mixes of other traffic on the air (minutes).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set level (b) against the event engine on sites and seeds that no fit used; ends with 1 when a bar is missed."""
    if traffic:
        _compare_traffic(topology, as_json)
    from bench.field.compare import compare as judge
    from bench.field.compare import of_topology, usual

    kinds = list(usual()) if topology is None else of_topology(load_topology(topology).topology)
    found = [judge(setting, meters) for setting, meters in kinds]
    if as_json:
        echo_json({"holds": all(each.holds for each in found), "comparisons": msgspec.to_builtins(found)})
    else:
        headers = ["class", "mode", "meters", "delivered a", "b", "off", "p99 a s", "b", "off", "holds"]
        rows = [
            [
                each.setting.area_class,
                each.setting.mode,
                str(each.meters),
                f"{each.level_a.delivered:.3%}",
                f"{each.level_b.delivered:.3%}",
                f"{100 * each.share_off:+.2f} pt",
                f"{each.level_a.p99:.3f}",
                f"{each.level_b.p99:.3f}",
                f"{each.p99_off:+.0%}",
                "yes" if each.holds else "no",
            ]
            for each in found
        ]
        print_table(headers, rows, right=range(2, 9))
    raise typer.Exit(0 if all(each.holds for each in found) else 1)


def _compare_traffic(topology: Path | None, as_json: bool) -> NoReturn:
    from bench.field.compare import of_topology
    from bench.field.compare_traffic import MIXES, compare_traffic, usual_mixes

    kinds = list(usual_mixes())
    if topology is not None:
        own = of_topology(load_topology(topology).topology)
        kinds = [(mix, *kind) for mix in MIXES for kind in own]
    found = [compare_traffic(*kind) for kind in kinds]
    if as_json:
        echo_json({"holds": all(each.holds for each in found), "comparisons": msgspec.to_builtins(found)})
    else:
        headers = ["mix", "class", "meters", "what", "air", "delivered a", "b", "p99 a s", "b", "holds"]
        rows = [
            [
                each.mix,
                each.setting.area_class,
                str(each.meters),
                own.name,
                f"{own.air:.2%}" if own.air else "",
                f"{own.delivered_a:.3%}",
                f"{own.delivered_b:.3%}",
                f"{own.p99_a:.3f}",
                f"{own.p99_b:.3f}",
                ("yes" if each.holds else "no") if number == 0 else "",
            ]
            for each in found
            for number, own in enumerate(each.classes)
        ]
        print_table(headers, rows, right=(2, 4, 5, 6, 7, 8))
    raise typer.Exit(0 if all(each.holds for each in found) else 1)


def _warn(texts: Iterable[str]) -> None:
    for text in texts:
        typer.echo(f"warning: {text}", err=True)
