"""``bench meter ID …``: speak to any meter over the wire, a twin of ``bench serve`` or a place."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from bench.cli import meter_control
from bench.cli.meter_target import MeterGroup, Target, target_of
from bench.cli.output import echo_json, print_table
from bench.errors import InputError
from bench.meters.readers import richest
from bench.meters.words import image_in_words, instant_of, name_of, period_of, plain, shown, shown_time, unit_of
from hil_drivers.errors import RefusedError, UnsupportedError
from hil_drivers.meter import OFFERS, Can, Instant, Meter, ProfileRow, Registers
from protocols.errors import MeterBenchError

app = typer.Typer(
    cls=MeterGroup,
    help="Speak to a meter over the wire: show, read, profile, events, control.",
    no_args_is_help=True,
    epilog="The options that say how to reach the meter may also stand behind the command.",
)
app.add_typer(meter_control.app, name="control")

AsJson = Annotated[bool, typer.Option("--json", help="Machine form on standard output; times are Unix seconds.")]
From = Annotated[str | None, typer.Option("--from", help="First time: 2026-05-20T12:00 (Japan), or -2h.")]
To = Annotated[str | None, typer.Option("--to", help="Last time; the meter's now if not given.")]

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_EVENT_DAYS: Final = 30
_REGISTERS: Final = ("import_wh", "export_wh", "plus_varh", "minus_varh", "volume_l")
_INSTANT: Final = tuple(item.name for item in fields(Instant) if unit_of(item.name))

_PARTS: Final[tuple[tuple[Can, str, Callable[[Meter], Any]], ...]] = (
    (Can.IDENTITY, "identity", lambda meter: plain(meter.identity())),
    (Can.CLOCK, "clock", lambda meter: plain(meter.clock())),
    (Can.REGISTERS, "registers", lambda meter: plain(meter.registers())),
    (Can.INSTANT, "instant", lambda meter: plain(meter.instant())),
    (Can.SWITCH, "switch", lambda meter: plain(meter.switch())),
    (Can.LIMIT, "limit", lambda meter: plain(meter.limit())),
    (Can.BOOKING, "bookings", lambda meter: [plain(booking) for booking in meter.bookings()]),
    (Can.IMAGE, "image", lambda meter: image_in_words(meter.image())),
    (Can.POWER_FAILURES, "power failures", lambda meter: {"count": meter.power_failures()}),
    (Can.ATTACHED, "attached meters", lambda meter: [plain(each) for each in meter.attached()]),
)
"""What ``show`` asks for."""


@app.callback()
def meter(
    ctx: typer.Context,
    meter_id: Annotated[str, typer.Argument(metavar="ID", help="Meter id.", show_default=False)],
    via: Annotated[str | None, typer.Option(help=f"Protocol ({', '.join(OFFERS)}); else the first that can.")] = None,
    endpoints: Annotated[Path | None, typer.Option(help="File of endpoints; else that of `bench serve`.")] = None,
    connect: Annotated[str | None, typer.Option(help="Address: dlms://127.0.0.2, wisun:/dev/ttyUSB0 …")] = None,
    key: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: a key, password or detail; often.")] = None,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds that an answer may take.")] = None,
) -> None:
    """Speak to a meter over the wire."""
    ctx.obj = target_of(meter_id, via, endpoints, connect, key or [], timeout)


@app.command()
def show(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show who the meter is and how it stands: all that its protocol tells."""
    target: Target = ctx.obj
    endpoint = richest(target.known()) if target.via is None else target.endpoint(Can.IDENTITY)
    with target.reader(endpoint) as reader:
        parts = _parts(reader)
    if as_json:
        echo_json({"meter": target.meter, "protocol": reader.protocol, "place": endpoint.place, **parts})
        return
    typer.echo(f"{target.meter} by {reader.protocol} at {endpoint.place}")
    print_table(("part", "what", "value"), [row for name, part in parts.items() for row in _rows(name, part)])


