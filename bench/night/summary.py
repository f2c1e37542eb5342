"""A night in Markdown, for chat and mail: the verdict first, then what somebody has to look at, then what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from bench.night.compare import Change, Comparison, TestChange
from bench.night.gate import Gate
from bench.night.model import Night
from bench.night.series import Drift
from bench.report import numbers

_HEADLINES = {"pass": "✓ Pass", "fail": "✗ Fail", "error": "! Bench error"}
_SHOWN = 10  # more are counted: a message in a chat is read on a telephone

Item = TypeVar("Item")


def markdown(night: Night, comparison: Comparison, gate: Gate) -> str:
    """The summary; every list is cut at ten and says how many more there are."""
    lines = [f"**{_HEADLINES[gate.verdict]}** · night `{night.night}` · topology {night.topology}", "", _counts(night)]
    if comparison.against is None:
        lines += ["", "There is no night before it to compare with."]
    else:
        changed = ", whose topology file was another" if comparison.topology_changed else ""
        lines += ["", f"Compared with night `{comparison.against}`{changed}."]
    if broken := [rule for rule in gate.rules if rule.verdict != "pass"]:
        told = ", ".join(f"{rule.name} {numbers.quantity(rule.value, rule.unit)}" for rule in broken)
        lines += ["", f"Rules that are broken: {told}."]
    new = [each for each in gate.failures if each.change is Change.NEW_FAILURE]
    still = [each for each in gate.failures if each.change is Change.STILL_FAILING]
    lines += _list("New failures", new, _failure)
    lines += _list("Still failing", still, _still)
    lines += _list("The bench's own errors", gate.bench_errors, _plain)
    lines += _list("Missing", gate.missing, _failure)
    lines += _list("Drifted", _together(gate.drifts), str)
    lines += _list("Quarantines that are over", gate.expired, lambda entry: f"{_code(entry.what)}, {entry.owner}")
    lines += _list("Fixed", comparison.of(Change.FIXED), _name)
    lines += _list("Flaky", comparison.of(Change.FLAKY), _name)
    if gate.looked_away:
        lines += ["", f"A quarantine covers {_several(len(gate.looked_away), 'finding')}."]
    lines += [f"Note: {_plain(problem)}" for problem in comparison.problems]
    return "\n".join(lines) + "\n"


def drift_sentence(drift: Drift) -> str:
    """A drift in one line: what, where, from where to where, and against what that is much."""
    lasting = f", for {drift.nights} nights" if drift.nights > 1 else ""
    return (
        f"{_code(drift.name)} of {_code(drift.test)} at {drift.place} ({drift.kind}): "
        f"{drift.moved:+.4g} {drift.unit} to {drift.value:.6g}, usual is up to {drift.threshold:.3g} "
        f"around {drift.centre:.6g} ({_several(drift.compared, 'night')}){lasting}"
    )


def _together(drifts: Sequence[Drift]) -> list[str]:
    """Drifts in lines, those of one test at one place in one: a gain that drifts shows at every point."""
    groups: dict[tuple[str, ...], list[Drift]] = defaultdict(list)
    for each in drifts:
        groups[each.name, each.unit, each.test.partition("[")[0], each.place, each.kind].append(each)
    lines = []
    for (name, unit, test, place, kind), group in groups.items():
        if len(group) == 1:
            lines.append(drift_sentence(group[0]))
        else:
            moved = sorted(each.moved for each in group)
            where = f"{_code(name)} of {_code(test)} at {place} ({kind}), {len(group)} points"
            lines.append(f"{where}: {moved[0]:+.3g} to {moved[-1]:+.3g} {unit}")
    return lines


def _counts(night: Night) -> str:
    ran = [each for each in night.results if each.outcome != "skip"]
    passed = sum(each.outcome == "pass" for each in ran)
    skipped = len(night.results) - len(ran)
    places, kinds = len(night.places("rack")), len(night.places("twin"))
    return (
        f"{numbers.count(passed)} of {_several(len(ran), 'test')} passed at {_several(places, 'place')} and "
        f"{_several(kinds, 'kind')} of twins; "
        f"{numbers.count(skipped)} skipped."
    )


def _list(title: str, items: Sequence[Item], told: Callable[[Item], str]) -> list[str]:
    if not items:
        return []
    more = [f"- and {numbers.count(len(items) - _SHOWN)} more"] if len(items) > _SHOWN else []
    return [
        "",
        f"**{title}** ({numbers.count(len(items))})",
        "",
        *(f"- {told(item)}" for item in items[:_SHOWN]),
        *more,
    ]


def _name(change: TestChange) -> str:
    return f"{_code(change.test)} at {change.place} ({change.kind})"


def _failure(change: TestChange) -> str:
    why = f": {_plain(change.message)}" if change.message else ""
    ids = f" [{' '.join(change.requirements)}]" if change.requirements else ""
    return f"{_name(change)}{ids}{why}{', unsteady' if change.unsteady else ''}"


def _still(change: TestChange) -> str:
    return f"{_failure(change)}, {_several(change.nights, 'night')} since `{change.since}`"


def _code(text: str) -> str:
    return "`" + text.replace("`", "'") + "`"


def _plain(text: str) -> str:
    """A message as one line that Markdown leaves alone."""
    return "".join(f"\\{each}" if each in "\\`*[]<>#|" else each for each in " ".join(text.split()))[:300]


def _several(number: int, noun: str) -> str:
    return f"{numbers.count(number)} {noun}" + ("" if number == 1 else "s")
