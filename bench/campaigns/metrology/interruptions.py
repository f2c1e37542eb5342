"""The tests that disturb the supply: start-up, a power cut (M11), dips and short interruptions.

Registers are read without load, so whatever they change by is the disturbance's doing; what a meter was seen to count
without load anyway is allowed for. Where time is scaled, a look at a meter takes minutes of it: how fast a meter comes
back cannot be told then, and is skipped, not passed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.campaigns.metrology.apparatus import NoAnswerError, OutOfReachError, Part, Register
from bench.campaigns.metrology.dosage import give_dose
from bench.campaigns.metrology.plan import Case, parameter
from bench.campaigns.metrology.points import TESTS, Kind, Stimulus
from bench.campaigns.metrology.session import Session
from bench.campaigns.metrology.tables import Dip, tables
from protocols.slots import SLOT_SECONDS

_ROWS_SPAN = 6 * 3600
_LOOK_S = 0.2  # between looks at a meter that does not answer


@dataclass(frozen=True, slots=True)
class _Return:
    """When a meter was last asked in vain and when it had answered, in s since the voltage was back; NaN for never."""

    silent_s: float = 0.0
    answered_s: float = math.nan


def bring_up(session: Session, *, judged: bool) -> None:
    """Rated voltage; then, if wanted, how fast meters come up from nothing: once it is known how they are read best.

    A meter that does not come up fails, and is left out of all further tests.
    """
    session.supply_rated()
    _judge_return(session, "rated voltage", _await_answers(session), timed=False)
    if judged and session.cases:
        session.apparatus.cut()
        session.apparatus.wait(parameter("cut_seconds"))
        session.supply_rated()
        _judge_return(session, "from no voltage", _await_answers(session))


def measure_power_cut(session: Session) -> None:
    """Something to forget, then the supply cut: registers as before, the failure counted, rows kept."""
    session.supply_rated()
    point = "supply cut"
    try:
        _count_something(session)
    except OutOfReachError as error:
        for kind in TESTS["power-cut"]:
            session.skip(session.cases, kind, point, str(error))
        return
    known = {case.place: _rows(session, case) for case in session.cases}
    failures = {case.place: session.power_failures(case) for case in session.cases}
    before, began = session.registers(session.cases), session.apparatus.now()
    session.apparatus.cut()
    session.apparatus.wait(parameter("cut_seconds"))
    session.supply_rated()
    returned = _await_answers(session)
    after, took = session.registers(session.cases), session.apparatus.now() - began
    for case in session.cases:
        _judge_register(session, case, Kind.CUT_REGISTER, point, before.get(case.place), after.get(case.place), took)
        _judge_failures(session, case, Kind.CUT_FAILURES, point, failures[case.place])
        _judge_rows(session, case, point, known[case.place])
    _judge_return(session, "after a power cut", returned)


def _count_something(session: Session) -> None:
    """Some counts on every register, so that there is something to forget."""
    read_at, before = session.apparatus.now(), session.registers(session.cases)
    wanted = parameter("cut_counts") * max((register.resolution_wh for register in before.values()), default=0.0)
    amps = parameter("cut_current") * session.group.cases[0].rated.amps
    stimulus = Stimulus(session.volts, session.hertz, amps)
    give_dose(session.apparatus, before, read_at, stimulus, lambda percent: wanted, session.pace)


def measure_dips(session: Session) -> None:
    """Every dip of the environment's class, without current."""
    session.supply_rated()
    for dip in tables().dips:
        if session.plan.settings.dip_class in dip.classes:
            _measure_dip(session, dip)


def _measure_dip(session: Session, dip: Dip) -> None:
    failures = {case.place: session.power_failures(case) for case in session.cases}
    before, began = session.registers(session.cases), session.apparatus.now()
    once = (Part(dip.volts * session.volts, dip.lasts(session.hertz)), Part(session.volts, dip.pause_s))
    try:
        session.apparatus.play(once * dip.times, session.hertz)
    except OutOfReachError as error:
        session.skip(session.cases, Kind.DIP_REGISTER, dip.name, str(error))
        if not dip.reboot:
            session.skip(session.cases, Kind.DIP_RESTARTS, dip.name, str(error))
        return
    returned = _await_answers(session)
    after, took = session.registers(session.cases), session.apparatus.now() - began
    for case in session.cases:
        _judge_register(session, case, Kind.DIP_REGISTER, dip.name, before.get(case.place), after.get(case.place), took)
        if not dip.reboot:
            _judge_failures(session, case, Kind.DIP_RESTARTS, dip.name, failures[case.place])
    _judge_return(session, f"after {dip.name}", returned)


