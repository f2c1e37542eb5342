"""All tests on meters in the world's physics: the hidden truth is what is measured, each defect found where it is."""

from __future__ import annotations

import math

import pytest

from bench.campaigns.metrology import Findings, Row, measure, measurements
from bench.campaigns.metrology.apparatus import Register
from bench.campaigns.metrology.points import Kind, Rated
from bench.campaigns.metrology.session import Session
from tests.bench.campaigns.metrology.virtual import COARSE, VirtualApparatus, group, plan, rated
from twins.rack.world.hidden import Hidden

HEALTHY = {
    "good": Hidden(),
    "fast": Hidden(gain_percent=0.2, phase_deg=-0.05, per_volt_percent=0.005),
    "slow": Hidden(gain_percent=-0.2, phase_deg=0.05, per_hertz_percent=0.01),
}
HV_RATINGS = {"volts": 63.5, "amps": 5.0, "amps_max": 6.0, "connection": "transformer"}
HV = rated(3, **HV_RATINGS)
PRECISE = {
    "fast": Hidden(gain_percent=0.1, phase_deg=0.03, per_volt_percent=0.002),
    "slow": Hidden(gain_percent=-0.1, phase_deg=-0.03, per_hertz_percent=0.005),
}


def campaign(hidden: dict[str, Hidden], of: Rated, **how: object) -> tuple[VirtualApparatus, Session]:
    apparatus = VirtualApparatus(hidden, of, **how)  # type: ignore[arg-type]
    return apparatus, measure(apparatus, group(of, *hidden), plan(), lambda _: None)


def not_passed(rows: list[Row], place: str) -> set[tuple[str, str]]:
    return {(row.kind, row.verdict) for row in rows if row.place == place and row.verdict not in ("pass", "skipped")}


@pytest.mark.parametrize(
    ("of", "hidden"),
    [
        (rated(1), HEALTHY),
        (rated(2), HEALTHY),
        (rated(2, accuracy="2"), HEALTHY),
        (HV, HEALTHY),
        (rated(3, **HV_RATINGS | {"accuracy": "0.5S"}), PRECISE),
    ],
    ids=["1P2W", "1P3W", "class 2", "HV", "HV class 0.5S"],
)
def test_healthy_meters_pass_and_what_is_measured_is_their_hidden_error(of: Rated, hidden: dict[str, Hidden]) -> None:
    apparatus, session = campaign(hidden, of)
    assert {row.verdict for row in session.rows} <= {"pass", "skipped"}
    errors = [row for row in session.rows if row.kind == Kind.ERROR and row.verdict == "pass"]
    assert len(errors) >= 7 * len(hidden)
    for row in errors:
        truth = apparatus.truth[row.volts, row.hertz, row.amps, row.power_factor][row.place]
        assert abs(row.value - truth) < 0.05, row
        assert abs(row.value - truth) <= row.bound
    assert all(m.verdict == "pass" for m in measurements(Findings(kinds=plan().kinds, rows=session.rows)))


def test_each_defect_fails_at_the_right_points_and_nowhere_else() -> None:
    hidden = HEALTHY | {
        "gain": Hidden(gain_percent=1.5),
        "phase": Hidden(phase_deg=3.0),
        "creeps": Hidden(creep_w=2.0),
        "forgets": Hidden(forgets=True),
        "dead": Hidden(starting_a=0.06),
        "volts": Hidden(per_volt_percent=0.15),
        "hertz": Hidden(per_hertz_percent=0.6),
    }
    _, session = campaign(hidden, rated(2))
    rows = session.rows
    for place in HEALTHY:
        assert not_passed(rows, place) == set()
    fails = {place: {row.kind for row in rows if row.place == place and row.verdict == "fail"} for place in hidden}
    assert fails["gain"] == {Kind.ERROR}
    assert fails["phase"] == {Kind.ERROR}
    assert fails["creeps"] == {Kind.NO_LOAD}
    assert fails["forgets"] == {Kind.CUT_REGISTER}
    assert fails["dead"] == {Kind.STARTING}
    assert fails["volts"] == {Kind.VOLTAGE}
    assert fails["hertz"] == {Kind.FREQUENCY}
    phase = [row for row in rows if row.place == "phase" and row.kind == Kind.ERROR and row.verdict == "fail"]
    assert {row.power_factor for row in phase} == {0.5, -0.8}
    gain = [row for row in rows if row.place == "gain" and row.kind == Kind.ERROR and row.verdict == "fail"]
    assert {1.0, 0.5, -0.8} == {row.power_factor for row in gain}

    found = measurements(Findings(kinds=plan().kinds, rows=rows))
    failed = {(m.name, m.place): m for m in found if m.verdict == "fail"}
    assert failed.keys() == {
        (Kind.ERROR, "gain"), (Kind.ERROR, "phase"), (Kind.NO_LOAD, "creeps"), (Kind.CUT_REGISTER, "forgets"),
        (Kind.STARTING, "dead"), (Kind.VOLTAGE, "volts"), (Kind.FREQUENCY, "hertz"),
    }  # fmt: skip
    worst = failed[Kind.ERROR, "phase"]
    assert worst.point is not None and worst.point.endswith("0.5 ind")
    assert worst.value == pytest.approx(-9.2, abs=0.1)
    assert {m.name for m in found} == set(plan().kinds), "each kind is told of, failed or not"


