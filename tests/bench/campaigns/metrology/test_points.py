"""Points come from tables, tables say where they come from, and the decision rule is the one that is written down."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.campaigns.metrology import Findings, Row, measurements, read_rows
from bench.campaigns.metrology.plan import groups_of, parameter
from bench.campaigns.metrology.points import (
    TESTS,
    Kind,
    error_points,
    influence_points,
    no_load_seconds,
    starting_point,
)
from bench.campaigns.metrology.run import _TESTS
from bench.campaigns.metrology.tables import tables
from bench.campaigns.metrology.uncertainty import decide, error_bound, error_percent, register_percent
from bench.errors import InputError
from bench.measure import Verdict, load_limits, load_parameters
from bench.topology.campaigns import Metrology, MetrologyTest
from bench.topology.rack import Place
from tests.bench.campaigns.metrology.virtual import plan, rated


def test_every_table_names_its_source() -> None:
    every = [*tables().bands, *tables().currents, *tables().influences, *tables().dips]
    assert all(table.source for table in [*every, tables().starting, tables().no_load, tables().register_change])


def test_kinds_tests_measurements_and_topology_agree() -> None:
    assert {kind for kinds in TESTS.values() for kind in kinds} == set(Kind) == set(load_limits("metrology"))
    assert tuple(TESTS) == MetrologyTest.__args__  # type: ignore[attr-defined]
    assert {"start-up", *_TESTS} == set(TESTS)
    assert {name: parameter(name) for name in load_parameters("metrology")}
    assert load_limits("metrology")[Kind.START_UP].high == parameter("start_up")


@pytest.mark.parametrize(
    ("accuracy", "current", "factor", "limit"),
    [
        ("1", 0.05, 1.0, 1.5), ("1", 0.0999, 1.0, 1.5), ("1", 0.1, 1.0, 1.0), ("1", 6.0, 1.0, 1.0),
        ("1", 0.04, 1.0, None),
        ("1", 0.1, 0.5, 1.5), ("1", 0.2, 0.5, 1.0), ("1", 0.1, -0.8, 1.5), ("2", 0.1, 0.5, 2.5), ("2", 0.2, -0.8, None),
    ],
)  # fmt: skip
def test_limits_of_the_direct_table(accuracy: str, current: float, factor: float, limit: float | None) -> None:
    assert tables().limit("direct", accuracy, current, factor) == limit  # type: ignore[arg-type]


def test_points_of_a_class_1_meter() -> None:
    points = error_points(rated())
    names = [point.name for point in points]
    assert names[:6] == ["0.05 Ib, PF 1", "0.1 Ib, PF 1", "0.5 Ib, PF 1", "1 Ib, PF 1", "0.5 Imax, PF 1", "Imax, PF 1"]
    assert len(names) == len(set(names)) == 14
    assert not [point for point in error_points(rated(accuracy="2")) if point.stimulus.factor < 0]
    assert {point.limit for point in influence_points(rated())} == {0.7, 1.0, 0.5}
    assert starting_point(rated()).stimulus.amps == pytest.approx(0.04)


def test_points_behind_transformers_do_not_repeat_a_current() -> None:
    of = rated(3, volts=63.5, amps=5.0, amps_max=5.0, connection="transformer", accuracy="0.5S")
    stimuli = [point.stimulus for point in error_points(of)]
    assert len(stimuli) == len(set(stimuli))


def test_shortest_no_load_time_follows_the_register() -> None:
    assert no_load_seconds(rated(2), 1.0) == pytest.approx(600e6 / (1000 * 2 * 100 * 60) * 60)
    assert no_load_seconds(rated(2), 100.0) == pytest.approx(100 * no_load_seconds(rated(2), 1.0))


@given(
    error=st.floats(-5, 5), energy=st.floats(10, 1e5), start=st.floats(0, 1e6), off=st.floats(-0.5, 0.5),
    count=st.sampled_from([1.0, 10.0, 100.0]),
)  # fmt: skip
def test_no_measured_error_is_off_by_more_than_its_bound(
    error: float, energy: float, start: float, off: float, count: float
) -> None:
    true = energy * (1 + error / 100)
    shown = (math.floor((start + true) / count) - math.floor(start / count)) * count
    reference = energy * (1 + off / 100)
    bound = error_bound(shown, reference, count, abs(off))
    assert abs(error_percent(shown, reference) - error) <= bound + 1e-6


def test_bounds_where_nothing_flowed() -> None:
    assert register_percent(1.0, 0.0) == error_bound(0.0, 0.0, 1.0, 0.1) == math.inf
    assert math.isnan(error_percent(1.0, 0.0))


@pytest.mark.parametrize(
    ("value", "bound", "verdict"),
    [
        (0.9, 0.1, Verdict.PASS), (0.95, 0.1, Verdict.INCONCLUSIVE), (1.05, 0.1, Verdict.INCONCLUSIVE),
        (1.2, 0.1, Verdict.FAIL), (-1.2, 0.1, Verdict.FAIL), (0.0, math.inf, Verdict.INCONCLUSIVE),
        (math.nan, 0.1, Verdict.INCONCLUSIVE), (0.0, math.nan, Verdict.INCONCLUSIVE),
    ],
)  # fmt: skip
def test_the_decision_rule(value: float, bound: float, verdict: Verdict) -> None:
    assert decide(value, bound, -1.0, 1.0) is verdict


def test_fineness_comes_from_limit_clock_and_topology() -> None:
    assert plan(1.0).register_bound(1.5, 0.1) == pytest.approx(0.333 * 1.5 - 0.1)
    assert plan(1.0).register_bound(1.5, 5.0) == pytest.approx(0.25 * 0.333 * 1.5)
    assert plan(3600.0).register_bound(1.5, 0.1) == 0.04
    assert plan(3600.0, fineness=0.2).register_bound(1.5, 0.1) == 0.2


def place(name: str, **fields: object) -> Place:
    wiring = {
        "source": {"instrument": "source-1", "phases": [1, 2]},
        "analyser": {"instrument": "analyser-1", "elements": [1, 2]},
        "load": {"instrument": "load-1"},
    }
    return Place.model_validate(
        {"id": name, "meter": "TWN000000000001", "wiring": wiring, "readers": ["dlms://127.0.0.9"]} | fields
    )


def test_places_are_measured_together_and_those_that_cannot_be_are_named() -> None:
    places = {
        "deaf": place("deaf", readers=[]),
        "a": place("a"), "b": place("b"), "gas": place("gas", meter_class="gas"), "bare": place("bare", wiring={}),
        "other": place("other", ratings={"volts": 63.5}),
    }  # fmt: skip
    groups, skipped = groups_of(places, ())
    assert [[case.place for case in group.cases] for group in groups] == [["a", "b"]]
    assert groups[0].cases[0].rated.elements == 2
    assert skipped == {
        "deaf": "its meter has neither reader nor stick",
        "gas": "a gas meter measures no electricity",
        "bare": "no source and no analyser and no load is wired to it",
        "other": "shares its source with a, whose meter is made for 100 V and 50 Hz: measure it by itself",
    }
    assert [group.source for group in groups_of(places, ("b",))[0]] == ["source-1"]


def row(**fields: object) -> Row:
    given_ = {"place": "a", "meter": "TWN000000000000", "kind": Kind.ERROR, "point": "1 Ib, PF 1", "verdict": "pass"}
    return Row(**given_ | {"value": 0.1, "bound": 0.01, "low": -1.0, "high": 1.0} | fields)  # type: ignore[arg-type]


def test_rows_survive_the_run_folder(tmp_path: Path) -> None:
    rows = [row(detail="why"), row(place="b", low=None, high=None, verdict="skipped")]
    Findings(kinds=(Kind.ERROR,), rows=rows).write(tmp_path)
    read = read_rows(tmp_path)
    assert [(each.place, each.verdict, each.low, each.detail) for each in read] == [
        ("a", "pass", -1.0, "why"), ("b", "skipped", None, ""),
    ]  # fmt: skip
    assert math.isnan(read[0].amps)
    assert read_rows(tmp_path / "nothing") == []
    (tmp_path / "metrology.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path)


def test_a_healthy_kind_is_one_measurement_and_each_place_that_breaks_it_one_more() -> None:
    rows = [
        row(),
        row(place="b", value=0.4),
        row(place="c", value=1.4, verdict="fail"),
        row(place="d", value=9.0, verdict="fail"),
    ]
    found = measurements(Findings(kinds=(Kind.ERROR,), rows=rows))
    assert [(m.place, m.verdict) for m in found] == [("d", "fail"), ("c", "fail")]
    (found_one,) = measurements(Findings(kinds=(Kind.ERROR,), rows=rows[:2]))
    assert (found_one.place, found_one.value, found_one.verdict) == ("b", 0.4, "pass")


def test_what_was_to_be_measured_and_was_not_is_inconclusive() -> None:
    (found,) = measurements(Findings(kinds=(Kind.ERROR,)))
    assert (found.verdict, found.value) == ("inconclusive", None)


def test_settings_have_defaults() -> None:
    assert Metrology().tests == () and plan(1.0, longest_hours=2.0).longest_s == 7200
