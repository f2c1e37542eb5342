"""Whatever is killed in mid-run, the run recovers: nothing is lost, nothing counted twice (A4, A16, U3)."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.e2e.bench_run import BenchRun, topology, values


@pytest.mark.requirement("A4", "A16")
@pytest.mark.slow
@pytest.mark.parametrize("victim", ["broker", "shard-0", "head-end"])
def test_a_run_recovers_from_kill_9(victim: str, tmp_path: Path) -> None:
    with BenchRun(topology(tmp_path), tmp_path / "results") as run:
        run.wait_for_tick(60)
        run.kill_9(victim)
        code, outcome, err = run.finish()
        assert (code, outcome.get("verdict")) == (0, "pass"), err
        found = values(outcome)
        assert found["final_share"] == 1
        assert found["duplicate_values"] == found["conflicting_values"] == found["rejected_messages"] == 0
        record = (run.folder / "run.json").read_text(encoding="utf-8")
        assert f"{victim} was killed by signal 9; started again" in record
        with run.columns() as columns:
            assert columns.query("SELECT count(*), count(DISTINCT (meter, slot)) FROM readings") == [(1600, 1600)]


@pytest.mark.requirement("X2")
@pytest.mark.slow
def test_no_counter_is_used_twice_when_a_shard_is_killed(tmp_path: Path) -> None:
    with BenchRun(topology(tmp_path), tmp_path / "results") as run:
        run.wait_for_tick(60)
        run.kill_9("shard-0")
        assert run.finish()[0] == 0
        with run.columns() as columns:
            # Rows of one answer share its counter; two messages never do.
            repeated = columns.query(
                "SELECT meter, counter FROM readings WHERE via = 0 GROUP BY ALL HAVING count(*) > 1"
                " UNION ALL SELECT DISTINCT a.meter, a.counter FROM readings a JOIN readings b"
                " ON a.meter = b.meter AND a.counter = b.counter AND a.via <> b.via"
            )
            assert repeated == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_aborted_run_leaves_a_readable_record_and_nothing_else(number: int, tmp_path: Path) -> None:
    with BenchRun(topology(tmp_path, slots=48), tmp_path / "results") as run:
        run.wait_for_tick(60)
        port = run.port()
        run.signal(number)
        code, outcome, err = run.finish()
        assert (code, outcome.get("verdict")) == (130, "aborted"), err
        assert run.survivors() == []
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)
        stored = outcome["summary"]["stored"]
        assert 0 < stored < outcome["summary"]["due"]
        with run.columns() as columns:
            assert columns.query("SELECT count(*) FROM readings") == [(stored,)]
        assert "aborted" in (run.folder / "report.html").read_text(encoding="utf-8")
        assert not list(run.folder.rglob("*.spec.json"))


@pytest.mark.slow
def test_nothing_survives_a_conductor_that_is_killed_outright(tmp_path: Path) -> None:
    with BenchRun(topology(tmp_path, slots=48), tmp_path / "results") as run:
        run.wait_for_tick(30)
        run.signal(signal.SIGKILL)
        assert run.finish()[0] == -signal.SIGKILL
        assert run.survivors() == []
        assert '"state": "running"' in (run.folder / "run.json").read_text(encoding="utf-8")
