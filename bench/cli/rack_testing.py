"""``bench rack play|integrate|radio|meter``: dips and sequences, reference energy, the stick, the meter of a place."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer

from bench.cli.output import echo_json, print_table
from bench.cli.rack_control import tell
from bench.cli.rack_options import AsJson, PlaceName, Token
from bench.errors import InputError
from bench.meters.words import instant_of, name_of, period_of, shown, unit_of
from bench.rack.messages import Integrate, MeterWord, Play, Radio, ReadMeter, Segment
from hil_drivers.meter import OFFERS

_DAY: Final = 86_400


class Counting(Enum):
    """What can be done with an integration."""

    BEGIN = "begin"
    END = "end"
    READ = "read"


class OnAir(Enum):
    """What can be done with a stick."""

    SCAN = "scan"
    JOIN = "join"
    STATUS = "status"
    LEAVE = "leave"
    PROBE = "probe"


Word = Enum("Word", {word.upper(): word for word in get_args(MeterWord)})  # type: ignore[misc]


def play(
    ctx: typer.Context,
    place: PlaceName,
    token: Token,
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV with columns volts, seconds and, as wanted, hertz, ramp (yes, no), angle."),
    ] = None,
    dip: Annotated[
        list[str] | None, typer.Option(metavar="V:S", help="To so many V for so many s, and back; may be given often.")
    ] = None,
    times: Annotated[int, typer.Option(min=1, help="How often all of it is played.")] = 1,
    gap: Annotated[float, typer.Option(min=0, help="Seconds between two dips, or two rounds of the file.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Play dips, interruptions, ramps and sequences at a place whose source is on; then what was set holds again.

    A dip to 0 V is an interruption.
    """
    if (file is None) == (not dip):
        raise InputError("give a file, or at least one --dip")
    lists = [read_segments(file)] if file is not None else [(_dip(text),) for text in dip or ()]
    played: list[dict[str, Any]] = []
    with ctx.obj.client() as client:
        for segments in lists * times:
            if played:
                time.sleep(gap)
            played.append(client.ask(Play(place, token, segments)))
    if as_json:
        echo_json({"place": place, "played": played})
    else:
        seconds = sum(each["seconds"] for each in played)
        typer.echo(f"{place}: {sum(each['segments'] for each in played)} segments played, {seconds:g} s")


def integrate(
    ctx: typer.Context,
    place: PlaceName,
    action: Annotated[Counting, typer.Argument(show_default=False)],
    token: Token,
    as_json: AsJson = False,
) -> None:
    """Count energy with a place's analyser; percent is the bound on its error in % of its power reading now."""
    tell(place, ctx.obj.ask(Integrate(place, token, action.value)), as_json)


def radio(
    ctx: typer.Context,
    place: PlaceName,
    action: Annotated[OnAir, typer.Argument(show_default=False)],
    token: Token,
    count: Annotated[int, typer.Option(min=1, max=1000, help="Requests of a probe.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Have a place's stick look for its meter, join it, tell how it stands, or leave; minutes may pass on air.

    probe sends small requests over the session that stands, and counts those that the meter's radio acknowledged.
    At a place with a PLC bridge and no stick, status and probe look at the power line.
    """
    tell(place, ctx.obj.ask(Radio(place, token, action.value, count)), as_json)


def meter(
    ctx: typer.Context,
    place: PlaceName,
    what: Annotated[Word, typer.Argument(show_default=False)],
    via: Annotated[str | None, typer.Option(help=f"Protocol ({', '.join(OFFERS)}); else the first that can.")] = None,
    period: Annotated[str, typer.Option(help="Of profile: 30m, 5m, 1m.")] = "30m",
    first: Annotated[str | None, typer.Option("--from", help="First time: 2026-05-20T12:00 (Japan), or -2h.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last time; the meter's now if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read the meter of a place; needs no lease. Without --from a day of rows or events."""
    word: MeterWord = what.value
    with ctx.obj.client() as client:

        def now() -> int:
            return int(client.ask(ReadMeter(place, "clock", via=via))["time"])

        begin, end = _span(first, last, now) if word in ("profile", "events") else (0, 0)
        found = client.ask(ReadMeter(place, word, period_of(period), begin, end, via))
    if as_json:
        echo_json(found)
        return
    rows = [
        (name_of(name), f"{shown(name, value)} {unit_of(name)}".rstrip())
        for record in (found if isinstance(found, list) else [found])
        for name, value in record.items()
    ]
    print_table(("what", "value"), rows)


def _span(first: str | None, last: str | None, now: Callable[[], int]) -> tuple[int, int]:
    end = now() if last is None else instant_of(last, now)
    begin = end - _DAY if first is None else instant_of(first, now)
    if begin > end:
        raise InputError("--from lies after --to")
    return begin, end


def _dip(text: str) -> Segment:
    volts, colon, seconds = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return Segment(float(volts), float(seconds))
    except ValueError:
        raise InputError(f"--dip {text}: give V:S, as in 40:0.5") from None


def read_segments(path: Path) -> tuple[Segment, ...]:
    """The segments of a CSV file; raises InputError with the line that is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, row) for row in reader]
            columns = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    known = Segment.__struct_fields__
    if not {"volts", "seconds"} <= set(columns) or not set(columns) <= set(known):
        raise InputError(f"{path}:1: columns {', '.join(columns) or 'none'}; give volts, seconds and {_OPTIONAL}")
    if not rows:
        raise InputError(f"{path}: no segments; give one a line")
    return tuple(_segment(path, number, row) for number, row in rows)


_OPTIONAL: Final = "as wanted hertz, ramp, angle"
_RAMP: Final = {"": False, "no": False, "yes": True}


def _segment(path: Path, number: int, row: dict[str, Any]) -> Segment:
    try:
        return Segment(
            float(row["volts"]),
            float(row["seconds"]),
            hertz=float(row["hertz"]) if row.get("hertz") else None,
            ramp=_RAMP[(row.get("ramp") or "").strip().lower()],
            angle=float(row.get("angle") or 0.0),
        )
    except (ValueError, TypeError, KeyError):
        said = ",".join(str(value) for value in row.values() if value is not None)
        raise InputError(f"{path}:{number}: {said}: give numbers, and yes or no for ramp") from None
