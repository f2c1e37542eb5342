"""The gate: does this night pass? Rules are limits (``limits/night.toml``, or a lab's own), judged as measurements are.

The product's faults and the bench's own are told apart: a broken rule about the bench makes the verdict *error*, which
says that the night proves too little, whatever the tests say.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.measure import Limit, Measurement, Verdict, judge, load_limits, worst
from bench.night.compare import Change, Comparison, TestChange
from bench.night.model import Key, Night, day_of
from bench.night.quarantine import Entry, covering
from bench.night.series import Drift
from bench.topology.problems import nearest


class LookedAway(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that a quarantine kept from the gate."""

    entry: Entry
    test: str
    kind: str
    place: str
    what: str


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A night judged: its verdict (pass, fail, error) and every rule with its value; then what stands behind them.

    ``failures`` (new and still failing), ``missing`` and ``drifts`` are those that count; ``bench_errors`` are
    sentences; ``expired`` are quarantines that were over; ``looked_away`` is what others covered.
    """

    night: str
    verdict: str
    rules: tuple[Measurement, ...]
    failures: tuple[TestChange, ...]
    missing: tuple[TestChange, ...]
    drifts: tuple[Drift, ...]
    bench_errors: tuple[str, ...]
    expired: tuple[Entry, ...]
    looked_away: tuple[LookedAway, ...]


def gate(night: Night, comparison: Comparison, quarantine: Sequence[Entry], rules: Mapping[str, Limit]) -> Gate:
    """Judge a night, compared with those before it, by rules; quarantines count by the day on which it began."""
    day = day_of(night)
    away: list[LookedAway] = []

    def counts(key: Key, what: str) -> bool:
        entry = covering(quarantine, key, day)
        if entry is not None:
            away.append(LookedAway(entry=entry, test=key.test, kind=key.kind, place=key.place, what=what))
        return entry is None

    retired = {incident.place for incident in night.incidents if incident.retired}
    failures = [
        each for each in comparison.of(Change.NEW_FAILURE, Change.STILL_FAILING) if counts(each.key, each.change)
    ]
    missing = [
        each
        for each in comparison.of(Change.MISSING)
        if not (each.kind == "rack" and each.place in retired) and counts(each.key, each.change)
    ]
    drifts = [each for each in comparison.drifts if not each.better and counts(each.key, f"drift of {each.name}")]
    errors = _bench_errors(night, comparison)
    expired = [entry for entry in quarantine if day > entry.expires]
    judged = [
        _as_error(rule) if rule.verdict == "inconclusive" else rule
        for rule in judge(
            rules,
            {
                **_facts(night),
                "new_failures": sum(each.change is Change.NEW_FAILURE for each in failures),
                "still_failing": sum(each.change is Change.STILL_FAILING for each in failures),
                "missing_tests": len(missing),
                "drifts": len(drifts),
                "expired_quarantines": len(expired),
                "bench_errors": len(errors),
                "flaky_tests": len(comparison.of(Change.FLAKY)),
                "looked_away": len(away),
            },
        )
    ]
    return Gate(
        night=night.night,
        verdict=str(worst(rule.verdict for rule in judged)),
        rules=tuple(judged),
        failures=tuple(failures),
        missing=tuple(missing),
        drifts=tuple(drifts),
        bench_errors=tuple(errors),
        expired=tuple(expired),
        looked_away=tuple(away),
    )


def load_rules(path: Path | None = None) -> dict[str, Limit]:
    """The rules that ship, with a lab's own limits in their places: TOML tables ``[executed_tests]`` with ``low`` or
    ``high``, a number, or ``"none"`` for no limit.

    Raises InputError when the file does not fit.
    """
    rules = load_limits("night")
    if path is None:
        return rules
    try:
        own = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a file of rules") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}; write [rule] and, below it, low = or high =") from error
    for name, table in own.items():
        if name not in rules:
            raise InputError(f"{path}: {name} is not a rule; {nearest(name, list(rules))}")
        if not isinstance(table, dict) or not table or table.keys() - {"low", "high"}:
            raise InputError(f"{path}: [{name}] sets something else than a limit; give low, high or both")
        limits = {side: _number(path, f"{name}.{side}", value) for side, value in table.items()}
        source = f"{path.name}, instead of: {rules[name].source}"
        rules[name] = msgspec.structs.replace(rules[name], **limits, source=source)
    return rules


def _number(path: Path, where: str, value: object) -> float | None:
    if value == "none":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise InputError(f'{path}: {where}: {value!r} is not a number; give one, or "none"')
    return float(value)


def _facts(night: Night) -> dict[str, float | None]:
    """What the night itself tells, without any other."""
    executed = [result for result in night.results if result.outcome != "skip"]
    passed = sum(result.outcome == "pass" for result in executed)
    return {
        "executed_tests": len(executed),
        "places": len({result.place for result in executed if result.kind == "rack"}),
        "pass_share": passed / len(executed) if executed else 0.0,
    }


def _bench_errors(night: Night, comparison: Comparison) -> list[str]:
    tests = [f"{each.key}: {each.message or 'bench error'}" for each in comparison.of(Change.BENCH_ERROR)]
    cut = ["bench: the night was cut off before its end"] if night.verdict == "aborted" else []
    return (
        tests
        + cut
        + [
            f"{incident.place or 'bench'}: {incident.what}" + (", place retired" if incident.retired else "")
            for incident in night.incidents
        ]
    )


def _as_error(rule: Measurement) -> Measurement:
    """A rule about the bench that is broken is the bench's error."""
    return msgspec.structs.replace(rule, verdict=str(Verdict.ERROR))
