"""``bench perf``: benchmarks. They print JSON and judge nothing; compare ratios inside one run, machines are noisy."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from bench.perf.field import measure_field
from bench.perf.fleet import measure_fleet
from bench.perf.pipeline import measure_pipeline
from bench.perf.serve import measure_serve

app = typer.Typer(help="Benchmarks: JSON on standard output, no verdict.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON instead of an indented page of it.")]


@app.command()
def fleet(
    twins: Annotated[int, typer.Option(min=1, help="Twins in the fleet.")] = 1_000_000, as_json: AsJson = False
) -> None:
    """Meter a fleet on one core: twin-slots per second and resident bytes per twin."""
    _print(measure_fleet(twins), as_json)


@app.command()
def pipeline(
    readings: Annotated[int, typer.Option(min=250, help="Readings to carry, at least.")] = 1_000_000,
    as_json: AsJson = False,
) -> None:
    """Carry readings from twins through cipher, broker and head-end to Parquet, and compare with a plain relay."""
    _print(measure_pipeline(readings), as_json)


@app.command()
def serve(
    twins: Annotated[int, typer.Option(min=1, help="Twins that are asked, all at once.")] = 1000,
    fleet: Annotated[int, typer.Option(min=100, help="Twins of the fleet they belong to.")] = 1_000_000,
    seconds: Annotated[float, typer.Option(min=0.5, help="How long to ask, after a warm-up.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Ask served twins by ECHONET Lite over UDP: requests per second, and how long each waits."""
    _print(measure_serve(twins, fleet, seconds), as_json)


@app.command("field")
def field_(
    meters: Annotated[int, typer.Option(min=1, help="Meters of level (b).")] = 10_000_000,
    mesh: Annotated[int, typer.Option(min=1, max=1000, help="Meters at the concentrator of level (a).")] = 500,
    as_json: AsJson = False,
) -> None:
    """Carry a 30-minute round over the air: one concentrator by the event engine, millions of meters by statistics."""
    _print(measure_field(meters, mesh), as_json)


def _print(result: dict[str, Any], as_json: bool) -> None:
    text = msgspec.json.encode(result)
    typer.echo((text if as_json else msgspec.json.format(text, indent=2)).decode())