def _await_answers(session: Session) -> dict[str, _Return]:
    """Ask all meters in turn until they answer or patience ends; the voltage came back just now."""
    apparatus, since = session.apparatus, session.apparatus.now()
    returned = {case.place: _Return() for case in session.cases}
    # Patience is of real seconds: where time is scaled, it would be over before a reader has connected anew.
    patience = parameter("patience") * session.plan.scale
    waiting = list(returned)
    while waiting:
        for place in list(waiting):
            asked = apparatus.now()
            try:
                apparatus.register(place)
            except NoAnswerError:
                returned[place] = _Return(asked - since)
            else:
                returned[place] = _Return(returned[place].silent_s, apparatus.now() - since)
                waiting.remove(place)
        if apparatus.now() - since > patience:
            break
        if waiting:
            apparatus.wait(_LOOK_S * session.plan.scale)
    return returned


def _judge_return(session: Session, point: str, returned: dict[str, _Return], *, timed: bool = True) -> None:
    """Within the time allowed, or later, or not to be told.

    One that never comes back fails whatever the clock, and is left out of all further tests.
    """
    allowed = parameter("start_up")
    for case in list(session.cases):
        back = returned[case.place]
        if math.isnan(back.answered_s):
            session.cases.remove(case)
            detail = f"no answer within {parameter('patience'):g} s; nothing more was tested"
            session.add(case, Kind.START_UP, point, "fail", high=allowed, detail=detail)
        elif not timed:
            continue
        elif back.silent_s <= allowed < back.answered_s:
            detail = f"between {back.silent_s:.3g} s and {back.answered_s:.3g} s: asking takes too long to tell"
            session.skip([case], Kind.START_UP, point, detail)
        else:
            value = back.silent_s if back.silent_s > allowed else back.answered_s
            session.judge(case, Kind.START_UP, point, value)


def _judge_register(
    session: Session,
    case: Case,
    kind: Kind,
    point: str,
    before: Register | None,
    after: Register | None,
    seconds: float,
) -> None:
    """The register as before: within ``x`` across dips, and across a cut not even a count below.

    Upwards, what the meter counts without load anyway is allowed for.
    """
    if before is None or after is None:
        session.add(case, kind, point, "inconclusive", detail="the meter does not answer")
        return
    moved, count, most = after.since(before), before.resolution_wh, case.rated.register_change_wh
    high = most + session.idle_wh(case.place, seconds)
    if kind is Kind.CUT_REGISTER:
        low, high, bound = 0.0, max(high, count), 0.0  # what it shows must not fall, however coarse it is
    else:
        low, bound = -most, count
    session.judge(
        case, kind, point, moved, bound=bound, low=low, high=high, meter_wh=moved, resolution_wh=count, seconds=seconds
    )


def _judge_failures(session: Session, case: Case, kind: Kind, point: str, before: int | None) -> None:
    after = session.power_failures(case)
    if before is None or after is None:
        session.skip([case], kind, point, "its count of power failures cannot be read")
    else:
        session.judge(case, kind, point, float(after - before))


def _rows(session: Session, case: Case) -> dict[int, float] | str:
    now = session.apparatus.now()
    try:
        return session.apparatus.rows(case.place, now - _ROWS_SPAN, now)
    except NoAnswerError as error:
        return str(error)


def _judge_rows(session: Session, case: Case, point: str, known: dict[int, float] | str) -> None:
    """Every row that was there is there still, and says the same."""
    if isinstance(known, str) or not known:
        why = known if isinstance(known, str) else f"it had no row of {SLOT_SECONDS // 60} min yet"
        session.skip([case], Kind.CUT_ROWS, point, why)
        return
    try:
        kept = session.apparatus.rows(case.place, min(known), max(known))
    except NoAnswerError as error:
        session.add(case, Kind.CUT_ROWS, point, "inconclusive", detail=str(error))
        return
    lost = [end for end, register in known.items() if kept.get(end) != register]
    session.judge(case, Kind.CUT_ROWS, point, float(len(lost)), detail=f"of {len(known)} rows")
