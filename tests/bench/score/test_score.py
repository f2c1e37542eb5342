"""The score: what is planted where, what counts as found, and that a killed score goes on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.errors import InputError
from bench.measure import load_limits
from bench.pytest_plugin.targets import targets
from bench.score import run as running
from bench.score.cases import Bench, Case, write_topology
from bench.score.catalogue import Planted, all_planted
from bench.score.run import Book, Outcome, run_cases
from bench.score.tally import tally
from bench.topology.defects import index_of
from bench.topology.load import load_topology
from protocols.slots import SLOT_SECONDS
from tests.bench.pytest_plugin.sessions import SUITES
from twins.catalogue import DEFECTS
from twins.chosen import ChosenTwins

ROOT = Path(__file__).parents[3]
RACK, VILLAGE = ROOT / "topologies" / "rack.yaml", ROOT / "topologies" / "village.yaml"
CATALOGUE = {each.name: each for each in all_planted()}


def outcome(name: str, what: str = "defect", *failed: str, errors: tuple[str, ...] = ()) -> Outcome:
    return Outcome(
        name=name,
        what=what,  # type: ignore[arg-type]
        seconds=1.0,
        failed=dict.fromkeys(failed, "it is off"),
        errors=errors,
    )


def standing(*outcomes: Outcome, name: str = "wrong-sign") -> str:
    return tally([CATALOGUE[name]], {each.name: each for each in outcomes}, 0).defects[0].standing


def test_the_catalogue_has_enough_defects_each_once_and_with_a_row() -> None:
    assert len(CATALOGUE) == len(all_planted()) >= (load_limits("score")["planted_defects"].low or 0)
    assert {each.kind for each in all_planted()} == DEFECTS.keys()
    assert all(each.requirement and each.text for each in all_planted())


def test_every_finder_is_a_test_that_there_is() -> None:
    for test in {test for each in all_planted() for test in each.tests}:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (SUITES / file).read_text("utf-8"), test


@pytest.mark.parametrize("planted", all_planted(), ids=lambda each: each.name)
def test_every_defect_makes_a_sound_topology_with_it_alone(planted: Planted, tmp_path: Path) -> None:
    case = Bench(load_topology(RACK)).defect(planted)
    assert case is not None
    topology = load_topology(write_topology(case, tmp_path)).topology
    [plan] = topology.defect_plans()
    assert plan.kind == planted.kind and plan.meters
    assert planted.kind != "hidden-error" or plan.errors == planted.fields


def test_twins_that_are_tested_are_those_with_the_defect(tmp_path: Path) -> None:
    case = Bench(load_topology(VILLAGE)).defect(CATALOGUE["wrong-sign"])
    assert case is not None
    topology = load_topology(write_topology(case, tmp_path)).topology
    tested = targets(topology, topology.fleet_plan(), racks=False, twins=True)
    [defect] = topology.defects
    assert {each.meter for each in tested} == set(defect.meters)  # type: ignore[arg-type]


def test_a_topology_without_a_rack_has_nothing_to_measure() -> None:
    bench = Bench(load_topology(VILLAGE))
    assert bench.defect(CATALOGUE["gain-high"]) is None
    assert {each.lane for each in bench.clean(1, quick=True)} == {"twin"}
    assert standing(name="gain-high") == "not planted"


def test_a_register_that_never_began_again_shows_no_defect_of_it_so_others_are_taken(tmp_path: Path) -> None:
    planted = CATALOGUE["wraps-at-2-32"]
    case, (control,) = Bench(load_topology(RACK)).defect(planted), Bench(load_topology(RACK)).controls([planted])
    assert case is not None and case.tests == control.tests and not case.places
    chosen = []
    for each in (case, control):
        topology = load_topology(write_topology(each, tmp_path)).topology
        plan = topology.fleet_plan()
        (target,) = targets(topology, plan, racks=False, twins=True)
        (view,) = ChosenTwins(plan, [index for index in [index_of(target.meter)] if index is not None]).views
        shown = view.active(plan.first_slot * SLOT_SECONDS).import_wh // view.model.unit_wh
        assert each.what == "defect" or shown >= 10**view.model.digits, f"{target.meter} shows {shown}"
        chosen.append(target.meter)
    assert chosen[0] == chosen[1]


def test_clean_nights_have_other_seeds_and_no_defects() -> None:
    bench = Bench(load_topology(RACK))
    cases = [case for number in (1, 2) for case in bench.clean(number, quick=True)]
    seeds = [case.content["seed"] for case in cases]
    assert seeds == [20260116, 20260116, 20260117, 20260117]
    assert not any("defects" in case.content for case in cases)
    assert all(case.tests for case in cases) and not any(case.tests for case in bench.clean(1, quick=False))


def test_what_finds_something_is_run_on_sound_meters_too() -> None:
    controls = Bench(load_topology(RACK)).controls(all_planted())
    assert {(each.lane, each.campaign) for each in controls} == {
        ("twin", ""),
        ("rack", ""),
        ("rack", "metrology"),
        ("rack", "field-sweep"),
        ("field", "five-minute"),
        ("field", "outage"),
    }
    tests = {test for each in controls for test in each.tests}
    assert tests == {test for each in all_planted() for test in each.tests}
    metrology = next(each for each in controls if each.campaign == "metrology").content["campaigns"]["metrology"]
    assert set(metrology["tests"]) == {test for each in all_planted() for test in each.metrology}
    assert not any("defects" in each.content for each in controls)


def test_a_topology_with_defects_of_its_own_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "village.yaml"
    path.write_text(VILLAGE.read_text("utf-8") + "\ndefects: [{ kind: silent, meters: 1 }]\n", "utf-8")
    with pytest.raises(InputError, match="defects of its own"):
        Bench(load_topology(path))


def test_found_missed_and_not_even_looked_for_are_told_apart() -> None:
    control = outcome("control twin", "control")
    assert standing(control, outcome("defect wrong-sign", "defect", "a test @ lv")) == "detected"
    assert standing(control, outcome("defect wrong-sign")) == "missed"
    assert standing(control, outcome("defect wrong-sign", errors=("no broker",))) == "bench error"
    without = replace(CATALOGUE["wrong-sign"], tests=())
    assert tally([without], {control.name: control}, 0).defects[0].standing == "no finder"


def test_every_defect_has_something_that_should_find_it() -> None:
    assert [each.name for each in all_planted() if not each.findable] == []


def test_a_score_of_some_defects_alone_says_so_and_is_not_judged_by_their_number() -> None:
    found = outcome("defect wrong-sign", "defect", "a test @ lv")
    for partial, verdict in ((True, None), (False, "fail")):
        score = tally([CATALOGUE["wrong-sign"]], {found.name: found}, 0, partial=partial)
        assert score.partial is partial
        assert {each.name: each.verdict for each in score.measurements}.get("planted_defects") == verdict


def test_a_test_that_fails_without_a_defect_detects_nothing() -> None:
    control = outcome("control twin", "control", "a test @ lv")
    found = outcome("defect wrong-sign", "defect", "a test @ lv")
    assert standing(control, found) == "missed"
    score = tally([CATALOGUE["wrong-sign"]], {each.name: each for each in (control, found)}, 0)
    assert {each.name: each.value for each in score.measurements}["worthless_tests"] == 1


def test_what_does_not_pass_on_a_clean_night_is_a_false_alarm() -> None:
    outcomes = [outcome("clean twin 1", "clean", "a test @ lv"), outcome("clean rack 1", "clean")]
    score = tally([], {each.name: each for each in outcomes}, 1)
    assert score.alarms == {"clean twin 1": {"a test @ lv": "it is off"}}
    assert {each.name: each.verdict for each in score.measurements}["false_alarms"] == "fail"


def test_a_score_that_was_killed_goes_on_behind_its_last_whole_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cases.jsonl"
    Book(path).put(outcome("defect silent"))
    with path.open("ab") as file:
        file.write(b'{"name":"defect la')
    ran: list[str] = []

    def run_case(case: Case, abort: threading.Event) -> Outcome:
        ran.append(case.name)
        return outcome(case.name)

    monkeypatch.setattr(running, "run_case", run_case)
    bench = Bench(load_topology(VILLAGE))
    cases = [case for name in ("silent", "late") if (case := bench.defect(CATALOGUE[name])) is not None]
    assert run_cases(cases, Book(path), lambda line: None, threading.Event())
    assert ran == ["defect late"]
    assert set(Book(path).outcomes) == {"defect silent", "defect late"}


@pytest.mark.slow
def test_a_planted_defect_is_really_found_and_a_sound_twin_is_not(tmp_path: Path) -> None:
    bench = Bench(load_topology(VILLAGE))
    planted = [CATALOGUE["limit-not-kept"]]
    cases = [*bench.controls(planted), *(case for each in planted if (case := bench.defect(each)) is not None)]
    book = Book(tmp_path / "cases.jsonl")
    assert run_cases(cases, book, lambda line: None, threading.Event())
    score = tally(planted, book.outcomes, 0)
    assert (score.defects[0].standing, score.worthless, score.errors) == ("detected", {}, ())
    assert any("test_the_limit_is_set_and_told" in test for test in score.defects[0].by)
