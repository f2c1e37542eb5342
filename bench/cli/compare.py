"""``bench compare``: what changed from one night to another."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.night_options import COLORS, HISTORY, AsJson, HistoryFile, tell_problems
from bench.cli.output import echo_json, print_table
from bench.night.compare import Change, Comparison, TestChange, compare_in
from bench.night.history import LAST, History
from bench.report import numbers

_QUIET = (Change.PASSING, Change.SKIPPED)


def compare(
    older: Annotated[
        str | None, typer.Argument(metavar="A", help="The older night. [default: the one before B]", show_default=False)
    ] = None,
    newer: Annotated[str, typer.Argument(metavar="B", help="The newer night: an id, last, last-1 …")] = LAST,
    history: HistoryFile = HISTORY,
    everything: Annotated[bool, typer.Option("--all", help="List tests that pass as before, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what became of each test from night A to night B, and which measurements drifted.

    Comparing is not judging: it ends with 0 whatever it finds; `bench gate` judges.
    """
    nights = History(history)
    _, comparison = compare_in(nights, newer, older)
    tell_problems(nights)
    if as_json:
        echo_json(comparison)
        return
    typer.echo(_headline(comparison))
    if rows := [*_test_rows(comparison, everything), *_drift_rows(comparison)]:
        typer.echo("")
        print_table(("class", "test", "kind", "place", "nights", "what"), rows, right=(4,), colors=COLORS)
    typer.echo("")
    typer.echo(_drift_line(comparison))


def _headline(comparison: Comparison) -> str:
    counts = {change: len(comparison.of(change)) for change in Change}
    told = ", ".join(f"{numbers.count(count)} {change}" for change, count in counts.items() if count)
    against = comparison.against or "nothing: there is no night before it"
    changed = " (its topology file was another)" if comparison.topology_changed else ""
    return f"{comparison.night} against {against}{changed}: {told or 'no tests'}"


def _test_rows(comparison: Comparison, everything: bool) -> list[tuple[str, ...]]:
    order = list(Change)
    shown = [each for each in comparison.tests if everything or each.change not in _QUIET]
    return [_test_row(each) for each in sorted(shown, key=lambda each: (order.index(each.change), each.key))]


def _test_row(each: TestChange) -> tuple[str, ...]:
    what = "; ".join(part for part in (each.message, "unsteady" if each.unsteady else "") if part)
    return (each.change, each.test, each.kind, each.place, str(each.nights), what)


def _drift_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    return [
        (
            "drifted",
            each.test,
            each.kind,
            each.place,
            str(each.nights),
            f"{each.name} {each.moved:+.4g} {each.unit} to {each.value:.6g}; usual ±{each.threshold:.3g} "
            f"around {each.centre:.6g} over {each.compared}" + (" (to the better)" if each.better else ""),
        )
        for each in comparison.drifts
    ]


def _drift_line(comparison: Comparison) -> str:
    young = f"; {numbers.count(comparison.young)} have too few nights to be judged" if comparison.young else ""
    return (
        f"{numbers.count(comparison.judged)} measurements held against their nights before, "
        f"{numbers.count(len(comparison.drifts))} drifted{young}"
    )
