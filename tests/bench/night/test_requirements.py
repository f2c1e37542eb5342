"""The table of requirements: complete, true about what serves it, and collected from what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.night.model import Key
from bench.night.requirements import all_tests, collect_tests, load_rows, standings
from bench.record.model import RunRecord
from tests.bench.night.nights import CLOCK, REGISTERS, night
from tests.bench.record.factory import measurement, record
from twins.catalogue import DEFECTS

ROOT = Path(__file__).parents[3]
LENGTHS = {"M": 11, "A": 16, "B": 9, "D": 4, "X": 5, "U": 10}
ROWS = [f"{group}{number}" for group, last in LENGTHS.items() for number in range(1, last + 1)]
TESTS = collect_tests(ROOT / "tests")
SUITES = collect_tests(ROOT / "bench" / "suites")


def by_id(*runs: RunRecord, nights: tuple = (), tests: dict[str, list[str]] | None = None) -> dict:
    return {each.id: each for each in standings(runs, nights, tests or {})}


def test_every_row_is_there_in_the_order_of_the_document() -> None:
    assert list(load_rows()) == ROWS
    assert list(by_id()) == ROWS
    assert all(20 <= len(row.title) <= 120 for row in load_rows().values())


@pytest.mark.parametrize("name", ROWS)
def test_what_serves_a_row_exists(name: str) -> None:
    assert [path for path in load_rows()[name].serves if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("name", [name for name, row in load_rows().items() if row.serves])
def test_every_row_that_is_served_has_a_test_that_bears_its_id(name: str) -> None:
    assert TESTS.get(name)


@pytest.mark.parametrize("name", [name for name, row in load_rows().items() if row.serves])
def test_a_row_that_is_served_is_borne_by_the_suites_or_it_is_said_who_judges_it(name: str) -> None:
    borne, elsewhere = SUITES.get(name, []), load_rows()[name].elsewhere
    assert bool(borne) != bool(elsewhere), f"{name}: {borne or 'no test of the suites'}, {elsewhere or 'nobody else'}"


def test_tests_of_the_suites_are_named_as_nights_name_them_and_those_of_the_folder_follow(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text('import pytest\n@pytest.mark.requirement("A5")\ndef test_a(): ...\n')
    of_suites = [f"suites/{Path(each).name}" for each in SUITES["A5"]]
    assert all_tests(tmp_path)["A5"] == [*of_suites, f"{tmp_path / 'test_x.py'}::test_a"]
    assert all_tests(tmp_path / "nothing")["A5"] == of_suites


def test_no_test_bears_an_id_that_is_none_and_no_defect_breaks_one() -> None:
    assert set(TESTS) <= set(ROWS)
    assert {defect.requirement for defect in DEFECTS.values()} <= set(ROWS)


def test_rows_without_anything_are_open_and_served_ones_wait_for_a_run() -> None:
    found = by_id()
    assert {each.state for each in found.values()} == {"open", "served"}
    assert all((each.state == "open") == (not each.serves) for each in found.values())
    assert any(each.startswith("collection: ") for each in found["A5"].judged_by)
    assert found["A4"].defects == ("resend-differs",)


def test_a_run_verifies_what_its_measurements_name_on_what_it_counted() -> None:
    run = record(
        "20261121-000000-a-0001",
        summary={"twins": 200},
        measurements=[
            measurement("final_share", 1.0, requirements=("A4", "M1")),
            measurement("conflicting_values", 1.0, "fail", requirements=("A4",)),
            measurement("metering_error", 0.1, requirements=("M11",), place="lv-1"),
        ],
    )
    found = by_id(run)
    assert (found["A4"].state, found["A4"].twins.outcome, found["A4"].twins.findings) == ("failing", "fail", 2)
    assert (found["M1"].state, found["M1"].places) == ("partly", None)
    assert (found["M11"].twins, found["M11"].places.by) == (None, run.run_id)
    mixed = record(summary={"twins": 200, "places": 8}, measurements=[measurement("x", 1.0, requirements=("M1",))])
    assert by_id(mixed)["M1"].places.campaign == "collection"


def test_the_newest_run_counts_and_one_that_proves_nothing_does_not() -> None:
    def run(number: int, verdict: str, **fields: object) -> RunRecord:
        item = measurement("final_share", 1.0, "pass" if verdict == "pass" else "fail", requirements=("A4",))
        started = f"2026-11-0{number}T00:00:00.000Z"
        return record(
            f"r{number}", started=started, verdict=verdict, summary={"twins": 2}, measurements=[item], **fields
        )

    runs = [run(4, "error"), run(3, "fail", state="running"), run(2, "pass"), run(1, "fail")]
    assert by_id(*runs)["A4"].twins.by == "r2"


def test_a_night_verifies_on_twins_and_on_places_and_the_newer_of_run_and_night_counts() -> None:
    lost = {Key(test, "rack", place.place): "error" for test in (CLOCK,) for place in night(0).results}
    tonight = night(0, outcomes={Key(REGISTERS, "twin", "lv"): "fail"} | lost)  # type: ignore[arg-type]
    older = record(started="2026-10-01T00:00:00.000Z", summary={"twins": 2})
    found = by_id(older, nights=(tonight,))
    assert (found["A5"].twins.campaign, found["A5"].places.outcome) == ("night", "pass")
    assert (found["M11"].twins.outcome, found["M11"].places.outcome) == ("fail", "pass")
    newer = record(started="2026-12-01T00:00:00.000Z", summary={"twins": 2})
    assert by_id(newer, nights=(tonight,))["A5"].twins.campaign == "collection"


def test_done_is_twins_and_places_and_a_defect_and_less_for_the_bench() -> None:
    both = record(
        summary={"twins": 2, "places": 8},
        measurements=[measurement("x", 1.0, requirements=("A5", "A3", "U2"))],
    )
    found = by_id(both)
    assert (found["A5"].state, found["U2"].state) == ("done", "done")
    assert (found["A3"].state, found["A3"].defects) == ("partly", ())


def test_markers_are_collected_without_running_anything(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        "import pytest\nraise SystemExit\n"
        '@pytest.mark.requirement("A5", "M1")\ndef test_a(): ...\n'
        'class TestB:\n    @pytest.mark.slow\n    @pytest.mark.requirement("A5")\n    async def test_c(self): ...\n'
    )
    path = tmp_path / "test_x.py"
    assert collect_tests(tmp_path) == {"A5": [f"{path}::test_a", f"{path}::TestB::test_c"], "M1": [f"{path}::test_a"]}


@pytest.mark.parametrize(
    "slip", ["@pytest.mark.requirement()", "@pytest.mark.requirement(ROW)", "@pytest.mark.requirement("]
)
def test_a_marker_that_says_nothing_is_refused_with_its_line(slip: str, tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(f"import pytest\n{slip}\ndef test_a(): ...\n")
    with pytest.raises(InputError, match=r"test_x\.py:[23]: "):
        collect_tests(tmp_path)
