"""What changed from night to night is named exactly: no more and no less."""

from __future__ import annotations

import pytest

from bench.night.compare import Change, Comparison, compare
from bench.night.model import Key, Night, Outcome
from tests.bench.night.nights import (
    ACCURACY,
    CLOCK,
    COLLECTION,
    POINTS,
    REGISTERS,
    keys,
    metrology,
    night,
    nights,
)

LV1 = Key(CLOCK, "rack", "lv-1")
LV2 = Key(REGISTERS, "rack", "lv-2")
NAMED = (Change.NEW_FAILURE, Change.STILL_FAILING, Change.BENCH_ERROR, Change.MISSING, Change.FLAKY, Change.FIXED)


def named(comparison: Comparison) -> dict[Key, Change]:
    """Every test that is not as it was."""
    return {each.key: each.change for each in comparison.of(*NAMED, Change.ADDED)}


@pytest.mark.requirement("U7", "U10")
@pytest.mark.parametrize("seed", range(20))
def test_three_nights_name_exactly_the_planted_defects_and_the_drift(seed: int) -> None:
    first = night(0, seed)
    second = night(1, seed, outcomes={LV1: "fail"})
    third = night(2, seed, outcomes={LV2: "fail"}, gain={"lv-3": 0.3})
    assert named(compare(second, [first])) == {LV1: Change.NEW_FAILURE}
    assert compare(second, [first]).drifts == ()

    found = compare(third, [second, first])
    assert named(found) == {LV1: Change.FIXED, LV2: Change.NEW_FAILURE}
    assert {(each.place, each.test.partition("[")[0], each.name) for each in found.drifts} == {
        ("lv-3", ACCURACY, "error")
    }
    assert len(found.drifts) >= len(POINTS) - 3  # the three smallest currents are twice as noisy
    assert all(0.2 < each.moved < 0.4 for each in found.drifts)


@pytest.mark.parametrize("seed", range(5))
def test_a_gain_drift_after_a_month_is_found_at_its_place_and_for_how_long(seed: int) -> None:
    past = nights(31, seed)
    again = night(31, seed, gain={"lv-5": 0.3})
    found = compare(night(32, seed, gain={"lv-5": 0.3}), [again, *past])
    assert {each.place for each in found.drifts} == {"lv-5"}
    assert len(found.drifts) >= len(POINTS) - 3
    assert {each.nights for each in found.drifts} <= {1, 2}
    assert sum(each.nights == 2 for each in found.drifts) >= len(POINTS) - 5
    assert all(each.compared == 30 for each in found.drifts)


@pytest.mark.requirement("U10")
@pytest.mark.parametrize("length", [1, 2, 5, 20, 31])
def test_clean_nights_have_no_false_drift(length: int) -> None:
    for seed in range(100, 105):
        found = compare(night(length, seed), nights(length, seed))
        assert [(each.name, each.place, each.moved, each.threshold) for each in found.drifts] == []
        assert named(found) == {}
        assert found.judged >= 7 * 12 if length == 1 else 7 * 15  # seven places of one class; small currents later


def test_the_values_of_a_failed_test_are_neither_drift_nor_a_measure_of_others() -> None:
    past = nights(3)
    bad = night(3, gain={"lv-1": 3.0})  # far outside the limits: its tests fail
    found = compare(bad, past)
    assert {each.change for each in found.of(*NAMED)} == {Change.NEW_FAILURE}
    assert found.drifts == ()
    healed = compare(night(4), [bad, *past])
    assert {each.change for each in healed.of(*NAMED)} == {Change.FIXED}
    assert healed.drifts == ()


def outcome_of(history: list[Outcome | None], last: Outcome) -> tuple[Change, int, str]:
    """Class, nights and first night of a test whose outcomes before are told, oldest first (None: not there)."""
    made = [
        night(number, without=(LV1,)) if outcome is None else night(number, outcomes={LV1: outcome})
        for number, outcome in enumerate(history)
    ]
    found = compare(night(len(history), outcomes={LV1: last}), reversed(made))
    (mine,) = (each for each in found.tests if each.key == LV1)
    return mine.change, mine.nights, mine.since


