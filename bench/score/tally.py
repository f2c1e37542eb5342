"""The score: which defects were detected, which were missed, and which alarms were false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from bench.measure import Measurement, judge, load_limits
from bench.score.catalogue import Planted
from bench.score.run import Outcome

Standing: TypeAlias = Literal["detected", "missed", "no finder", "not planted", "bench error"]
"""*missed*: what should find it passed. *no finder*: nothing is named that should. *not planted*: the topology has
nothing to plant it in. All but *detected* count as missed."""


_OF_ALL: Final = frozenset({"planted_defects", "clean_nights"})
"""What says nothing of a score of some defects alone."""


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """A defect with what came of it; ``by`` found it, ``message`` is what that said."""

    name: str
    route: str
    requirement: str
    text: str
    standing: Standing
    by: tuple[str, ...] = ()
    message: str = ""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, or of some defects alone (``partial``: how many there are is not judged then).

    ``alarms`` are what did not pass on clean nights, ``worthless`` what does not pass on sound meters of the topology
    itself: it proves nothing and does not count as a detection.
    """

    partial: bool = False
    defects: tuple[Scored, ...]
    measurements: tuple[Measurement, ...]
    clean_nights: int
    alarms: dict[str, dict[str, str]]
    worthless: dict[str, str]
    errors: tuple[str, ...]
    seconds: float


def tally(
    planted: Sequence[Planted], outcomes: Mapping[str, Outcome], clean_nights: int, *, partial: bool = False
) -> Score:
    """Count."""
    worthless = {
        test: message for each in outcomes.values() if each.what == "control" for test, message in each.failed.items()
    }
    scored = [_scored(each, outcomes.get(f"defect {each.name}"), worthless) for each in planted]
    alarms = {each.name: each.failed for each in outcomes.values() if each.what == "clean" and each.failed}
    detected = sum(each.standing == "detected" for each in scored)
    values: dict[str, float | None] = {
        "planted_defects": len(scored),
        "detected_share": detected / len(scored) if scored else None,
        "clean_nights": clean_nights,
        "false_alarms": sum(map(len, alarms.values())),
        "worthless_tests": len(worthless),
    }
    names = values.keys() - (_OF_ALL if partial else ())
    return Score(
        partial=partial,
        defects=tuple(scored),
        measurements=tuple(each for each in judge(load_limits("score"), values) if each.name in names),
        clean_nights=clean_nights,
        alarms=alarms,
        worthless=worthless,
        errors=tuple(f"{each.name}: {error}" for each in outcomes.values() for error in each.errors),
        seconds=round(sum(each.seconds for each in outcomes.values()), 1),
    )


def _scored(planted: Planted, outcome: Outcome | None, worthless: Mapping[str, str]) -> Scored:
    standing: Standing
    by: tuple[str, ...] = ()
    message = ""
    if not planted.findable:
        standing = "no finder"
    elif outcome is None:
        standing = "not planted"
    else:
        found = {test: text for test, text in outcome.failed.items() if test not in worthless}
        by, message = tuple(found), next(iter(found.values()), "")
        standing = "detected" if found else "bench error" if outcome.errors else "missed"
        message = message or next(iter(outcome.errors), "")
    return Scored(
        name=planted.name,
        route=planted.route,
        requirement=planted.requirement,
        text=planted.text,
        standing=standing,
        by=by,
        message=message,
    )
