"""Old nights and runs give up their bulk; verdicts stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.main import application
from bench.errors import InputError
from bench.night.folder import NIGHTS, PAGE_FILE, PLAN_FILE
from bench.night.history import History
from bench.night.prune import prunable, prune
from tests.bench.night.test_conclude import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    found = Lab(tmp_path)
    for number in (1, 2, 3):
        made = found.night(number)
        (made.path / "rack-1" / "processes").mkdir(parents=True)
        (made.path / "rack-1" / "processes" / "gateway.log").write_text("x" * 1000, "utf-8")
        found.conclude(made)
    return found


def test_the_last_nights_are_kept_whole_and_the_verdicts_of_all(lab: Lab) -> None:
    found = prunable(lab.results, 2)
    assert [each.path.name for each in found] == ["n01"]
    assert found[0].size > 1000
    prune(found)
    old = lab.results / NIGHTS / "n01"
    assert not (old / "rack-1").exists() and not (old / "results").exists()
    assert (old / PLAN_FILE).exists() and (old / PAGE_FILE).exists()
    assert (lab.results / NIGHTS / "n02" / "results").exists()
    assert len(list(History(lab.results / "history.jsonl").newest_first())) == 3
    assert prunable(lab.results, 2) == []


def test_what_is_not_in_the_history_is_left_alone(lab: Lab) -> None:
    lab.history.path.unlink()
    assert prunable(lab.results, 1) == []
    with pytest.raises(InputError, match="at least 1"):
        prunable(lab.results, 0)


def test_the_command_says_what_would_go_before_it_goes(lab: Lab) -> None:
    line = ["nights", "prune", "--keep", "1", "--results", str(lab.results)]
    runner = CliRunner()
    told = runner.invoke(application(line), [*line, "--dry-run"])
    assert "would remove" in told.output and "2 folders" in told.output
    assert (lab.results / NIGHTS / "n02" / "results").exists()
    runner.invoke(application(line), line)
    assert not (lab.results / NIGHTS / "n02" / "results").exists()
    listed = runner.invoke(application(["nights"]), ["nights", "list", "--results", str(lab.results)])
    assert listed.output.count("pass") == 3
