"""The commands of the night as a person and as a program meet them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from bench.cli import compare, gate, quarantine, requirements
from bench.cli.night_options import today
from bench.errors import InputError
from bench.night.history import History
from bench.night.model import Key
from tests.bench.night.nights import CLOCK, REGISTERS, night
from tests.bench.record.factory import make_run

LV1, LV2 = Key(CLOCK, "rack", "lv-1"), Key(REGISTERS, "rack", "lv-2")


def call(*arguments: object) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    for command in (compare.compare, gate.gate, requirements.requirements):
        app.command()(command)
    app.add_typer(quarantine.app, name="quarantine")
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Three nights: a defect in the second, another one and a drift in the third."""
    path = tmp_path / "history.jsonl"
    nights = History(path)
    nights.append(night(0))
    nights.append(night(1, outcomes={LV1: "fail"}))
    nights.append(night(2, outcomes={LV2: "fail"}, gain={"lv-3": 0.3}))
    return path


@pytest.mark.requirement("U7")
def test_three_nights_compared_name_what_is_new_fixed_and_drifted(history: Path) -> None:
    outcome = call("compare", "--history", history)
    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert lines[0] == "20261103-rack against 20261102-rack: 1 new failure, 1 fixed, 178 passing"
    rows = [line.split()[:4] for line in lines[3:-2]]
    assert rows[0][:2] == ["new", "failure"]
    assert rows[1][0] == "fixed"
    assert {row[0] for row in rows[2:]} == {"drifted"}
    assert {row[3] for row in rows[2:]} == {"lv-3"}


def test_compare_for_programs_and_by_names(history: Path) -> None:
    found = json.loads(call("compare", "20261101", "20261103-rack", "--history", history, "--json").stdout)
    changes = {(each["test"], each["place"]): each["change"] for each in found["tests"] if each["change"] != "passing"}
    assert changes == {(REGISTERS, "lv-2"): "new failure"}
    assert found["against"] == "20261101-rack"
    assert {each["place"] for each in found["drifts"]} == {"lv-3"}
    swapped = call("compare", "last", "last-1", "--history", history)
    assert isinstance(swapped.exception, InputError)
    assert "give the older night first" in str(swapped.exception)


def test_a_torn_line_is_told_beside_the_result(history: Path) -> None:
    with history.open("ab") as file:
        file.write(b'{"format":1,"night":"202611')
    outcome = call("compare", "--history", history)
    assert outcome.stdout.startswith("20261103-rack against")
    assert "history.jsonl:4: left out, torn" in outcome.stderr
    assert json.loads(call("compare", "--history", history, "--json").stdout)["problems"]


def test_the_gate_has_a_table_a_reason_and_an_exit_code(history: Path, tmp_path: Path) -> None:
    options = ("--history", history, "--quarantine", tmp_path / "q.yaml")
    failed = call("gate", *options)
    assert failed.exit_code == 1
    assert failed.stdout.startswith("FAIL  20261103-rack against 20261102-rack\n")
    assert f"- new failure: {LV2}: assert fail" in failed.stdout
    assert call("gate", "20261101", *options).exit_code == 0
    found = json.loads(call("gate", *options, "--json").stdout)
    assert {rule["name"]: rule["verdict"] for rule in found["rules"]}["drifts"] == "fail"
    History(history).append(night(3, outcomes={LV1: "error"}))
    assert call("gate", *options).exit_code == 3
    assert call("gate", *options, "--markdown").stdout.startswith("**! Bench error** · night `20261104-rack`")


def test_quarantine_from_add_to_remove(history: Path, tmp_path: Path) -> None:
    file = tmp_path / "q.yaml"
    options = ("--quarantine", file)
    said = ("--reason", "known", "--issue", "7", "--owner", "ann")
    assert "nothing is in quarantine" in call("quarantine", "list", *options).stdout
    assert call("quarantine", "add", CLOCK, *said, "--place", "lv-1", *options).exit_code == 0
    (entry,) = json.loads(call("quarantine", "list", *options, "--json").stdout)
    assert (entry["place"], entry["holds"]) == ("lv-1", True)
    assert entry["expires"] == str(today() + timedelta(days=14))

    assert call("quarantine", "check", *options, "--history", history).exit_code == 0
    call("quarantine", "add", "no such test", *said, *options)
    checked = call("quarantine", "check", *options, "--history", history)
    assert checked.exit_code == 1
    assert f"{file}:9: unused: no such test (ann)" in checked.stdout

    verified = call("quarantine", "verify", *options, "--history", history)
    assert "passes everywhere for 1 night(s); remove it" in verified.stdout
    (found,) = json.loads(call("quarantine", "verify", *options, "--history", history, "--json").stdout)
    assert (found["passes"], found["change"]) == (True, "fixed")

    assert call("quarantine", "remove", CLOCK, "--place", "lv-1", *options).exit_code == 0
    assert [each["test"] for each in json.loads(call("quarantine", "list", *options, "--json").stdout)] == [
        "no such test"
    ]


def test_a_quarantine_from_the_future_is_bad_input_to_whoever_reads_it(history: Path, tmp_path: Path) -> None:
    file, begin = tmp_path / "q.yaml", today() + timedelta(days=400)
    text = "- {{test: t, reason: r, issue: 1, owner: o, added: {}, expires: {}}}\n"
    file.write_text(text.format(begin, begin + timedelta(days=5)))
    for command in ("list", "check", "verify"):
        outcome = call("quarantine", command, "--quarantine", file, *(["--history", history] * (command != "list")))
        assert isinstance(outcome.exception, InputError)
        assert f"{begin} is in the future" in str(outcome.exception)
    over = today() - timedelta(days=5)
    file.write_text(text.format(over, over + timedelta(days=4)))
    assert f"{over + timedelta(days=4)} over" in call("quarantine", "list", "--quarantine", file).stdout
    assert "expired" in call("quarantine", "check", "--quarantine", file, "--history", history).stdout


def test_a_quarantine_that_is_too_long_or_of_an_unknown_kind_is_bad_input(tmp_path: Path) -> None:
    said = ("--reason", "r", "--issue", "1", "--owner", "o", "--quarantine", tmp_path / "q.yaml")
    for wrong in (("--days", 31), ("--kind", "ghost"), ("--mode", "walk")):
        assert isinstance(call("quarantine", "add", "t", *said, *wrong).exception, InputError)


def test_requirements_has_every_row_and_tells_one_in_full(history: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "results", started="2026-11-01T00:00:00.000Z")
    options = ("--results", tmp_path / "results", "--history", history)
    rows = json.loads(call("requirements", *options, "--json").stdout)
    assert len(rows) == 55
    found = {row["id"]: row for row in rows}
    assert found["A5"]["twins"]["by"] == "20261103-rack"  # newer than the run
    assert found["M11"]["state"] == "failing"
    served = [row for row in rows if row["state"] != "open"]
    assert len(served) >= 40
    for row in served:  # whoever serves it, a test bears its id, and what verified it last says when
        assert row["tests"] and (row["elsewhere"] or row["tests"][0].startswith("suites/")), row["id"]
        assert all(each["when"] and each["outcome"] for each in (row["twins"], row["places"]) if each), row["id"]
    assert [row["id"] for row in rows if row["state"] == "served" and (row["twins"] or row["places"])] == []
    table = call("requirements", *options).stdout.splitlines()
    assert len(table) == 56
    shown = call("requirements", "A5", *options).stdout
    assert "twins: pass 2026-11-03 17:00 UTC, night of 20261103-rack, 2 findings" in shown
    assert isinstance(call("requirements", "Z1", *options).exception, InputError)
