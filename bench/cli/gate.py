"""``bench gate``: does a night pass?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from bench.measure import EXIT_CODES, Verdict
from bench.night.compare import compare_in
from bench.night.gate import Gate, load_rules
from bench.night.gate import gate as judge_night
from bench.night.history import LAST, History
from bench.night.quarantine_file import load_quarantine
from bench.night.summary import drift_sentence, markdown
from bench.report import numbers


def gate(
    night: Annotated[str, typer.Argument(help="The night: an id, last, last-1 …")] = LAST,
    against: Annotated[
        str | None, typer.Option(help="The night to compare with. [default: the one before]", show_default=False)
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(help="Limits of your own (TOML) in place of those that ship.", show_default=False),
    ] = None,
    history: HistoryFile = HISTORY,
    quarantine: QuarantineFile = QUARANTINE,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="A summary for chat or mail instead.")] = False,
) -> None:
    """Judge a night by the rules of the gate, against the nights before it.

    Ends with 0 when it passes, 1 when a rule about the product is broken, 3 when one about the bench is (whatever else
    is: the night then proves too little), 2 for bad input.
    """
    nights, limits, entries = History(history), load_rules(rules), load_quarantine(quarantine, today())
    found, comparison = compare_in(nights, night, against)
    verdict = judge_night(found, comparison, entries, limits)
    tell_problems(nights)
    if as_json:
        echo_json(verdict)
    elif as_markdown:
        typer.echo(markdown(found, comparison, verdict), nl=False)
    else:
        _show(verdict, comparison.against)
    raise typer.Exit(EXIT_CODES[Verdict[verdict.verdict.upper()]])


def _show(gate: Gate, against: str | None) -> None:
    typer.echo(f"{gate.verdict.upper()}  {gate.night} against {against or 'nothing: there is no night before it'}")
    typer.echo("")
    print_table(
        ("rule", "value", "limit", "verdict"),
        [
            (
                rule.name,
                numbers.quantity(rule.value, rule.unit),
                numbers.limit(rule),
                rule.verdict if (rule.low, rule.high) != (None, None) else "",
            )
            for rule in gate.rules
        ],
        right=(1,),
        colors=COLORS,
    )
    lines = [f"{each.change}: {each.key}: {each.message}".rstrip(": ") for each in (*gate.failures, *gate.missing)]
    lines += [f"drifted: {drift_sentence(each)}" for each in gate.drifts]
    lines += [f"bench error: {each}" for each in gate.bench_errors]
    lines += [f"quarantine over since {each.expires}: {each.what}, {each.owner}" for each in gate.expired]
    lines += [
        f"quarantined until {each.entry.expires}: {each.what}: {each.test} @ {each.place} ({each.kind})"
        for each in gate.looked_away
    ]
    if lines:
        typer.echo("")
    for line in lines:
        typer.echo(f"- {line}")
