"""Places and twins side by side: the same counts of both, told apart by a label."""

from __future__ import annotations

from dataclasses import dataclass

from bench.record.model import RunRecord
from bench.report.figures import Figures


@dataclass(frozen=True)
class Side:
    """A meter in a place, or all twins together: ``due`` values, and how many of them are there, in time, unasked.

    ``differences`` counts stored values that the meter itself shows otherwise; None where it was not asked.
    """

    name: str
    meter: str
    kind: str
    due: int
    stored: int
    on_time: int
    by_itself: int
    differences: int | None = None


def sides(record: RunRecord, figures: Figures | None) -> list[Side]:
    """The places of a run, then its twins; empty for a run without places."""
    places = [
        Side(
            each["place"],
            each["meter"],
            f"{'emulated' if each['emulated'] else 'real'} {each['meter_class']} meter",
            *(each[name] for name in ("due", "stored", "on_time", "by_itself", "differences")),
        )
        for each in record.summary.get("places", ())
    ]
    if not places or figures is None:
        return places
    window, asked = figures.window, int(figures.delays.asked.sum())
    twins = window.meters - len(places)
    if twins:
        counts = (window.due, figures.stored, figures.on_time, figures.stored - asked)
        held = [sum(side) for side in zip(*((p.due, p.stored, p.on_time, p.by_itself) for p in places), strict=True)]
        places.append(
            Side("twins", f"{twins:,}", "software twins", *(a - b for a, b in zip(counts, held, strict=True)))
        )
    return places