@app.command()
def read(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Such as import or power; else all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read registers and instantaneous values, with the meter's time."""
    target: Target = ctx.obj
    wanted = _fields_named(names or [])
    needed = Can.REGISTERS if wanted & set(_REGISTERS) else Can.INSTANT
    with target.open(needed) as reader:
        values = list(_values(reader, wanted))
    told = {value["name"] for value in values}
    missing = [name for name in names or [] if name not in told and name_of(name) not in told]
    if missing:
        raise RefusedError(f"{target.meter} has no {', '.join(missing)} by {reader.protocol}")
    if as_json:
        echo_json({"meter": target.meter, "protocol": reader.protocol, "values": values})
        return
    rows = [(value["name"], str(value["value"]), value["unit"], shown_time(value["time"])) for value in values]
    print_table(("name", "value", "unit", "meter's time"), rows, right=(1,))


@app.command()
def profile(
    ctx: typer.Context,
    period: Annotated[str, typer.Option(help="Such as 30m, 5m, 1m.")] = "30m",
    first: From = None,
    last: To = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values; times are Unix seconds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read periodic rows; without --from a day of them, or an hour of 1-minute rows."""
    target: Target = ctx.obj
    seconds = period_of(period)
    with target.open(Can.PROFILE) as reader:
        rows = reader.profile(seconds, *_range(reader, first, last, _HOUR if seconds <= 60 else _DAY))
    columns = [
        item.name for item in fields(ProfileRow) if any(getattr(row, item.name) is not None for row in rows)
    ] or ["end"]
    if as_json:
        echo_json([plain(row) for row in rows])
    elif as_csv:
        lines = ([getattr(row, name) for name in columns] for row in rows)
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *lines])
    else:
        heads = ["end of period", *(f"{name_of(name)} {unit_of(name)}".strip() for name in columns[1:])]
        print_table(
            heads, [[shown(name, getattr(row, name)) for name in columns] for row in rows], range(1, len(heads))
        )


@app.command()
def events(ctx: typer.Context, first: From = None, last: To = None, as_json: AsJson = False) -> None:
    """Read the event log; without --from the last 30 days of it."""
    target: Target = ctx.obj
    with target.open(Can.EVENTS) as reader:
        found = reader.events(*_range(reader, first, last, _EVENT_DAYS * _DAY))
    if as_json:
        echo_json([plain(event) for event in found])
        return
    print_table(("meter's time", "code"), [(shown_time(event.time), str(event.code)) for event in found], right=(1,))


def _parts(reader: Meter) -> dict[str, Any]:
    """What each part tells. A part that the meter refuses says so; when it refuses all of them, that is the answer."""
    told: dict[str, Any] = {}
    refusals: list[MeterBenchError] = []
    for what, name, ask in _PARTS:
        if what in reader.can:
            try:
                told[name] = ask(reader)
            except (RefusedError, UnsupportedError) as error:
                refusals.append(error)
                told[name] = {"refused": str(error)}
    if len(refusals) == len(told):
        raise refusals[0]
    return told


def _rows(name: str, part: Any) -> Iterator[Sequence[str]]:
    """Lines of a table for a part: a record, or a list of them."""
    for record in [part] if isinstance(part, Mapping) else part:
        for field, value in record.items():
            yield (name, name_of(field), f"{shown(field, value)} {unit_of(field)}".rstrip())
            name = ""


def _fields_named(names: Sequence[str]) -> set[str]:
    known = (*_REGISTERS, *_INSTANT)
    by_name = {name_of(field): field for field in known} | {field: field for field in known}
    for name in names:
        if name not in by_name:
            raise InputError(f"there is no value {name}; there are {', '.join(map(name_of, known))}")
    return {by_name[name] for name in names} or set(known)


def _values(reader: Meter, wanted: set[str]) -> Iterator[dict[str, Any]]:
    for names, what, ask in ((_REGISTERS, Can.REGISTERS, reader.registers), (_INSTANT, Can.INSTANT, reader.instant)):
        if wanted & set(names) and what in reader.can:
            found: Registers | Instant = ask()
            for field in names:
                value = getattr(found, field)
                if field in wanted and value is not None:
                    yield {"name": name_of(field), "value": value, "unit": unit_of(field), "time": found.time}


def _range(reader: Meter, first: str | None, last: str | None, span: int) -> tuple[int, int]:
    def now() -> int:
        return reader.clock().time

    end = now() if last is None else instant_of(last, now)
    begin = end - span if first is None else instant_of(first, now)
    if begin > end:
        raise InputError(f"--from ({shown_time(begin)}) lies after --to ({shown_time(end)})")
    return begin, end