def test_a_meter_that_restarts_where_it_should_not_is_found() -> None:
    apparatus = VirtualApparatus({"a": Hidden()}, rated(2))
    meter = apparatus.meters["a"]
    meter.spec = type(meter.spec)(name="a", wiring="1P3W", minimum_part=0.75)
    session = measure(apparatus, group(rated(2), "a"), plan(tests=("dips",)), lambda _: None)
    failed = [row for row in session.rows if row.verdict == "fail"]
    assert [(row.kind, row.point) for row in failed] == [(Kind.DIP_RESTARTS, "61000-4-11, 70 %, 25/30 cycles")]


def test_a_meter_that_comes_up_too_late_is_found_where_time_can_be_told() -> None:
    apparatus = VirtualApparatus({"a": Hidden()}, rated(2))
    apparatus.meters["a"].spec = type(apparatus.meters["a"].spec)(name="a", wiring="1P3W", boot_s=8.0)
    session = measure(apparatus, group(rated(2), "a"), plan(1.0, tests=("start-up",)), lambda _: None)
    (row,) = session.rows
    assert (row.kind, row.verdict) == (Kind.START_UP, "fail")
    assert 5 < row.value < 8.5


def test_where_time_is_scaled_the_speed_of_start_up_is_skipped_and_not_passed() -> None:
    apparatus = VirtualApparatus({"a": Hidden()}, rated(2))
    session = measure(apparatus, group(rated(2), "a"), plan(3600.0, tests=("start-up",)), lambda _: None)
    (row,) = session.rows
    assert row.verdict == "skipped" and "too long to tell" in row.detail
    assert measurements(Findings(kinds=plan(tests=("start-up",)).kinds, rows=session.rows)) == []


def test_a_meter_that_never_answers_fails_and_the_others_go_on() -> None:
    apparatus = VirtualApparatus({"a": Hidden(), "b": Hidden()}, rated(2))
    apparatus.meters["b"].spec = type(apparatus.meters["b"].spec)(name="b", wiring="1P3W", boot_s=math.inf)
    session = measure(apparatus, group(rated(2), "a", "b"), plan(tests=("error",)), lambda _: None)
    assert not_passed(session.rows, "b") == {(Kind.START_UP, "fail")}
    assert len([row for row in session.rows if row.place == "a" and row.kind == Kind.ERROR]) == 14


def test_currents_beyond_the_load_are_skipped_with_the_reason_and_the_rest_is_judged() -> None:
    _, session = campaign({"a": Hidden()}, rated(2), amps_most=1.0)
    skipped = [row for row in session.rows if row.kind == Kind.ERROR and row.verdict == "skipped"]
    assert {row.amps for row in skipped} == {2.0, 5.0, 10.0, 30.0, 60.0}
    assert all("1 A at most" in row.detail for row in skipped)
    found = {m.name: m for m in measurements(Findings(kinds=plan().kinds, rows=session.rows))}
    assert found[Kind.ERROR].verdict == "pass"
    assert found[Kind.VOLTAGE].verdict == "inconclusive" and found[Kind.VOLTAGE].value is None


def test_an_analyser_that_is_too_coarse_leaves_points_inconclusive() -> None:
    _, session = campaign({"a": Hidden()}, HV, analyser=COARSE)
    low = [row for row in session.rows if row.kind == Kind.ERROR and row.amps == pytest.approx(0.1)]
    assert [row.verdict for row in low] == ["inconclusive"]
    assert low[0].bound > low[0].high  # type: ignore[operator]


def test_a_register_too_coarse_for_the_time_is_inconclusive_and_says_how_long_it_would_take() -> None:
    apparatus = VirtualApparatus({"a": Hidden()}, rated(2), resolution_wh=100.0)
    session = measure(apparatus, group(rated(2), "a"), plan(1.0, tests=("no-load", "error")), lambda _: None)
    verdicts = {row.verdict for row in session.rows if row.kind in (Kind.ERROR, Kind.NO_LOAD)}
    assert verdicts == {"inconclusive", "skipped"}
    assert any("h" in row.detail and "4 h 00 min are allowed" in row.detail for row in session.rows)


def test_on_real_time_doses_are_as_small_as_the_limit_allows() -> None:
    hours = {}
    for scale in (1.0, 3600.0):
        apparatus = VirtualApparatus({"a": Hidden()}, rated(2))
        began = apparatus.now()
        session = measure(apparatus, group(rated(2), "a"), plan(scale, tests=("error", "influence")), lambda _: None)
        assert {row.verdict for row in session.rows} == {"pass", "skipped"}
        hours[scale] = (apparatus.now() - began) / 3600
    assert hours[1.0] < 0.2 * hours[3600.0]


def test_the_load_is_off_after_each_test_even_when_it_ends_badly() -> None:
    class Broken(VirtualApparatus):
        def energy(self) -> object:  # type: ignore[override]
            raise RuntimeError("the analyser is gone")

    apparatus = Broken({"a": Hidden()}, rated(2))
    with pytest.raises(RuntimeError, match="is gone"):
        measure(apparatus, group(rated(2), "a"), plan(tests=("error",)), lambda _: None)
    assert abs(apparatus.world.state.phases[0].amps) == 0


def test_what_a_creeping_meter_counts_beside_the_dose_is_within_the_bound() -> None:
    class Slow(VirtualApparatus):
        def register(self, place: str) -> Register:
            self.wait(7200.0)  # as long as reading takes where time is scaled
            return super().register(place)

    apparatus = Slow({"a": Hidden(creep_w=2.0)}, rated(2))
    session = measure(apparatus, group(rated(2), "a"), plan(tests=("no-load", "error")), lambda _: None)
    errors = [row for row in session.rows if row.kind == Kind.ERROR and row.verdict != "skipped"]
    assert max(abs(row.value) for row in errors) > 0.05
    assert all(abs(row.value) <= row.bound for row in errors)
