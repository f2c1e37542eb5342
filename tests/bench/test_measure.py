"""Measurements and verdicts: silence is no pass, a parent takes its worst child, shipped limits are sound."""

from __future__ import annotations

import math
from importlib import resources

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.campaigns import collection
from bench.measure import Limit, Verdict, judge, load_limits, load_parameters, worst
from bench.record.columns import Columns

REQUIREMENTS = {
    f"{letter}{number}"
    for letter, last in {"M": 11, "A": 16, "B": 9, "D": 4, "X": 5, "U": 10}.items()
    for number in range(1, last + 1)
}
"""Ids of the requirements document: meters, A-route, B-route, data services, security, bench."""

SHIPPED = sorted(
    path.name.removesuffix(".toml")
    for path in resources.files("bench").joinpath("limits").iterdir()
    if path.name.endswith(".toml")
)


def limit(**fields: object) -> Limit:
    return Limit(**{"unit": "1", "doc": "what it is", "source": "who says so"} | fields)


def verdict(value: float | None, **fields: object) -> str:
    (measurement,) = judge({"m": limit(**fields)}, {"m": value})
    return measurement.verdict


@pytest.mark.parametrize("value", [None, math.nan])
@pytest.mark.parametrize("fields", [{}, {"low": 0.0}, {"breach": "inconclusive"}], ids=str)
def test_what_is_not_set_fails_and_nan_is_not_set(value: float | None, fields: dict[str, object]) -> None:
    (measurement,) = judge({"m": limit(**fields)}, {"m": value})
    assert (measurement.verdict, measurement.value) == ("fail", None)


def test_what_was_declared_and_not_measured_fails_too() -> None:
    measurements = judge({"a": limit(), "b": limit()}, {"a": 1.0})
    assert [(m.name, m.verdict) for m in measurements] == [("a", "pass"), ("b", "fail")]


def test_what_was_measured_and_not_declared_is_a_programming_error() -> None:
    with pytest.raises(KeyError, match="b, c"):
        judge({"a": limit()}, {"c": 1.0, "a": 1.0, "b": 1.0})


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_limits_are_inclusive_on_both_sides(value: float, low: float, high: float) -> None:
    assert verdict(value, low=low) == ("pass" if value >= low else "fail")
    assert verdict(value, high=high) == ("pass" if value <= high else "fail")
    assert verdict(value, low=low, high=high) == ("pass" if low <= value <= high else "fail")
    assert verdict(low, low=low) == verdict(high, high=high) == "pass"


def test_without_limits_any_value_passes() -> None:
    assert verdict(-1e300) == verdict(math.inf) == "pass"


def test_a_breach_can_make_a_run_inconclusive_instead() -> None:
    assert verdict(1.0, high=0.0, breach="inconclusive") == "inconclusive"
    assert verdict(0.0, high=0.0, breach="inconclusive") == "pass"


def test_a_measurement_takes_all_that_its_limit_says() -> None:
    fields = {"unit": "s", "low": 1.0, "high": 2.0, "requirements": ("A5",), "doc": "a delay", "source": "S2"}
    (measurement,) = judge({"m": Limit(**fields)}, {"m": 1.5})
    assert {name: getattr(measurement, name) for name in fields} == fields


def test_a_parent_takes_its_worst_child() -> None:
    order = ["pass", "inconclusive", "fail", "aborted", "error"]
    for at, severe in enumerate(order):
        assert str(worst([severe, *order[:at], "pass"])) == severe
    assert worst([]) is Verdict.PASS
    assert worst([Verdict.FAIL, "inconclusive"]) is Verdict.FAIL


@pytest.mark.parametrize("campaign", SHIPPED)
def test_shipped_limits_load_say_who_says_so_and_name_real_requirements(campaign: str) -> None:
    limits = load_limits(campaign)
    assert limits
    for name, one in limits.items():
        assert one.unit and one.doc and one.source, name
        assert one.requirements and set(one.requirements) <= REQUIREMENTS, name
        assert one.low is None or one.high is None or one.low <= one.high
    for name, parameter in load_parameters(campaign).items():
        assert parameter.unit and parameter.doc and parameter.source, name


def test_collection_ships_and_its_parameters_are_the_campaigns() -> None:
    assert "collection" in SHIPPED
    assert load_parameters("collection")["on_time"].value == collection.ON_TIME_SECONDS == 3600
    assert load_parameters("collection")["on_time"].unit == "s"


def test_the_campaign_measures_exactly_what_its_limits_declare(tmp_path: object) -> None:
    with Columns(tmp_path) as columns:  # type: ignore[arg-type]
        assert collection.measure(columns, 1, 0).keys() == load_limits("collection").keys()


@pytest.mark.parametrize("wrong", [{"breach": "error"}, {"lower": 1}, {"low": "1"}], ids=str)
def test_a_limits_file_with_a_slip_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"unit": "1", "doc": "", "source": ""} | wrong, Limit)
