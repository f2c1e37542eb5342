"""From rows to measurements: one a kind that names its worst point, and one more for every other place that breaks it.

So the list stays as long as the table of limits on a healthy rack, and on a sick one every place that does not pass is
named with the point at which it is worst.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.campaigns.metrology.points import Kind
from bench.campaigns.metrology.record import Findings, Row
from bench.measure import Limit, Measurement, Verdict, load_limits

_NOT_PROVED = "nothing was measured for it"


def measurements(findings: Findings) -> list[Measurement]:
    """All that the findings prove, kind by kind; what was to be found out and was not is *inconclusive*.

    A kind without a single row that was measured proves nothing; rows that this rack cannot reach do not count, they
    stand in the table.
    """
    limits = load_limits("metrology")
    return [
        measurement
        for kind in findings.kinds
        for measurement in _of_kind(kind, limits[kind], [row for row in findings.rows if row.kind == kind])
    ]


def _of_kind(kind: Kind, limit: Limit, rows: list[Row]) -> list[Measurement]:
    places: dict[str, list[Row]] = {}
    for row in rows:
        if row.verdict != "skipped":
            places.setdefault(row.place, []).append(row)
    if not places:
        return [] if rows and _all_untellable(kind, rows) else [_unproved(kind, limit)]
    worst = sorted((worst_of(found) for found in places.values()), key=severity, reverse=True)
    told = [row for row in worst if row.verdict != "pass"] or worst[:1]
    return [_measurement(kind, limit, row) for row in told]


def _all_untellable(kind: Kind, rows: list[Row]) -> bool:
    """Start-up on scaled time: meters came back, only not how fast. That is the clock's doing, and nobody's failure."""
    return kind is Kind.START_UP and all(row.verdict == "skipped" for row in rows)


def worst_of(rows: Iterable[Row]) -> Row:
    """The row with the most severe verdict, of those the one that is farthest towards or beyond its limit."""
    return max(rows, key=severity)


def severity(row: Row) -> tuple[Verdict, float]:
    """What orders rows: verdict, then how much of its limit a value uses up (1 is all of it)."""
    return Verdict.PASS if row.verdict == "skipped" else Verdict[row.verdict.upper()], used(row)


def used(row: Row) -> float:
    """The part of the nearest limit that a value uses up; -infinity without value or limit."""
    parts = [-math.inf]
    if row.high is not None and math.isfinite(row.high):
        parts.append(row.value / row.high if row.high > 0 else row.value)
    if row.low is not None and math.isfinite(row.low):
        parts.append(row.value / row.low if row.low < 0 else row.low - row.value)
    return max(part for part in parts if not math.isnan(part))


def _measurement(kind: Kind, limit: Limit, row: Row) -> Measurement:
    known = f"; known to ±{row.bound:.2g} {limit.unit}" if 0 < row.bound < math.inf else ""
    return Measurement(
        name=kind,
        value=None if math.isnan(row.value) else row.value,
        unit=limit.unit,
        low=row.low,
        high=row.high,
        verdict=row.verdict,
        requirements=limit.requirements,
        doc=f"{limit.doc}{known}{f'; {row.detail}' if row.detail else ''}",
        source=limit.source,
        place=row.place,
        point=row.point,
    )


def _unproved(kind: Kind, limit: Limit) -> Measurement:
    return Measurement(
        name=kind,
        value=None,
        unit=limit.unit,
        low=limit.low,
        high=limit.high,
        verdict=str(Verdict.INCONCLUSIVE),
        requirements=limit.requirements,
        doc=f"{limit.doc}; {_NOT_PROVED}",
        source=limit.source,
    )
