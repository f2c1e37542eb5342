"""``bench rack power|source|load|attenuate``: change something at a place under a lease, and show what came of it."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import typer

from bench.cli.output import echo_json
from bench.cli.rack_options import AsJson, PlaceName, Token, plain
from bench.rack.messages import Attenuate, Load, Power, Source


class Switch(Enum):
    """What can be done with a relay."""

    ON = "on"
    OFF = "off"
    CYCLE = "cycle"
    GET = "get"


class Output(Enum):
    """What can be done with a source."""

    ON = "on"
    OFF = "off"
    CLEAR = "clear"


def power(
    ctx: typer.Context,
    place: PlaceName,
    action: Annotated[Switch, typer.Argument(show_default=False)],
    token: Token,
    seconds: Annotated[float, typer.Option(min=0.1, max=60, help="How long a cycle stays off.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Switch the relay in a place's supply, or read it back; never under load."""
    tell(place, ctx.obj.ask(Power(place, token, action.value, seconds)), as_json)


def source(
    ctx: typer.Context,
    place: PlaceName,
    action: Annotated[Output, typer.Argument(show_default=False)],
    token: Token,
    volts: Annotated[float | None, typer.Option(min=0, help="V of each phase; else the meter's rating.")] = None,
    hertz: Annotated[float | None, typer.Option(min=0, help="Hz; else the meter's rating.")] = None,
    amps_limit: Annotated[float | None, typer.Option(min=0, help="Current limit in A.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a place's source to a voltage by a ramp, within its envelope, or switch it off.

    clear switches it off and releases a protection that has tripped.
    """
    tell(place, ctx.obj.ask(Source(place, token, action.value, volts, hertz, amps_limit)), as_json)


def load(
    ctx: typer.Context,
    place: PlaceName,
    amps: Annotated[float, typer.Argument(min=0, help="A; 0 is off, and releases a trip.", show_default=False)],
    token: Token,
    power_factor: Annotated[float, typer.Option("--pf", min=-1, max=1, help="Power factor.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Draw a current through a place."""
    tell(place, ctx.obj.ask(Load(place, token, amps, power_factor)), as_json)


def attenuate(
    ctx: typer.Context,
    place: PlaceName,
    db: Annotated[float, typer.Argument(metavar="DB", min=0, help="Attenuation in dB.", show_default=False)],
    token: Token,
    as_json: AsJson = False,
) -> None:
    """Set the attenuator in a place's radio path."""
    tell(place, ctx.obj.ask(Attenuate(place, token, db)), as_json)


def tell(place: str, result: dict[str, Any], as_json: bool) -> None:
    """What came of a command at a place."""
    if as_json:
        echo_json({"place": place, **result})
    else:
        typer.echo(f"{place}: " + ", ".join(f"{name} {plain(value)}" for name, value in result.items()))
