"""``bench rack …``: the places of a rack, who has them, and the gateway that serves them.

Most commands only ask the gateway. What the others need of topologies, drivers and protocols they import themselves: it
is most of a second.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from bench.cli import rack_control, rack_emulator, rack_provision, rack_testing
from bench.cli.output import echo_json, print_table
from bench.cli.rack_options import AsJson, Options, PlaceName, Token, plain
from bench.errors import BenchFault, InputError
from bench.rack import FOLDER
from bench.rack.client import Served, owner
from bench.rack.leases import Health
from bench.rack.messages import Acquire, Doctor, Extend, Measure, Places, Release, Safe, SetHealth, Who
from protocols.slots import jst

app = typer.Typer(help="The rack: places, leases, power, measurements, safe state.", no_args_is_help=True)
_COMMANDS: tuple[Callable[..., None], ...] = (
    rack_control.power,
    rack_control.source,
    rack_control.load,
    rack_control.attenuate,
    rack_testing.play,
    rack_testing.integrate,
    rack_testing.radio,
    rack_testing.meter,
)
for command in _COMMANDS:
    app.command()(command)
app.command("provision")(rack_provision.provision_lab)
app.command()(rack_emulator.emulate)
app.command()(rack_emulator.fault)

_COLORS = {"good": "green", "bad": "red", "unknown": "yellow", "maintenance": "yellow", "running": "cyan"}


@app.callback()
def rack(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Option(envvar="BENCH_RACK", help="Where the gateway keeps its journal and audit log.")
    ] = FOLDER,
    name: Annotated[
        str | None, typer.Option("--as", help="In whose name; leases and the audit log bear it. [default: user@host]")
    ] = None,
) -> None:
    """Use a rack, or serve one."""
    ctx.obj = Options(folder, name or owner())


@app.command()
def serve(
    ctx: typer.Context,
    topology: Annotated[Path, typer.Argument(help="Topology file (YAML) with a rack.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Own the instruments of a rack and serve it on the bus until Ctrl-C; then everything is switched off."""
    from bench.rack.inventory import read_inventory
    from bench.rack.serve import serve_rack

    def ready(served: Served) -> None:
        if as_json:
            echo_json(served)
        else:
            typer.echo(
                f"{served.rack}: served as process {served.pid} on {served.bus}, watched by process {served.dead_man}; "
                "Ctrl-C ends it"
            )
        sys.stdout.flush()

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    serve_rack(read_inventory(topology), ctx.obj.folder, stop, ready)


