"""The shipped suites: all pass on healthy twins, and each finds the defects that its finders say."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bench.night.requirements import collect_tests, load_rows
from bench.suites.support import finders
from tests.bench.pytest_plugin.sessions import SUITES, session, small
from twins.catalogue import DEFECTS
from twins.plan import meter_id

PLANTED = (
    "wrong-sign",
    "stale-time",
    "history-shifted",
    "accepts-wrong-password",
    "accepts-replay",
    "loses-bitmap",
    "accepts-bad-image",
    "ignores-booking",
    "no-instance-list",
    "high-word-first",
    "answers-everybody",
    "repeats-on-site",
    "never-expires",
    "resend-differs",
)
"""One or two of each suite; none hides another."""


HOMES = "[" + ", ".join(meter_id(index) for index in range(4)) + "]"


def names_of(file: str) -> set[str]:
    tree = ast.parse((SUITES / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_finder_is_a_test_and_every_found_defect_is_in_the_catalogue() -> None:
    assert finders().keys() <= DEFECTS.keys()
    for defect, named in finders().items():
        assert named, defect
        for each in named:
            file, _, test = each.partition("::")
            assert test in names_of(file), each


def test_every_test_of_the_suites_bears_rows_of_the_requirements_and_says_what_it_looks_at() -> None:
    borne = {test for tests in collect_tests(SUITES).values() for test in tests}
    assert collect_tests(SUITES).keys() <= load_rows().keys()
    for path in SUITES.glob("test_*.py"):
        for test in names_of(path.name):
            assert f"{path}::{test}" in borne, test


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.requirement("U7", "U10")
def test_every_suite_passes_on_healthy_twins(tmp_path: Path) -> None:
    done = session(tmp_path, "--bench-env", small(tmp_path), SUITES)
    assert done.bad() == [] and done.exit_code == 0, done.text
    assert {key.place for key in done.told.results} == {"lv-current", "gas", "fleet"}
    passed = {key.test.partition("::")[0] for key, each in done.told.results.items() if each.outcome == "pass"}
    rack_only = {f"suites/test_{name}.py" for name in ("field", "load_points", "rack")}
    assert passed == {f"suites/{path.name}" for path in SUITES.glob("test_*.py")} - rack_only
    assert done.told.incidents == []


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.requirement("U10")
def test_planted_defects_are_found_by_their_finders_and_nothing_else_fails(tmp_path: Path) -> None:
    lines = "".join(f"  - {{ kind: {defect}, meters: {HOMES} }}\n" for defect in PLANTED)
    done = session(tmp_path, "--bench-env", small(tmp_path, f"defects:\n{lines}"), SUITES)
    expected = {f"suites/{test}" for defect in PLANTED for test in finders()[defect]}
    failed = {each.test.partition("[")[0] for each in done.bad()}
    assert failed == expected, done.text
    assert set(filter(None, done.told.categories.values())) == {"product"}
    assert done.exit_code == 1
