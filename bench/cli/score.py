"""``bench score``: are planted defects caught, and is nothing told where there is none?"""

from __future__ import annotations

import hashlib
import signal
import threading
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from bench.cli.night_options import COLORS, AsJson
from bench.cli.output import echo_json, print_table
from bench.errors import InputError
from bench.measure import EXIT_CODES, Verdict, worst
from bench.report import numbers
from bench.topology.load import load_topology
from bench.topology.problems import nearest

_COLORS = COLORS | {"detected": "green", "missed": "red", "no finder": "red", "not planted": "yellow"}


def score(
    topology: Annotated[Path, typer.Argument(help="Topology file (YAML), without defects.", show_default=False)],
    results: Annotated[Path, typer.Option(help="Where the score is kept while it grows.")] = Path("results"),
    defect: Annotated[
        list[str] | None,
        typer.Option(help="Only this defect, as a score marked partial; may be given often.", show_default=False),
    ] = None,
    nights: Annotated[int, typer.Option(min=0, help="Clean nights, each with another seed.")] = 10,
    quick: Annotated[bool, typer.Option("--quick", help="Clean nights run only what should find defects.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew instead of going on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Plant each defect alone, run what should find it, and count: detected, missed, false alarms of clean nights.

    A defect that nothing is named for counts as missed; a test that fails without a defect counts for nothing. Ends
    with 0 when the limits are kept, 1 when not, 3 when too little could be run, 130 when aborted: it can be continued.
    """
    from bench.score.cases import Bench
    from bench.score.catalogue import all_planted
    from bench.score.run import Book, clear, run_cases
    from bench.score.tally import tally

    loaded, planted = load_topology(topology), all_planted()
    known = {each.name: each for each in planted}
    for name in defect or ():
        if name not in known:
            raise InputError(f"{name}: there is no such defect; {nearest(name, list(known))}")
    planted = [known[name] for name in defect] if defect else planted
    bench = Bench(loaded)
    cases = bench.controls(planted)
    cases += [case for each in planted if each.findable and (case := bench.defect(each)) is not None]
    cases += [case for number in range(1, nights + 1) for case in bench.clean(number, quick)]

    kind = ("quick" if quick else "full") + (f"-{_digest(defect)}" if defect else "")
    folder = results / "score" / f"{loaded.topology.name}-{loaded.sha256[:8]}-{kind}"
    if fresh:
        clear(folder)
    book, abort, began = Book(folder / "cases.jsonl"), threading.Event(), time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: abort.set())
    left = sum(case.name not in book.outcomes for case in cases)
    typer.echo(f"{left} of {len(cases)} cases to run, a fifth of a minute to two minutes each", err=True)

    def say(line: str) -> None:
        typer.echo(f"{time.monotonic() - began:7.1f} s  {line}", err=True)

    if not run_cases(cases, book, say, abort):
        typer.echo("aborted; start it again to go on", err=True)
        raise typer.Exit(EXIT_CODES[Verdict.ABORTED])
    counted = tally(planted, {case.name: book.outcomes[case.name] for case in cases}, nights, partial=bool(defect))
    (folder / "score.json").write_bytes(msgspec.json.format(msgspec.json.encode(counted)))
    if as_json:
        echo_json(counted)
    else:
        _show(counted)
    raise typer.Exit(EXIT_CODES[worst(each.verdict for each in counted.measurements)])


def _digest(names: list[str]) -> str:
    """A score of some defects alone has controls of its own, and a folder."""
    return hashlib.sha256(" ".join(sorted(names)).encode()).hexdigest()[:8]


def _show(counted: object) -> None:
    from bench.score.tally import Score

    assert isinstance(counted, Score)
    rows = [
        (each.name, each.requirement, each.route, each.standing, each.message[:100] or each.text[:100])
        for each in counted.defects
    ]
    if counted.partial:
        typer.echo(f"partial: {len(rows)} chosen defects only\n")
    print_table(("defect", "row", "route", "standing", "what"), rows, colors=_COLORS)
    typer.echo("")
    print_table(
        ("measurement", "value", "limit", "verdict"),
        [
            (each.name, numbers.quantity(each.value, each.unit), numbers.limit(each), each.verdict)
            for each in counted.measurements
        ],
        right=(1,),
        colors=COLORS,
    )
    for night, failed in counted.alarms.items():
        for test, message in failed.items():
            typer.echo(f"- false alarm, {night}: {test}: {message}")
    for test, message in counted.worthless.items():
        typer.echo(f"- fails without a defect: {test}: {message}")
    for error in counted.errors:
        typer.echo(f"- bench error: {error}")
