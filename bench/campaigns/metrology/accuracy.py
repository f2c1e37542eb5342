"""The tests that need doses: errors, influences, starting current; and no load, which is a dose of nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from bench.campaigns.metrology.apparatus import OutOfReachError, Register
from bench.campaigns.metrology.dosage import Dose, give_dose
from bench.campaigns.metrology.plan import Case, parameter
from bench.campaigns.metrology.points import (
    Kind,
    Point,
    Rated,
    Stimulus,
    error_points,
    influence_points,
    no_load_point,
    no_load_seconds,
    reference_point,
    starting_point,
)
from bench.campaigns.metrology.session import Session, dosed, settings_of
from bench.campaigns.metrology.uncertainty import change_bound
from bench.report.numbers import seconds as duration

_Cases = list[tuple[Case, Point]]


def measure_errors(session: Session) -> None:
    """Every current and power factor."""
    for stimulus, cases in _by_stimulus(session.cases, error_points):
        _dose_and_judge(session, stimulus, cases, _judge_error)


def measure_influences(session: Session) -> None:
    """Errors with voltage and frequency off, against those at reference conditions, which are taken where missing."""
    missing = [
        (stimulus, [(case, point) for case, point in cases if (case.place, stimulus.factor) not in session.references])
        for stimulus, cases in _by_stimulus(session.cases, _references)
    ]
    for stimulus, cases in missing:
        if cases:
            _dose_and_judge(session, stimulus, cases, _keep_reference)
    for stimulus, cases in _by_stimulus(session.cases, influence_points):
        _dose_and_judge(session, stimulus, cases, _judge_influence)
    session.supply_rated()


def measure_starting(session: Session) -> None:
    """The starting current for as long as some counts take."""
    for stimulus, cases in _by_stimulus(session.cases, lambda rated: [starting_point(rated)]):
        _dose_and_judge(session, stimulus, cases, _judge_starting)


def measure_no_load(session: Session) -> None:
    """Raised voltage without current: the register moves by one count at most."""
    point = no_load_point(session.cases[0].rated)
    try:
        session.apparatus.supply(point.stimulus.volts, point.stimulus.hertz)
    except OutOfReachError as error:
        session.skip(session.cases, Kind.NO_LOAD, point.name, str(error))
        return
    session.apparatus.wait(session.pace.rest_s)
    before = session.registers(session.cases)
    shortest = {
        case.place: no_load_seconds(case.rated, before[case.place].resolution_wh)
        for case in session.cases
        if case.place in before
    }
    took = _stay_idle(session, list(shortest.values()))
    after = session.registers(session.cases)
    for case in session.cases:
        if case.place not in before or case.place not in after:
            _silent(session, case, point)
        elif shortest[case.place] > session.plan.longest_s:
            _too_slow(session, case, point, shortest[case.place])
        else:
            _judge_idle(session, case, point, before[case.place], after[case.place], took)
    session.supply_rated()


def _stay_idle(session: Session, shortest: list[float]) -> float:
    """Wait some times the longest of these times that there is time for; how long it was (s)."""
    longest = session.plan.longest_s
    possible = max((seconds for seconds in shortest if seconds <= longest), default=0.0)
    began = session.apparatus.now()
    session.apparatus.wait(min(possible * parameter("no_load_times"), longest))
    return session.apparatus.now() - began


def _judge_idle(session: Session, case: Case, point: Point, before: Register, after: Register, seconds: float) -> None:
    moved, count = after.since(before), before.resolution_wh
    row = session.judge(
        case, Kind.NO_LOAD, point.name, moved, low=0.0, high=count, seconds=seconds, meter_wh=moved,
        resolution_wh=count, **settings_of(point),
    )  # fmt: skip
    if row.verdict != "pass":
        session.idle_wh_per_h[case.place] = 3600 * (moved + count) / seconds


def _references(rated: Rated) -> list[Point]:
    factors = sorted({point.stimulus.factor for point in influence_points(rated)}, reverse=True)
    return [reference_point(rated, factor) for factor in factors]


def _by_stimulus(cases: Iterable[Case], points_of: Callable[[Rated], list[Point]]) -> list[tuple[Stimulus, _Cases]]:
    """The stimuli of some tests in the order of the first meter's points, each with all that it serves."""
    found: dict[Stimulus, _Cases] = {}
    for case in cases:
        for point in points_of(case.rated):
            found.setdefault(point.stimulus, []).append((case, point))
    return list(found.items())


