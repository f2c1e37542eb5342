"""The sentences of a report: what was tested, on what, and how it came out. Nothing is claimed that was not counted."""

from __future__ import annotations

from bench.measure import Measurement
from bench.record.model import RunRecord, Unrecovered
from bench.report import numbers
from bench.report.figures import Figures
from protocols.slots import SLOT_SECONDS, jst, slot_end

HEADLINES = {
    "pass": "Pass",
    "inconclusive": "Inconclusive",
    "fail": "Fail",
    "aborted": "Aborted",
    "error": "Bench error",
    "running": "Running",
    "interrupted": "Interrupted",
    "unjudged": "Not judged",
}
FIELD_ALONE = ("five-minute", "capacity")
"""Campaigns that simulate the field and exchange no messages."""

SYMBOLS = {"pass": "✓", "inconclusive": "?", "fail": "✗", "aborted": "■", "error": "!"}


def standing(record: RunRecord, state: str) -> str:
    """Key of :data:`HEADLINES` for a run: its verdict, or why there is none."""
    if record.verdict in HEADLINES:
        return str(record.verdict)
    return state if state in HEADLINES else "unjudged"


def tested(record: RunRecord, figures: Figures | None) -> str:
    """One sentence: what was done on what."""
    start = f"Campaign “{record.campaign}” on topology “{record.name}”"
    if record.campaign == "metrology":
        emulated = ", which is emulated" if record.summary.get("emulated") else ""
        measured = f"{_several(record.summary.get('points', 0), 'point')} at "
        return (
            f"{start}: {measured}{_several(record.summary.get('places_measured', 0), 'place')} of its rack{emulated}."
        )
    if "tested" in record.summary:
        return f"{start}: {record.summary['tested']}."
    if figures is None:
        return f"{start}; the record does not say which values were due."
    window = figures.window
    first, last = jst(window.first_slot * SLOT_SECONDS), jst(slot_end(window.first_slot + window.slots - 1))
    return (
        f"{start}: {_several(window.slots, 'half-hourly reading')} of each {meters_of(record)}, "
        f"from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} (simulated time, JST)."
    )


def outcome(record: RunRecord, figures: Figures | None, state: str) -> str:
    """One or two sentences: how it came out, in values and then in limits."""
    values = _values(figures, meters_of(record))
    return " ".join(part for part in (values, _limits(record, standing(record, state))) if part)


def shortfalls(record: RunRecord) -> list[str]:
    """One sentence for each measurement that did not pass."""
    return [_shortfall(item) for item in record.measurements if item.verdict != "pass"]


def missing_slots(item: Unrecovered) -> str:
    """Which intervals of a meter were given up: their number, and from when to when (JST)."""
    if not item.slots:
        return "0 values"
    first, last = jst(min(item.slots) * SLOT_SECONDS), jst(slot_end(max(item.slots)))
    return f"{_several(len(item.slots), 'value')} between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M}"


def meters_of(record: RunRecord) -> str:
    """What to call a meter of this run: a twin, where there were no others."""
    return "meter" if record.summary.get("places") else "meter twin"


def _values(figures: Figures | None, noun: str) -> str:
    if figures is None:
        return ""
    window, stored, on_time = figures.window, figures.stored, figures.on_time
    values = f"{numbers.count(window.due)} values of {_several(window.meters, noun)}"
    minutes = f"{window.on_time_seconds // 60} minutes"
    if not stored:
        return f"None of the {values} is stored."
    if stored == window.due == on_time:
        return f"All {values} are stored, each within {minutes} of the end of its interval."
    late = f"{_part(stored - on_time, window.due)} came later than {minutes} after the end of their interval"
    if stored == window.due:
        return f"All {values} are stored, but {late}."
    missing = f"Of {values}, {_part(window.due - stored, window.due)} are missing"
    return f"{missing}, and {late}." if stored > on_time else f"{missing}; the others came within {minutes}."


def _limits(record: RunRecord, key: str) -> str:
    judged = [item for item in record.measurements if item.low is not None or item.high is not None]
    broken = [item.name for item in record.measurements if item.verdict != "pass"]
    if key == "pass":
        return f"Limits kept: {len(judged)} of {len(judged)}." if judged else ""
    if key == "fail":
        return f"Not kept: {', '.join(broken)}." if broken else ""
    if key == "inconclusive":
        return (
            f"The meters and the head-end broke no limit, but the run does not prove it: {', '.join(broken)}."
            if broken
            else "The run proves nothing either way."
        )
    if key == "error":
        last = f"Last event: {record.events[-1].what}" if record.events else ""
        why = record.reason or last
        return f"The bench itself failed; this says nothing about the meters.{f' {why}.' if why else ''}"
    return {
        "aborted": "The run was stopped before its end: what follows is what was stored until then.",
        "running": "The run has not ended: what follows is what was stored when this page was made.",
        "interrupted": "The bench's process is gone without having ended the run: what follows is what was stored.",
    }.get(key, "The run has ended without a verdict.")


def _shortfall(item: Measurement) -> str:
    where = f" at {item.place}" if item.place else ""
    where += f", {item.point}," if item.point else ""
    if item.value is None:
        return f"{item.name}{where} was not measured; what is not measured does not pass. ({item.doc})"
    found = numbers.quantity(item.value, item.unit)
    return f"{item.name}{where} is {found}, must be {numbers.limit(item)}. ({item.doc})"


def _part(number: int, whole: int) -> str:
    return f"{numbers.count(number)} ({numbers.share(number / whole)})"


def _several(number: int, noun: str) -> str:
    return f"{numbers.count(number)} {noun}" + ("" if number == 1 else "s")
