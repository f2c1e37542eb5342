"""The gate: what counts, what a quarantine keeps from it, whose fault it is, and how a lab sets limits of its own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.night.compare import compare
from bench.night.gate import Gate, gate, load_rules
from bench.night.model import Incident, Key, Night, Outcome
from bench.night.quarantine import Entry
from tests.bench.night.nights import CLOCK, REGISTERS, night, nights

LV1 = Key(CLOCK, "rack", "lv-1")
LV2 = Key(REGISTERS, "rack", "lv-2")
RULES = load_rules()


def entry(test: str = CLOCK, place: str = "lv-1", expires: date = date(2026, 11, 20)) -> Entry:
    return Entry(
        test=test, place=place, reason="known", issue="7", owner="ann", added=date(2026, 11, 1), expires=expires
    )


def judged(tonight: Night, before: list[Night], *entries: Entry) -> Gate:
    return gate(tonight, compare(tonight, before), entries, RULES)


def broken(found: Gate) -> dict[str, float | None]:
    return {rule.name: rule.value for rule in found.rules if rule.verdict != "pass"}


@pytest.mark.requirement("U7")
def test_a_clean_night_passes_and_every_rule_is_measured() -> None:
    found = judged(night(3), nights(3))
    assert found.verdict == "pass"
    values = {rule.name: rule.value for rule in found.rules}
    assert values.keys() == RULES.keys()
    assert None not in values.values()
    assert (values["executed_tests"], values["places"], values["pass_share"]) == (180, 8, 1.0)


@pytest.mark.parametrize("outcome", ["fail", "inconclusive", "aborted"])
def test_a_new_failure_and_one_that_goes_on_both_fail_the_gate(outcome: Outcome) -> None:
    bad = night(3, outcomes={LV1: outcome})
    assert broken(judged(bad, nights(3))) == {"new_failures": 1}
    found = judged(night(4, outcomes={LV1: outcome}), [bad, *nights(3)])
    assert broken(found) == {"still_failing": 1}
    assert found.verdict == "fail"


def test_a_quarantine_keeps_its_test_from_the_gate_and_the_true_outcome_is_told() -> None:
    bad = night(3, outcomes={LV1: "fail", LV2: "fail"})
    found = judged(bad, nights(3), entry())
    assert broken(found) == {"new_failures": 1}
    assert [each.key for each in found.failures] == [LV2]
    assert [(each.place, each.what, each.entry.owner) for each in found.looked_away] == [("lv-1", "new failure", "ann")]
    assert judged(night(3, outcomes={LV1: "fail"}), nights(3), entry()).verdict == "pass"


def test_a_quarantine_that_is_over_counts_itself_and_its_test() -> None:
    bad = night(3, outcomes={LV1: "fail"})  # begins at 02:00 on the 5th in Japan, the 4th in UTC
    over = entry(expires=date(2026, 11, 4))
    found = judged(bad, nights(3), over)
    assert broken(found) == {"new_failures": 1, "expired_quarantines": 1}
    assert found.expired == (over,)
    assert judged(bad, nights(3), entry(expires=date(2026, 11, 5))).verdict == "pass"


def test_a_drift_fails_the_gate_unless_it_is_in_quarantine() -> None:
    drifting = night(31, gain={"lv-3": 0.3})
    found = judged(drifting, nights(31))
    assert broken(found).keys() == {"drifts"}
    assert {each.place for each in found.drifts} == {"lv-3"}
    everything = entry(test="*", place="lv-3", expires=date(2026, 12, 30))
    assert judged(drifting, nights(31), everything).verdict == "pass"


def test_missing_tests_fail_the_gate() -> None:
    found = judged(night(3, without=(LV1,), outcomes={LV2: "skip"}), nights(3))
    assert broken(found) == {"missing_tests": 2}
    assert [each.message for each in found.missing] == ["no result at all", "skipped: assert skip"]


@pytest.mark.requirement("U10")
def test_an_instrument_that_fails_is_the_benchs_own_fault_and_no_product_failure() -> None:
    silent = Incident(time="2026-11-04T17:20:00Z", what="source-1 does not answer", place="lv-1", retired=True)
    lost: dict[Key, Outcome] = {each.key: "skip" for each in night(0).results if each.place == "lv-1"}
    found = judged(night(3, outcomes=lost | {LV1: "error"}, incidents=(silent,)), nights(3))
    assert broken(found) == {"bench_errors": 2}
    assert found.verdict == "error"
    assert found.failures == found.missing == ()
    assert f"{LV1}: assert error" in found.bench_errors[0]
    assert found.bench_errors[1] == "lv-1: source-1 does not answer, place retired"


def test_a_bench_error_is_more_than_a_failure_beside_it() -> None:
    found = judged(night(3, outcomes={LV1: "error", LV2: "fail"}), nights(3))
    assert broken(found) == {"new_failures": 1, "bench_errors": 1}
    assert found.verdict == "error"


def test_a_night_that_was_cut_off_or_ran_nothing_does_not_pass() -> None:
    assert judged(night(3, verdict="aborted"), nights(3)).bench_errors == (
        "bench: the night was cut off before its end",
    )
    empty = night(3, without=tuple(each.key for each in night(3).results))
    assert "executed_tests" in broken(judged(empty, []))


def test_flaky_tests_are_told_and_do_not_fail_the_gate() -> None:
    found = judged(night(3, flaky=(LV1, LV2)), nights(3))
    assert found.verdict == "pass"
    assert next(rule.value for rule in found.rules if rule.name == "flaky_tests") == 2


def test_a_lab_sets_limits_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text('[executed_tests]\nlow = 200\n[new_failures]\nhigh = "none"\n')
    rules = load_rules(path)
    bad = night(3, outcomes={LV1: "fail"})
    found = gate(bad, compare(bad, nights(3)), [], rules)
    assert broken(found) == {"executed_tests": 180}
    assert rules["executed_tests"].source.startswith("gate.toml, instead of: our own choice")
    assert rules["bench_errors"] == RULES["bench_errors"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[new_failure]\nhigh = 1", "new_failure is not a rule; did you mean new_failures?"),
        ("[places]\nlowest = 1", r"\[places\] sets something else than a limit"),
        ("[places]", r"\[places\] sets something else than a limit"),
        ("places = 8", r"\[places\] sets something else than a limit"),
        ("[places]\nlow = true", "places.low: True is not a number"),
        ("[places]\nlow = nan", "places.low: nan is not a number"),
        ("[places", "not TOML: Expected"),
    ],
)
def test_a_file_of_rules_with_a_slip_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_rules(path)


def test_a_file_of_rules_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a file of rules"):
        load_rules(tmp_path / "gate.toml")


def test_a_night_without_a_time_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="started 'yesterday' is not an instant"):
        judged(night(3, started="yesterday"), [])
