"""Folders of nights: what is on the disk is enough to go on after a kill."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from bench.errors import BenchFault, InputError
from bench.night.folder import JOURNAL_FILE, NightFolder, alone, find_folder, nights_in
from bench.night.model import Incident
from tests.bench.night.folders import folder, plan


def test_a_night_is_found_by_its_plan_and_tells_what_it_was_to_do(tmp_path: Path) -> None:
    made = folder(tmp_path)
    assert [each.path for each in nights_in(tmp_path)] == [made.path]
    assert find_folder(tmp_path, made.path.name).plan == plan()
    assert (made.path / "topology.yaml").read_text("utf-8") == "name: rack\n"


def test_nights_stand_newest_first(tmp_path: Path) -> None:
    for number, day in enumerate((20, 22, 21)):
        folder(tmp_path, night=f"n{number}", started=f"2026-11-{day}T17:00:00.000Z")
    assert [each.path.name for each in nights_in(tmp_path)] == ["n1", "n2", "n0"]
    assert nights_in(tmp_path / "nowhere") == []


def test_a_night_of_the_same_name_is_refused(tmp_path: Path) -> None:
    folder(tmp_path)
    with pytest.raises(BenchFault, match="cannot make"):
        folder(tmp_path)
    with pytest.raises(InputError, match="holds no night"):
        find_folder(tmp_path, "elsewhere")


def test_the_journal_tells_every_step_in_order(tmp_path: Path) -> None:
    made = folder(tmp_path)
    incident = Incident(time="2026-11-21T17:01:00Z", what="silent", place="lv-1", retired=True)
    made.note("begun")
    made.note("incident", incident=incident)
    made.note("shard", "twin-1")
    assert [(each.step, each.shard, each.incident) for each in made.journal()] == [
        ("begun", "", None),
        ("incident", "", incident),
        ("shard", "twin-1", None),
    ]
    assert not made.ended
    made.note("ended", what="pass")
    assert made.ended


def test_a_torn_last_step_is_left_out_and_then_cut_off(tmp_path: Path) -> None:
    made = folder(tmp_path)
    made.note("begun")
    with (made.path / JOURNAL_FILE).open("ab") as file:
        file.write(b'{"time":"2026-11-21T17:02')
    assert [each.step for each in made.journal()] == ["begun"]
    made.note("continued")
    assert [each.step for each in made.journal()] == ["begun", "continued"]


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    made = folder(tmp_path)
    (made.path / JOURNAL_FILE).write_text("nonsense\n", "utf-8")
    with pytest.raises(InputError, match="damaged"):
        made.journal()
    assert NightFolder(made.path).result() is None


def test_only_one_night_runs_at_a_time(tmp_path: Path) -> None:
    with alone(tmp_path):
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            assert "is running there" in pool.apply(_refused, (tmp_path,))
    with alone(tmp_path, patience=0.0):
        pass


def _refused(path: Path) -> str:
    try:
        with alone(path, patience=0.0):
            return "not refused"
    except InputError as error:
        return str(error)