@app.command()
def places(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the places: what is in them, who has them, how fit they are."""
    found = ctx.obj.ask(Places())
    if as_json:
        echo_json(found)
        return
    rows = [
        (each["place"], each["meter"], each["class"], each["state"], each["health"], each["owner"] or "", _tags(each))
        for each in found
    ]
    print_table(("place", "meter", "class", "state", "health", "owner", "tags"), rows, colors=_COLORS)


def _tags(place: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in place["tags"].items())


@app.command()
def show(ctx: typer.Context, place: PlaceName, as_json: AsJson = False) -> None:
    """Show one place with what is wired to it."""
    found = ctx.obj.ask(Places(place))
    if as_json:
        echo_json(found)
        return
    print_table(("what", "value"), [(name, plain(value)) for name, value in found.items() if value is not None])


@app.command()
def who(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the leases."""
    found = ctx.obj.ask(Who())
    if as_json:
        echo_json(found)
        return
    rows = [
        (str(each["lease"]), each["owner"], " ".join(each["places"]), _until(each), each["ending"] or "")
        for each in found
    ]
    print_table(("lease", "owner", "places", "until", "ending"), rows, right=(0,))


@app.command()
def acquire(
    ctx: typer.Context,
    place: Annotated[list[str] | None, typer.Argument(help="By name; else by --tag.", show_default=False)] = None,
    tag: Annotated[list[str] | None, typer.Option(help="NAME=VALUE that the place must have; often.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many, by tags.")] = 1,
    ttl: Annotated[float | None, typer.Option(min=1, help="Seconds; else what the topology says.")] = None,
    as_json: AsJson = False,
) -> None:
    """Lease places, with all that is wired to them; prints the token for the commands that follow."""
    if bool(place) == bool(tag):
        raise InputError("give places by name, or at least one --tag")
    lease = ctx.obj.ask(Acquire(tuple(place or ()), _tag_values(tag or []), count, ttl))
    if as_json:
        echo_json(lease)
        return
    typer.echo(f"lease {lease['lease']} of {' '.join(lease['places'])} until {_until(lease)}")
    typer.echo(f"export BENCH_TOKEN={lease['token']}")


def _tag_values(tags: list[str]) -> dict[str, str]:
    pairs = [tag.partition("=") for tag in tags]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise InputError(f"--tag {name}{equals}{value}: give NAME=VALUE")
    return {name: value for name, _, value in pairs}


@app.command()
def extend(
    ctx: typer.Context,
    token: Token,
    ttl: Annotated[float | None, typer.Option(min=1, help="Seconds from now; else what the topology says.")] = None,
    as_json: AsJson = False,
) -> None:
    """Keep a lease for longer."""
    lease = ctx.obj.ask(Extend(token, ttl))
    if as_json:
        echo_json(lease)
    else:
        typer.echo(f"lease {lease['lease']} of {' '.join(lease['places'])} until {_until(lease)}")


@app.command()
def release(
    ctx: typer.Context,
    token: Token = "",
    kick: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Break the lease of a place, whoever has it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a lease back: safe state, then its places are free."""
    if not token and kick is None:
        raise InputError("give --token (or BENCH_TOKEN), or --kick PLACE")
    done = ctx.obj.ask(Release(token, kick))
    if as_json:
        echo_json(done)
    else:
        typer.echo(f"lease {done['lease']} is over, {' '.join(done['places'])} free; safe state: {done['failures']}")
    if not done["safe"]:
        raise typer.Exit(BenchFault.exit_code)


@app.command()
def measure(ctx: typer.Context, place: PlaceName, as_json: AsJson = False) -> None:
    """Show what the instruments of a place read; needs no lease. Exit code 3 when all of them only tell errors."""
    told = ctx.obj.ask(Measure(place))
    if as_json:
        echo_json(told)
    else:
        rows = [(kind, name, plain(value)) for kind, values in told.items() for name, value in values.items()]
        print_table(("instrument", "what", "value"), rows)
    if told and all("error" in values for values in told.values()):
        raise typer.Exit(BenchFault.exit_code)


@app.command()
def safe(
    ctx: typer.Context,
    place: Annotated[str | None, typer.Argument(help="Place; else the whole rack.", show_default=False)] = None,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Bring a place or the whole rack into its safe state, and prove it. Without its token a lease is ended by it."""
    done = ctx.obj.ask(Safe(place, token))
    if as_json:
        echo_json(done)
        return
    rows = [
        (step["name"], step["instrument"], f"{step['seconds']:.2f}", step["error"] or "ok") for step in done["steps"]
    ]
    print_table(("step", "instrument", "s", "result"), rows, right=(2,))


@app.command()
def health(
    ctx: typer.Context,
    place: PlaceName,
    state: Annotated[str | None, typer.Argument(help="good, unknown, bad or maintenance; else it is shown.")] = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "set by hand",
    as_json: AsJson = False,
) -> None:
    """Show how fit a place is, or say so."""
    if state is None:
        found = ctx.obj.ask(Places(place))
    else:
        try:
            fitness: Health = msgspec.convert(state, Health)
        except msgspec.ValidationError:
            raise InputError(f"{state} is no health; give good, unknown, bad or maintenance") from None
        found = ctx.obj.ask(SetHealth(place, fitness, reason))
    if as_json:
        echo_json({name: found[name] for name in ("place", "health", "reason")})
    else:
        typer.echo(f"{place}: {found['health']} ({found['reason']})")


@app.command()
def doctor(
    ctx: typer.Context,
    topology: Annotated[
        Path | None, typer.Argument(help="Topology file; else the rack that is served.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask every instrument who it is and whether it can do what the topology wants; exit code 3 when anything is wrong.

    With a topology the instruments are asked directly: do that while no gateway has them.
    """
    found = ctx.obj.ask(Doctor()) if topology is None else _examined(topology)
    if as_json:
        echo_json(found)
    else:
        rows = [
            (each["instrument"], each["driver"], each["identity"], "; ".join(each["problems"]) or "ok")
            for each in found
        ]
        print_table(("instrument", "driver", "identity", "result"), rows)
    if any(each["problems"] for each in found):
        raise typer.Exit(BenchFault.exit_code)


def _examined(topology: Path) -> list[dict[str, Any]]:
    from bench.rack.doctor import examine
    from bench.rack.instruments import Instruments
    from bench.rack.inventory import read_inventory

    inventory = read_inventory(topology)
    instruments = Instruments(inventory)
    try:
        return [msgspec.to_builtins(finding) for finding in examine(inventory, instruments.opened)]
    finally:
        instruments.close()


def _until(lease: dict[str, Any]) -> str:
    return f"{jst(lease['expires']):%Y-%m-%d %H:%M:%S}"
