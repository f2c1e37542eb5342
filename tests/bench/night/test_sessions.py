"""Session files: what a kill leaves, what is tried again, what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.night.model import Incident, Outcome, Result, Value
from bench.night.sessions import FORMAT, Ended, Session, SessionWriter, Told, read_sessions


def result(outcome: Outcome, test: str = "test_a.py::test_it") -> Told:
    return Told(
        result=Result(test=test, outcome=outcome, kind="twin", place="lv-current"),
        category="bench" if outcome == "error" else "",
    )


def value(number: float) -> Value:
    return Value(test="test_a.py::test_it", kind="twin", place="lv-current", name="u", value=number, unit="V")


def begun(folder: Path, name: str = "") -> SessionWriter:
    writer = SessionWriter(folder, name)
    keys = (result("pass").result.key,)
    writer.begin(
        Session(
            format=FORMAT, started="2026-11-22T00:00:00Z", topology="t", topology_sha256="0", mode="twin", tests=keys
        )
    )
    return writer


def test_what_was_tried_again_has_its_last_result_its_attempts_and_is_flaky(tmp_path: Path) -> None:
    for outcome, number in (("error", 1.0), ("error", 2.0), ("pass", 3.0)):
        writer = begun(tmp_path)
        writer.result(result(outcome), [value(number)])  # type: ignore[arg-type]
        writer.end(Ended(time="2026-11-22T00:00:01Z"))
    found = read_sessions(tmp_path)
    (only,) = found.results.values()
    assert (only.outcome, only.attempts, only.flaky) == ("pass", 3, True)
    assert [each.value for each in found.values.values()] == [3.0]
    assert (found.open_sessions, len(found.sessions), found.categories[only.key]) == (0, 3, "")


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_torn_last_line_is_left_out_and_cut_off_by_the_next_session(tmp_path: Path, cut: int) -> None:
    writer = begun(tmp_path)
    writer.result(result("pass"))
    writer.result(result("fail", "test_a.py::test_torn"))
    file = tmp_path / "results.jsonl"
    file.write_bytes(file.read_bytes()[:-cut])
    found = read_sessions(tmp_path)
    assert found.open_sessions == 1 and len(found.problems) == (0 if cut == 1 else 1)
    begun(tmp_path).end(Ended(time="2026-11-22T00:00:01Z", aborted=True))
    again = read_sessions(tmp_path)
    assert again.problems == [] and [each.outcome for each in again.results.values()] == ["pass"]


def test_sessions_side_by_side_write_files_of_their_own_and_are_read_together(tmp_path: Path) -> None:
    for name in ("gw0", "gw1"):
        writer = begun(tmp_path, name)
        writer.result(result("pass", f"test_a.py::test_{name}"))
        writer.incident(Incident(time="2026-11-22T00:00:00Z", what=f"at {name}"))
    found = read_sessions(tmp_path)
    assert len(found.results) == 2 and [each.what for each in found.incidents] == ["at gw0", "at gw1"]
    assert list(found.planned) == [result("pass").result.key]


def test_nothing_is_read_where_nothing_was_written(tmp_path: Path) -> None:
    assert read_sessions(tmp_path / "none").results == {}


def test_another_format_is_refused_with_its_place(tmp_path: Path) -> None:
    begun(tmp_path)
    file = tmp_path / "results.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"format":1', b'"format":2'))
    with pytest.raises(InputError, match=r"results\.jsonl:1: format 2"):
        read_sessions(tmp_path)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="--bench-results"):
        SessionWriter(tmp_path / "file")
