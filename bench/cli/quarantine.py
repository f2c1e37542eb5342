"""``bench quarantine …``: known failures that the gate looks away from, for a stated time."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

import msgspec
import typer

from bench.cli.night_options import (
    COLORS,
    HISTORY,
    QUARANTINE,
    AsJson,
    HistoryFile,
    QuarantineFile,
    tell_problems,
    today,
)
from bench.cli.output import echo_json, print_table
from bench.errors import InputError
from bench.night import quarantine as rules
from bench.night.compare import compare_in
from bench.night.history import LAST, History
from bench.night.quarantine import MODES, Entry
from bench.night.quarantine_file import add_entry, load_quarantine, remove_entry

app = typer.Typer(help="Known failures that the gate looks away from, for a stated time.", no_args_is_help=True)

Pattern = Annotated[str, typer.Argument(metavar="TEST", help="Id of a test, or a pattern with * and ?.")]
Place = Annotated[str, typer.Option(help="Place or twin kind, or a pattern.")]
_KINDS = ("rack", "twin")


@app.command()
def add(
    test: Pattern,
    reason: Annotated[str, typer.Option(help="Why it cannot pass now.", show_default=False)],
    issue: Annotated[str, typer.Option(help="Number or address of the issue.", show_default=False)],
    owner: Annotated[str, typer.Option(help="Who will mend it.", show_default=False)],
    place: Place = "*",
    kind: Annotated[str | None, typer.Option(help="rack or twin. [default: both]", show_default=False)] = None,
    days: Annotated[int, typer.Option(min=1, help="For how many days from today.")] = 14,
    mode: Annotated[str, typer.Option(help="run: keep running it; skip: only for what spoils the night.")] = "run",
    file: QuarantineFile = QUARANTINE,
    as_json: AsJson = False,
) -> None:
    """Put tests into quarantine."""
    if kind not in (None, *_KINDS) or mode not in MODES:
        raise InputError(f"--kind is one of {', '.join(_KINDS)}, --mode one of {', '.join(MODES)}")
    if days > rules.longest().days:
        raise InputError(f"--days {days}: a quarantine lasts {rules.longest().days} days at most")
    begin = today()
    entry = msgspec.convert(
        {
            "test": test,
            "place": place,
            "kind": kind,
            "reason": reason,
            "issue": issue,
            "owner": owner,
            "added": begin,
            "expires": begin + timedelta(days=days),
            "mode": mode,
        },
        Entry,
    )
    add_entry(file, entry, begin)
    if as_json:
        echo_json(entry)
    else:
        typer.echo(f"{file}: {entry.what} is in quarantine until {entry.expires}")


@app.command(name="list")
def list_entries(file: QuarantineFile = QUARANTINE, as_json: AsJson = False) -> None:
    """List the entries, those that are over too."""
    day = today()
    entries = load_quarantine(file, day)
    if as_json:
        echo_json([{**msgspec.to_builtins(each), "holds": each.holds(day)} for each in entries])
        return
    if not entries:
        typer.echo(f"{file}: nothing is in quarantine")
        return
    print_table(
        ("test", "until", "mode", "owner", "issue", "reason"),
        [(each.what, _until(each, day), each.mode, each.owner, each.issue, each.reason) for each in entries],
        colors=COLORS,
    )


@app.command()
def remove(test: Pattern, place: Place = "*", file: QuarantineFile = QUARANTINE, as_json: AsJson = False) -> None:
    """Take an entry out, by exactly the patterns that it was put in with."""
    entry = remove_entry(file, today(), test, place)
    if as_json:
        echo_json(entry)
    else:
        typer.echo(f"{file}: {entry.what} counts again")


@app.command()
def check(file: QuarantineFile = QUARANTINE, history: HistoryFile = HISTORY, as_json: AsJson = False) -> None:
    """Name entries that are over, and entries that mean no test of the last night; ends with 1 when there are any."""
    day, nights = today(), History(history)
    entries = load_quarantine(file, day)
    last = next(nights.newest_first(), None)
    findings = rules.check(entries, day, None if last is None else [each.key for each in last.results])
    tell_problems(nights)
    if as_json:
        echo_json(findings)
    else:
        for each in findings:
            typer.echo(f"{file}:{each.entry.line}: {each.problem}: {each.entry.what} ({each.entry.owner}) {each.text}")
        if not findings:
            unseen = "; without a history, whether they mean any test is not known" if last is None else ""
            typer.echo(f"{file}: {len(entries)} in quarantine, in order{unseen}")
    raise typer.Exit(1 if findings else 0)


@app.command()
def verify(
    night: Annotated[str, typer.Argument(help="The night: an id, last, last-1 …")] = LAST,
    file: QuarantineFile = QUARANTINE,
    history: HistoryFile = HISTORY,
    as_json: AsJson = False,
) -> None:
    """Say how the tests in quarantine did in a night: which pass now, and for how many nights they have."""
    entries, nights = load_quarantine(file, today()), History(history)
    _, comparison = compare_in(nights, night)
    found = rules.verify(entries, comparison)
    tell_problems(nights)
    if as_json:
        echo_json([{**msgspec.to_builtins(each), "passes": each.passes} for each in found])
        return
    if not found:
        typer.echo(f"{file}: no test in quarantine ran in {comparison.night}")
        return
    print_table(
        ("test", "kind", "place", "outcome", "nights", "class"),
        [(each.test, each.kind, each.place, each.outcome, str(each.nights), each.change) for each in found],
        right=(4,),
        colors=COLORS,
    )
    for entry in entries:
        mine = [each for each in found if each.entry == entry]
        if mine and all(each.passes for each in mine):
            typer.echo(f"{entry.what}: passes everywhere for {min(each.nights for each in mine)} night(s); remove it")


def _until(entry: Entry, day: date) -> str:
    return f"{entry.expires} over" if entry.over(day) else str(entry.expires)