def _dose_and_judge(
    session: Session, stimulus: Stimulus, cases: _Cases, judge: Callable[[Session, Case, Point, Dose], None]
) -> None:
    """One dose for all that want this stimulus; what cannot be had is said of each."""
    try:
        session.apparatus.supply(stimulus.volts, stimulus.hertz)
        session.apparatus.wait(session.pace.rest_s)
        read_at, before = session.apparatus.now(), session.registers(case for case, _ in cases)
        within = [
            (point, before[case.place].resolution_wh)
            for case, point in cases
            if case.place in before
            and _seconds_needed(session, case, point, before[case.place].resolution_wh, 0.0) <= session.plan.longest_s
        ]

        def needed(percent: float) -> float:
            return max((_energy(session, point, count, percent) for point, count in within), default=0.0)

        dose = give_dose(session.apparatus, before, read_at, stimulus, needed, session.pace)
    except OutOfReachError as error:
        for case, point in cases:
            session.skip([case], point.kind, point.name, str(error), **settings_of(point))
        return
    for case, point in cases:
        counted = dose.counted.get(case.place)
        if counted is None or counted.silent:
            _silent(session, case, point, counted.silent if counted else "")
            continue
        judge(session, case, point, dose)


def _energy(session: Session, point: Point, resolution_wh: float, percent: float) -> float:
    """Wh that a point takes with this register, when the analyser is off by ``percent`` at most."""
    if point.kind is Kind.STARTING:
        return parameter("starting_counts") * resolution_wh
    seen, bound = 0.0 if math.isnan(percent) else percent, session.plan.register_bound
    limits = []
    if point.kind is Kind.ERROR and math.isfinite(point.limit):
        limits.append(bound(point.limit, seen))
    if math.isfinite(point.change):  # told from two doses, and less of the analyser is in it
        limits.append(bound(point.change / 2, parameter("uncancelled") * seen))
    return 100 * resolution_wh / min(limits)


def _seconds_needed(session: Session, case: Case, point: Point, resolution_wh: float, percent: float) -> float:
    return 3600 * _energy(session, point, resolution_wh, percent) / point.stimulus.watts(case.rated.elements)


def _judge_error(session: Session, case: Case, point: Point, dose: Dose) -> None:
    if point.multiple == 1.0:
        _keep_reference(session, case, point, dose)
    _judge_dosed(session, case, point, dose, dose.error(case.place), _bound(session, case, dose))


def _keep_reference(session: Session, case: Case, point: Point, dose: Dose) -> None:
    session.references[case.place, point.stimulus.factor] = dose


def _judge_influence(session: Session, case: Case, point: Point, dose: Dose) -> None:
    reference, place = session.references.get((case.place, point.stimulus.factor)), case.place
    if reference is None:
        session.skip([case], point.kind, point.name, "no error under reference conditions to compare with")
        return
    bounds = _bound(session, case, dose), _bound(session, case, reference)
    bound = change_bound(bounds, (dose.percent, reference.percent), parameter("uncancelled"))
    _judge_dosed(session, case, point, dose, dose.error(place) - reference.error(place), bound)


def _bound(session: Session, case: Case, dose: Dose) -> float:
    return dose.bound(case.place, session.idle_wh_per_h.get(case.place, 0.0))


def _judge_dosed(session: Session, case: Case, point: Point, dose: Dose, value: float, bound: float) -> None:
    """A value within ± the limit of its point; when that proves nothing, how long a dose would have to be."""
    counted = dose.counted[case.place]
    needed = _seconds_needed(session, case, point, counted.resolution_wh, dose.percent)
    detail = _would_take(session, needed) if needed > session.plan.longest_s else ""
    session.judge(
        case, point.kind, point.name, value, bound=bound, low=-point.limit, high=point.limit, detail=detail,
        **settings_of(point), **dosed(dose, case.place),
    )  # fmt: skip


def _judge_starting(session: Session, case: Case, point: Point, dose: Dose) -> None:
    """What it registered in % of what flowed; one that does not start has registered nothing."""
    counted = dose.counted[case.place]
    needed = _seconds_needed(session, case, point, counted.resolution_wh, 0.0)
    if needed > session.plan.longest_s:
        _too_slow(session, case, point, needed, **dosed(dose, case.place))
        return
    value = dose.error(case.place) + 100
    session.judge(
        case, point.kind, point.name, value, bound=_bound(session, case, dose), **settings_of(point),
        **dosed(dose, case.place),
    )  # fmt: skip


def _silent(session: Session, case: Case, point: Point, why: str = "") -> None:
    detail = why or "the meter does not answer"
    session.add(case, point.kind, point.name, "inconclusive", detail=detail, **settings_of(point))


def _too_slow(session: Session, case: Case, point: Point, needed_s: float, **fields: float) -> None:
    detail = _would_take(session, needed_s)
    session.add(case, point.kind, point.name, "inconclusive", detail=detail, **settings_of(point), **fields)


def _would_take(session: Session, needed_s: float) -> str:
    plan = session.plan
    takes, allowed = duration(needed_s / plan.scale), duration(plan.longest_s / plan.scale)
    return f"takes {takes} with its register, and {allowed} are allowed"
