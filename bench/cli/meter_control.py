"""``bench meter ID control …``: change something at a meter, and show the state that it tells afterwards."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.cli.meter_target import Target
from bench.cli.output import aligned, echo_json
from bench.errors import InputError
from bench.meters.keyfile import KeyFile
from bench.meters.words import image_in_words, instant_of, name_of, plain, shown, shown_time, unit_of
from hil_drivers.errors import RefusedError
from hil_drivers.image import transfer
from hil_drivers.meter import Action, Booking, Can, Meter

app = typer.Typer(help="Change something: switch, limit, clock, image, keys.", no_args_is_help=True)
clock = typer.Typer(help="The meter's clock.", no_args_is_help=True)
keys = typer.Typer(help="The meter's keys.", no_args_is_help=True)
app.add_typer(clock, name="clock")
app.add_typer(keys, name="keys")

AsJson = Annotated[bool, typer.Option("--json", help="Machine form on standard output; times are Unix seconds.")]
At = Annotated[str | None, typer.Option(help="Reserve it: 2026-05-20T12:00 (Japan), or +10m from the meter's now.")]

_KEY_BYTES: Final = 16
_LONGEST_IDENTIFIER: Final = 64
_MOST_AMPERE: Final = 65_535


class Position(Enum):
    """Where a switch can be put."""

    OPEN = Action.OPEN.value
    CLOSE = Action.CLOSE.value


@app.command()
def switch(
    ctx: typer.Context,
    position: Annotated[Position, typer.Argument(show_default=False)],
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Open or close the switch, now or at a time."""
    with _opened(ctx, Can.SWITCH if at is None else Can.BOOKING) as (target, meter):
        if at is not None:
            _book(target, meter, Booking(Action(position.value), _time(meter, at)), as_json)
            return
        (meter.open_switch if position is Position.OPEN else meter.close_switch)()
        _told(target, f"switch: {position.value}", plain(meter.switch()), as_json)


@app.command()
def limit(
    ctx: typer.Context,
    ampere: Annotated[int, typer.Argument(min=1, max=_MOST_AMPERE, help="Contract limit in A.", show_default=False)],
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Set the contract limit, now or at a time."""
    with _opened(ctx, Can.LIMIT if at is None else Can.BOOKING) as (target, meter):
        if at is not None:
            _book(target, meter, Booking(Action.LIMIT, _time(meter, at), ampere), as_json)
            return
        meter.set_limit(ampere)
        _told(target, f"limit: {ampere} A", plain(meter.limit()), as_json)


@clock.command("show")
def show_clock(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show the meter's clock."""
    with _opened(ctx, Can.CLOCK) as (target, meter):
        _told(target, "clock", plain(meter.clock()), as_json)


@clock.command("set")
def set_clock(
    ctx: typer.Context,
    to: Annotated[str | None, typer.Argument(metavar="TIME", help="As for --at; this computer's time if none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Set the meter's clock."""
    with _opened(ctx, Can.SET_CLOCK) as (target, meter):
        instant = int(time.time()) if to is None else _time(meter, to)
        meter.set_clock(instant)
        _told(target, f"clock: set to {shown_time(instant)}", plain(meter.clock()), as_json)


@app.command()
def image(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Firmware image.", show_default=False)],
    resume: Annotated[bool, typer.Option("--resume", help="Send only the blocks that are missing.")] = False,
    identifier: Annotated[str | None, typer.Option(help="Name of the image; the file's name if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a firmware image into the meter, verify it, start it, and read the version back."""
    name = file.stem if identifier is None else identifier
    if not 1 <= len(name.encode()) <= _LONGEST_IDENTIFIER:
        raise InputError(f"an image's name has 1 to {_LONGEST_IDENTIFIER} bytes, not {len(name.encode())}")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    if not content:
        raise InputError(f"{file} is empty")
    with _opened(ctx, Can.IMAGE) as (target, meter), _progress(name) as progress:
        before = meter.identity().firmware
        status = transfer(meter, name.encode(), content, resume=resume, sleep=time.sleep, progress=progress)
        after = meter.identity().firmware
        state = {**image_in_words(status), "firmware_before": before, "firmware": after}
        _told(target, f"image: {name}, {len(content)} bytes", state, as_json)


@keys.command()
def renew(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="New file for the endpoint with its new key.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Give the meter a new encryption key, wrapped under its wrapping key.

    The new key is kept in a file for its owner alone, which --endpoints takes from then on.
    """
    target: Target = ctx.obj
    endpoint = target.endpoint(Can.KEYS)
    key = secrets.token_bytes(_KEY_BYTES)
    with target.reader(endpoint) as meter:
        kept = KeyFile.create(out, endpoint, target.details, key)  # before the meter has it: no key may be lost
        try:
            meter.transfer_key(key)
        except RefusedError:
            kept.remove()
            raise
        except BaseException:
            typer.echo(f"the meter may have the new key or the old one; the new one is in {out}", err=True)
            raise
        _told(target, f"keys: the new encryption key is in {out}", plain(meter.clock()), as_json)


def _book(target: Target, meter: Meter, booking: Booking, as_json: bool) -> None:
    meter.book(booking)
    what = f"{booking.ampere} A" if booking.action is Action.LIMIT else booking.action.value
    state = {"bookings": [plain(each) for each in meter.bookings()]}
    _told(target, f"reserved: {what} at {shown_time(booking.at)}", state, as_json)


def _told(target: Target, did: str, state: dict[str, Any], as_json: bool) -> None:
    """What was done, and what the meter says then."""
    if as_json:
        echo_json({"meter": target.meter, "done": did, "state": state})
        return
    typer.echo(f"{target.meter}  {did}")
    records: list[dict[str, Any]] = state.get("bookings", [state])
    rows = [
        ("  " + name_of(field), f"{shown(field, value)} {unit_of(field)}".rstrip())
        for record in records
        for field, value in record.items()
        if value is not None
    ]
    for line in aligned(rows) if rows else ():
        typer.echo(line)


def _time(meter: Meter, text: str) -> int:
    return instant_of(text, lambda: meter.clock().time)


@contextlib.contextmanager
def _opened(ctx: typer.Context, what: Can) -> Iterator[tuple[Target, Meter]]:
    target: Target = ctx.obj
    with target.open(what) as meter:
        yield target, meter


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal's standard error; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, blocks: bar.update(task, completed=done, total=blocks)
