"""`bench runs`, `bench show`, `bench report` as a person and as a program meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from bench.cli import runs
from bench.errors import InputError
from bench.record.folder import RunFolder
from bench.record.model import LISTED
from tests.bench.record.factory import make_run, measurement, record, unrecovered


def call(*arguments: str) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    for command in (runs.runs, runs.show, runs.report):
        app.command()(command)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """One passed run, one failed run with shortfalls, one cut off, one broken; oldest first."""
    make_run(tmp_path, run_id="20260101-000000-demo-aaaa", started="2026-01-01T00:00:00.000Z")
    make_run(
        tmp_path,
        run_id="20260102-000000-demo-bbbb",
        started="2026-01-02T00:00:00.000Z",
        verdict="fail",
        measurements=[measurement("final_share", 0.99998, "fail", unit="1", low=1.0, high=None)],
        unrecovered=[unrecovered(3, [1])],
    )
    RunFolder.create(
        tmp_path,
        record("20260103-000000-demo-cccc", started="2026-01-03T00:00:00.000Z", state="running", verdict=None),
    )
    (tmp_path / "20260104-000000-demo-dddd").mkdir()
    (tmp_path / "20260104-000000-demo-dddd" / "run.json").write_text("{")
    return tmp_path


def test_runs_lists_every_run_and_names_the_broken_one(results: Path) -> None:
    outcome = call("runs", "--results", str(results))
    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert [line.split()[:2] for line in lines[2:5]] == [
        ["20260103-000000-demo-cccc", "interrupted"],
        ["20260102-000000-demo-bbbb", "fail"],
        ["20260101-000000-demo-aaaa", "pass"],
    ]
    assert lines[1].split() == ["20260104-000000-demo-dddd", "broken"]
    assert "run.json: not a record of a run" in lines[-1]


def test_runs_json_is_one_list_for_programs(results: Path) -> None:
    found = json.loads(call("runs", "--results", str(results), "--json").stdout)
    assert {run["run_id"][-4:]: run["state"] for run in found} == {
        "aaaa": "finished",
        "bbbb": "finished",
        "cccc": "interrupted",
        "dddd": "broken",
    }
    assert found[-1]["verdict"] == "pass"


def test_no_runs_yet_is_a_friendly_answer(tmp_path: Path) -> None:
    assert "bench run TOPOLOGY" in call("runs", "--results", str(tmp_path)).stdout
    assert call("runs", "--results", str(tmp_path), "--json").stdout == "[]\n"


def test_show_tells_verdict_measurements_shortfalls_and_where_the_report_is(results: Path) -> None:
    outcome = call("show", "20260102", "--results", str(results))
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("FAIL  20260102-000000-demo-bbbb\n")
    assert "99.9980 %" in outcome.stdout
    assert "final_share is 99.9980 %, must be at least 100 %" in outcome.stdout
    assert "TWN000000000003" in outcome.stdout
    assert "not written yet" in outcome.stdout


def test_what_the_bench_failed_by_is_told_and_not_what_is_missing_then(tmp_path: Path) -> None:
    make_run(
        tmp_path,
        run_id="20260105-000000-demo-eeee",
        verdict="error",
        reason="bench error: 127.0.0.1:5025 is taken",
        measurements=[measurement("final_share", 0.0, "fail", unit="1", low=1.0, high=None)],
        unrecovered=[unrecovered(number, [1]) for number in range(12)],
    )
    told = call("show", "20260105", "--results", str(tmp_path)).stdout
    assert "- bench error: 127.0.0.1:5025 is taken\n" in told
    assert "must be at least" not in told and "values missing" not in told


@pytest.mark.parametrize(("listed", "more"), [(LISTED, "at least 990 more"), (12, "TWN000000000009 and 2 more")])
def test_meters_beyond_those_that_a_record_lists_are_not_counted_away(tmp_path: Path, listed: int, more: str) -> None:
    make_run(
        tmp_path,
        run_id="20260106-000000-demo-ffff",
        verdict="fail",
        unrecovered=[unrecovered(number, [1]) for number in range(listed)],
    )
    assert more in call("show", "20260106", "--results", str(tmp_path)).stdout


def test_show_json_holds_what_bench_run_prints(results: Path) -> None:
    shown = json.loads(call("show", "20260102", "--results", str(results), "--json").stdout)
    assert shown["run_id"] == "20260102-000000-demo-bbbb"
    assert shown["verdict"] == "fail"
    assert Path(shown["dir"]).is_dir()
    (final,) = shown["measurements"]
    assert {"name", "value", "unit", "low", "high", "verdict", "requirements"} <= final.keys()
    assert shown["unrecovered"][0]["meter"] == "TWN000000000003"


def test_report_writes_the_page_and_prints_its_path(results: Path) -> None:
    outcome = call("report", "20260101", "--results", str(results))
    assert outcome.exit_code == 0
    assert Path(outcome.stdout.strip()).read_text("utf-8").startswith("<!DOCTYPE html>")
    assert "report.html" in call("show", "20260101", "--results", str(results)).stdout


def test_report_opens_the_browser_only_when_asked(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(runs, "render", lambda folder: folder.report_path)
    call("report", "20260101", "--results", str(results), "--json")
    assert opened == []
    call("report", "20260101", "--results", str(results), "--open")
    assert opened == [(results / "20260101-000000-demo-aaaa" / "report.html").resolve().as_uri()]


@pytest.mark.parametrize("command", ["show", "report"])
def test_a_run_that_is_not_there_is_bad_input(results: Path, command: str) -> None:
    outcome = call(command, "20290101", "--results", str(results))
    assert isinstance(outcome.exception, InputError)
    assert outcome.exception.exit_code == 2


def test_on_a_terminal_the_listing_is_a_table_with_the_same_words(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    outcome = call("show", "20260102", "--results", str(results))
    assert "─" in outcome.stdout
    assert "at least 100 %" in outcome.stdout
