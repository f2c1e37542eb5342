"""The end of a night: what its sessions told becomes one line of the history, a verdict, a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.night.conclude import close_cut_off, conclude
from bench.night.folder import GATE_FILE, NIGHTS, PAGE_FILE, SUMMARY_FILE, NightFolder
from bench.night.history import History
from bench.night.model import Incident, Outcome
from bench.night.rack_care import incident
from tests.bench.night.folders import RACK, TWINS, folder, result, tell

A, B = "suites/test_a.py::test_a", "suites/test_a.py::test_b"


class Lab:
    """A folder of results with nights in it."""

    def __init__(self, path: Path) -> None:
        self.results, self.quarantine = path, path / "quarantine.yaml"
        self.history = History(path / "history.jsonl")

    def night(self, number: int, outcome: Outcome = "pass", *, ends: bool = True) -> NightFolder:
        started = f"2026-11-{number:02}T17:00:00.000Z"
        made = folder(self.results / NIGHTS, night=f"n{number:02}", started=started)
        made.note("begun")
        tell(made, RACK, result(A, outcome, message="it is off"), result(A, "pass", "lv-2"), ends=ends)
        tell(made, TWINS, result(A, "pass", "lv-current", "twin"))
        return made

    def conclude(self, made: NightFolder) -> str:
        return conclude(made, self.history, self.quarantine).gate.verdict


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_night_is_judged_kept_and_told(lab: Lab) -> None:
    made = lab.night(1, "fail")
    assert lab.conclude(made) == "fail"
    assert lab.history.find("last").verdict == "fail"
    assert [each.night for each in lab.history.newest_first()] == ["n01"]
    assert "New failures" in (made.path / SUMMARY_FILE).read_text("utf-8")
    assert "it is off" in (made.path / PAGE_FILE).read_text("utf-8")
    assert '"verdict": "fail"' in (made.path / GATE_FILE).read_text("utf-8")
    assert made.ended


def test_concluded_twice_it_counts_once(lab: Lab) -> None:
    made = lab.night(1)
    lab.conclude(made)
    first = (made.path / PAGE_FILE).read_bytes(), lab.history.path.read_bytes()
    assert lab.conclude(made) == "pass"
    assert ((made.path / PAGE_FILE).read_bytes(), lab.history.path.read_bytes()) == first


def test_a_night_is_held_against_the_one_before(lab: Lab) -> None:
    lab.conclude(lab.night(1, "fail"))
    assert lab.conclude(lab.night(2, "pass")) == "pass"
    third = conclude(lab.night(3, "fail"), lab.history, lab.quarantine)
    assert [each.change for each in third.comparison.tests if each.change != "passing"] == ["new failure"]


def test_a_bench_error_is_a_result_and_not_an_incident_besides(lab: Lab) -> None:
    made = lab.night(1, "error")
    from bench.night.session import RESULTS
    from bench.night.sessions import SessionWriter

    writer = SessionWriter(made.path / RESULTS, RACK.name)
    writer.incident(Incident(time="2026-11-01T17:00:01Z", what=f"{A}: bench error: silent", place="lv-1"))
    writer.incident(Incident(time="2026-11-01T17:00:02Z", what="the gateway was started again"))
    made.note("incident", incident=incident("load-1 does not answer", "lv-1", retired=True))
    found = conclude(made, lab.history, lab.quarantine)
    assert found.gate.verdict == "error"
    assert [(each.what, each.retired) for each in found.night.incidents] == [
        ("the gateway was started again", False),
        ("load-1 does not answer", True),
    ]
    assert len(found.gate.bench_errors) == 3
    assert found.gate.failures == ()


def test_a_night_that_nobody_continues_is_in_the_history_as_aborted(lab: Lab) -> None:
    cut, present = lab.night(1, ends=False), lab.night(2)
    close_cut_off(lab.results, present, lab.history, lab.quarantine)
    lab.conclude(present)
    assert [(each.night, each.verdict) for each in lab.history.newest_first()] == [("n02", "pass"), ("n01", "aborted")]
    assert cut.ended
    assert "cut off before its end" in (cut.path / PAGE_FILE).read_text("utf-8")
