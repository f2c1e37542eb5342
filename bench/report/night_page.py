"""The page of a night: verdict, what changed, what drifted, what was the bench's own fault, and how the nights went.

One file that asks nothing of any network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from bench.night.compare import Change, Comparison, TestChange
from bench.night.gate import Gate
from bench.night.model import Night, Result, SeriesKey
from bench.night.summary import drift_sentence
from bench.night.trends import matrix_of, trend_of
from bench.report import numbers
from bench.report.render import page_environment

_SHOWN: Final = 200
"""Rows of a table; more are counted. A night with more is one for `bench compare --json`."""

_TRENDS: Final = 12
_SLOWEST: Final = 8
_SECTIONS: Final = (
    (Change.NEW_FAILURE, "New failures", "They did not pass, and did when they last ran, or never ran before."),
    (Change.STILL_FAILING, "Still failing", "They did not pass when they last ran either."),
    (Change.BENCH_ERROR, "Bench errors", "The bench failed; they say nothing about the product."),
    (Change.MISSING, "Missing", "They ran the night before and have no result now."),
    (Change.FLAKY, "Flaky", "They passed only when tried again, or pass and fail by turns."),
    (Change.FIXED, "Fixed", "They pass, and did not when they last ran."),
)


def night_page(night: Night, comparison: Comparison, gate: Gate, before: Sequence[Night], command: str) -> str:
    """The HTML of a night; ``before`` are the nights before it on the same topology, newest first."""
    nights = [night, *before]
    return (
        page_environment()
        .get_template("night.html.j2")
        .render(
            night=night,
            gate=gate,
            comparison=comparison,
            outcome=_outcome(night, gate),
            tested=_tested(night, comparison),
            tiles=_tiles(night, comparison),
            sections=_sections(comparison),
            drifts=[drift_sentence(each) for each in comparison.drifts[:_SHOWN]],
            drifts_more=len(comparison.drifts[_SHOWN:]),
            kinds=_where(night),
            slowest=sorted(night.results, key=lambda each: -each.seconds)[:_SLOWEST],
            matrix=_matrix(nights),
            trends=_trends(nights, comparison),
            facts=_facts(night),
            command=command,
            count=numbers.count,
            seconds=numbers.seconds,
            quantity=numbers.quantity,
            limit=numbers.limit,
        )
    )


def _outcome(night: Night, gate: Gate) -> str:
    broken = [f"{rule.name} {numbers.quantity(rule.value, rule.unit)}" for rule in gate.rules if rule.verdict != "pass"]
    if night.verdict == "aborted":
        return "The night was cut off before its end; what follows is what it found until then."
    if gate.verdict == "pass":
        return f"All {len(_judged(gate))} rules of the gate are kept."
    start = "The bench itself failed: the night proves too little. " if gate.verdict == "error" else ""
    return f"{start}Rules that are broken: {', '.join(broken)}."


def _judged(gate: Gate) -> list[object]:
    return [rule for rule in gate.rules if (rule.low, rule.high) != (None, None)]


def _tested(night: Night, comparison: Comparison) -> str:
    against = f"compared with night {comparison.against}" if comparison.against else "the first one on this topology"
    changed = ", whose topology file was another" if comparison.topology_changed else ""
    return f"Night of {night.started[:16].replace('T', ' ')} UTC on topology “{night.topology}”, {against}{changed}."


def _tiles(night: Night, comparison: Comparison) -> list[tuple[str, str]]:
    ran = [each for each in night.results if each.outcome != "skip"]
    return [
        ("tests ran", numbers.count(len(ran))),
        ("passed", numbers.count(sum(each.outcome == "pass" for each in ran))),
        ("places", numbers.count(len(night.places("rack")))),
        ("kinds of twins", numbers.count(len(night.places("twin")))),
        ("measurements", numbers.count(len(night.values))),
        ("drifted", numbers.count(len(comparison.drifts))),
    ]


def _sections(comparison: Comparison) -> list[tuple[str, str, list[TestChange], int]]:
    """Title, what it means, the tests, and how many more there are; empty ones are left out."""
    found = []
    for change, title, meaning in _SECTIONS:
        tests = sorted(comparison.of(change), key=lambda each: (each.nights, each.key))
        if tests:
            found.append((title, meaning, tests[:_SHOWN], len(tests[_SHOWN:])))
    return found


def _where(night: Night) -> list[tuple[str, str, dict[str, int], float]]:
    """Of each place and twin kind: kind, name, outcomes counted, seconds of its tests."""
    places: dict[tuple[str, str], list[Result]] = {}
    for result in night.results:
        places.setdefault((result.kind, result.place), []).append(result)
    rows = []
    for (kind, place), results in sorted(places.items()):
        counts = {"pass": 0, "fail": 0, "error": 0, "skip": 0}
        for each in results:
            counts[each.outcome if each.outcome in counts else "fail"] += 1
        rows.append((kind, place, counts, sum(each.seconds for each in results)))
    return rows


def _matrix(nights: Sequence[Night]) -> Markup:
    from bench.report.nights import matrix_picture  # matplotlib takes half a second: only who draws waits for it

    return Markup(matrix_picture(matrix_of(nights)))


def _trends(nights: Sequence[Night], comparison: Comparison) -> list[Markup]:
    """Measurements over the nights: what drifted first, then those that came nearest to a limit."""
    from bench.report.nights import trend_picture

    wanted = [SeriesKey(each.key, each.name, each.unit) for each in comparison.drifts if each.key]
    wanted += [series for _, series in sorted(_nearness(nights[0]), key=lambda each: (-each[0], each[1]))]
    chosen = list(dict.fromkeys(wanted))[:_TRENDS]
    if len(nights) < 2:
        return []
    return [Markup(trend_picture(trend_of(series, nights), f"trend{number}")) for number, series in enumerate(chosen)]


def _nearness(night: Night) -> list[tuple[float, SeriesKey]]:
    """How near each measurement came to one of two limits: 1 is on it."""
    found = []
    for value in night.values:
        if value.low is not None and value.high is not None and value.high > value.low:
            middle, half = (value.high + value.low) / 2, (value.high - value.low) / 2
            found.append((abs(value.value - middle) / half, value.series))
    return found


def _facts(night: Night) -> list[tuple[str, str]]:
    return [
        ("Night", night.night),
        ("Began, ended", f"{night.started} – {night.ended or 'not ended'}"),
        ("Topology SHA-256", night.topology_sha256),
        ("Commit of the bench", night.git or "not from a checkout with commits"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in night.environment.items())),
    ]