@pytest.mark.parametrize(
    ("before", "last", "change", "lasts"),
    [
        (["pass", "pass"], "pass", Change.PASSING, 3),
        (["pass"], "fail", Change.NEW_FAILURE, 1),
        (["pass"], "inconclusive", Change.NEW_FAILURE, 1),
        (["pass", "fail", "fail"], "fail", Change.STILL_FAILING, 3),
        (["fail", "skip"], "fail", Change.STILL_FAILING, 2),
        (["fail", "error"], "fail", Change.STILL_FAILING, 2),
        (["fail", None], "fail", Change.STILL_FAILING, 2),
        (["fail", "error"], "pass", Change.FIXED, 1),
        (["pass", "fail"], "pass", Change.FIXED, 1),
        (["pass"], "error", Change.BENCH_ERROR, 1),
        (["pass"], "skip", Change.MISSING, 1),
        (["skip"], "skip", Change.SKIPPED, 1),
        ([None], "pass", Change.ADDED, 1),
        ([None], "fail", Change.NEW_FAILURE, 1),
        (["skip"], "pass", Change.PASSING, 1),
        (["fail", "pass", "fail", "pass"], "pass", Change.FLAKY, 2),
        (["pass", "fail", "pass"], "fail", Change.NEW_FAILURE, 1),
    ],
)
def test_each_test_has_its_class(before: list[Outcome | None], last: Outcome, change: Change, lasts: int) -> None:
    assert outcome_of(before, last)[:2] == (change, lasts)


def test_a_failure_is_followed_back_to_its_first_night_however_long_ago() -> None:
    change, lasted, since = outcome_of(["pass", *["fail"] * 44], "fail")
    assert (change, lasted, since) == (Change.STILL_FAILING, 45, night(1).night)


def test_a_test_that_passes_and_fails_by_turns_is_unsteady() -> None:
    past = [night(number, outcomes={LV1: "fail"} if number % 2 else None) for number in reversed(range(4))]
    found = compare(night(4, outcomes={LV1: "fail"}), past[1:])
    (mine,) = found.of(Change.NEW_FAILURE)
    assert mine.unsteady
    assert not any(each.unsteady for each in found.tests if each.key != LV1)


def test_what_passed_when_tried_again_is_flaky() -> None:
    found = compare(night(1, flaky=(LV1,)), [night(0)])
    assert named(found) == {LV1: Change.FLAKY}


def test_missing_and_added_tests_are_named() -> None:
    (gone,) = keys(CLOCK)
    (new,) = keys(REGISTERS)
    found = compare(night(1, without=(gone,)), [night(0, without=(new,))])
    assert named(found) == {gone: Change.MISSING, new: Change.ADDED}


def test_a_result_of_a_twin_never_stands_in_for_one_of_the_rack() -> None:
    twin = Key(COLLECTION, "twin", "lv")
    found = compare(night(1, outcomes={twin: "fail"}), [night(0)])
    assert named(found) == {twin: Change.NEW_FAILURE}


def test_the_first_night_has_nothing_to_compare_with() -> None:
    found = compare(night(0, outcomes={LV1: "fail"}), [])
    assert found.against is None
    assert [each.key for each in found.of(Change.NEW_FAILURE)] == [LV1]
    assert found.judged == 0
    assert found.young > 0


def test_another_topology_file_is_told() -> None:
    other: Night = night(1, topology_sha256="cd" * 32)
    assert compare(other, [night(0)]).topology_changed
    assert not compare(night(1), [night(0)]).topology_changed


def test_a_limit_is_crossed_for_the_right_point() -> None:
    key = Key(metrology(POINTS[0]), "rack", "lv-1")
    found = compare(night(1, outcomes={key: "fail"}), [night(0)])
    assert named(found) == {key: Change.NEW_FAILURE}
