"""Run folders: readable at every moment, listed whatever state they are in, found by what a person types."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.errors import BenchFault, InputError
from bench.record.folder import RunFolder, find, list_runs, new_run_id
from bench.record.model import decode, encode, iso_utc
from bench.record.provenance import git_commit, host, versions
from tests.bench.record.factory import TOPOLOGY, make_run, measurement, record, unrecovered


def test_a_new_folder_holds_the_topology_and_a_readable_running_record(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "results", record(state="running", verdict=None, ended=None, host=host()))
    assert folder.topology_path.read_text() == TOPOLOGY
    assert folder.load().state == "running"
    (entry,) = list_runs(tmp_path / "results")
    assert entry.state == "running"


def test_a_second_run_of_the_same_id_is_refused_and_the_first_left_alone(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, record(name="first"))
    with pytest.raises(BenchFault, match="exists already"):
        RunFolder.create(tmp_path, record(name="second"))
    assert folder.load().name == "first"


def test_a_record_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    before = record(
        measurements=[measurement("a", None, "fail"), measurement("b", 0.99998, unit="1")],
        unrecovered=[unrecovered(3, [1, 2])],
        command="bench run topologies/demo.yaml",
    )
    folder = RunFolder.create(tmp_path, before)
    assert folder.load() == before
    assert sorted(path.name for path in folder.path.iterdir()) == ["run.json", "topology.yaml"]


def test_numbers_of_numpy_are_recorded_as_numbers() -> None:
    written = encode(record(summary={"stored": np.int64(5), "rate": np.float64(0.5)}))
    assert decode(written.encode()).summary == {"stored": 5, "rate": 0.5}


def test_keys_that_a_later_bench_added_are_no_obstacle() -> None:
    text = msgspec.json.decode(encode(record()).encode()) | {"weather": "rain"}
    assert decode(msgspec.json.encode(text)) == record()


def test_a_torn_write_leaves_the_record_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder.create(tmp_path, record(verdict="pass"))

    def power_cut(_: int) -> None:
        raise OSError("gone")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="gone"):
        patch.setattr(os, "fsync", power_cut)
        folder.save(record(verdict="fail"))
    assert folder.load().verdict == "pass"
    folder.save(record(verdict="error"))
    assert folder.load().verdict == "error"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"format": 1, "run', "truncated"),
        ("[]", "object"),
        ("{}", "run_id"),
        (encode(record()).replace('"seed": 7', '"seed": "seven"'), r"\$\.seed"),
        (encode(record()).replace('"format": 1', '"format": 9'), "format 9"),
    ],
)
def test_a_broken_record_is_named_with_its_file_and_reason(tmp_path: Path, text: str, complaint: str) -> None:
    folder = RunFolder.create(tmp_path, record())
    (folder.path / "run.json").write_text(text)
    with pytest.raises(InputError, match=rf"(?s)run\.json.*{complaint}"):
        folder.load()
    (entry,) = list_runs(tmp_path)
    assert entry.state == "broken"
    assert entry.problem is not None
    assert "run.json" in entry.problem


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    gone = host() | {"pid": child.pid}
    child.wait()
    RunFolder.create(tmp_path, record(state="running", verdict=None, host=gone))
    assert list_runs(tmp_path)[0].state == "interrupted"


def test_a_later_process_with_the_same_number_does_not_keep_a_run_alive(tmp_path: Path) -> None:
    other = host()
    other["process_started"] -= 3600.0
    RunFolder.create(tmp_path, record(state="running", verdict=None, host=other))
    assert list_runs(tmp_path)[0].state == "interrupted"


def test_folders_of_nights_and_scores_are_no_runs_and_a_run_without_its_record_is_broken(tmp_path: Path) -> None:
    for other in ("nights/20261122-033108-rack-feeb", "score/rack-0a1b2c3d-full", "notes"):
        (tmp_path / other).mkdir(parents=True)
    assert list_runs(tmp_path) == []
    with pytest.raises(InputError, match="no runs yet"):
        find(tmp_path, "last")
    lost = RunFolder.create(tmp_path, record(new_run_id("Demo Town")))
    (lost.path / "run.json").unlink()
    renamed = RunFolder.create(tmp_path, record("renamed"))
    (renamed.path / "run.json").unlink()
    entries = list_runs(tmp_path)
    assert {(entry.folder, entry.state) for entry in entries} == {(lost, "broken"), (renamed, "broken")}
    assert all(entry.problem is not None and "run.json: No such file" in entry.problem for entry in entries)


def test_runs_are_listed_newest_first_with_unfinished_and_broken_ones(tmp_path: Path) -> None:
    for number, started in enumerate(("2026-01-02", "2026-01-03", "2026-01-01")):
        RunFolder.create(tmp_path, record(f"run-{number}", started=f"{started}T00:00:00.000Z"))
    (tmp_path / "20260101-000000-demo-dead").mkdir()
    os.utime(tmp_path / "20260101-000000-demo-dead", (0, 0))
    (tmp_path / "README.md").write_text("not a run")
    (tmp_path / ".hidden").mkdir()
    assert [entry.folder.run_id for entry in list_runs(tmp_path)] == [
        "run-1",
        "run-0",
        "run-2",
        "20260101-000000-demo-dead",
    ]


def test_no_results_folder_means_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []
    with pytest.raises(InputError, match="no runs yet"):
        find(tmp_path / "none", "last")


def test_a_run_is_found_by_id_prefix_last_and_path(tmp_path: Path) -> None:
    old = RunFolder.create(tmp_path, record("20260101-000000-demo-aaaa", started="2026-01-01T00:00:00Z"))
    new = RunFolder.create(tmp_path, record("20260102-000000-demo-bbbb", started="2026-01-02T00:00:00Z"))
    assert find(tmp_path, "20260101") == old
    assert find(tmp_path, new.run_id) == new
    assert find(tmp_path, "last") == new
    assert find(tmp_path / "elsewhere", str(old.path)) == old


def test_an_id_that_another_id_begins_with_is_found_by_itself(tmp_path: Path) -> None:
    short = RunFolder.create(tmp_path, record("night"))
    RunFolder.create(tmp_path, record("night-2"))
    assert find(tmp_path, "night") == short


def test_an_ambiguous_prefix_is_answered_with_all_that_fit(tmp_path: Path) -> None:
    for name in ("20260101-demo-aaaa", "20260101-demo-bbbb", "20260202-demo-cccc"):
        RunFolder.create(tmp_path, record(name))
    with pytest.raises(InputError, match=r"20260101-demo-aaaa, 20260101-demo-bbbb$"):
        find(tmp_path, "20260101")


def test_a_misspelt_run_is_answered_with_the_nearest_names(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, record("20260101-demo-aaaa"))
    with pytest.raises(InputError, match="nearest: 20260101-demo-aaaa"):
        find(tmp_path, "20260101-dmeo-aaaa")
    for nothing in ("zzz", ""):
        with pytest.raises(InputError, match="bench runs"):
            find(tmp_path, nothing)


def test_a_run_id_sorts_by_time_and_survives_any_name() -> None:
    assert re.fullmatch(r"\d{8}-\d{6}-demo-town-2-[0-9a-f]{4}", new_run_id("Demo Town/2"))
    assert re.fullmatch(r"\d{8}-\d{6}-run-[0-9a-f]{4}", new_run_id("東京"))
    assert len(new_run_id("x" * 500)) < 64


def test_real_times_are_written_in_utc() -> None:
    assert iso_utc(0.25) == "1970-01-01T00:00:00.250Z"


def test_host_and_versions_say_what_a_result_depends_on() -> None:
    assert {"bench", "python", "numpy", "cryptography", "iotcore", "duckdb"} <= versions().keys()
    facts = host()
    assert facts["pid"] == os.getpid()
    assert facts["cores"] >= 1
    assert facts["memory_bytes"] > 0
    assert facts["cpu"]


def test_the_commit_is_a_hash_or_nothing() -> None:
    commit = git_commit()
    assert commit is None or re.fullmatch(r"[0-9a-f]{40,64}(-dirty)?", commit)


def test_the_meters_of_a_run_have_one_row_an_index(tmp_path: Path) -> None:
    folder = make_run(tmp_path, areas=[("a", 1, 2), ("b", 1, 1)], slots=1)
    with folder.columns() as columns:
        assert columns.query("SELECT index, area FROM meters") == [(0, "a"), (1, "a"), (2, "b")]
