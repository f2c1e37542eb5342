"""A lab with several hosts, all of them this machine: safe state, collection, inventories that cannot be used."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.rack import app
from bench.errors import InputError
from bench.provision.run import Job
from tests.bench.provision.conftest import Collected
from tests.bench.provision.lab import need_ansible, run, write_topology

HERE = "ansible_connection=local ansible_python_interpreter=" + sys.executable


@pytest.fixture(autouse=True)
def _ansible() -> None:
    need_ansible()


def _program(path: Path, lines: str) -> Path:
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


def test_the_safe_state_of_a_lab_reports_each_rack_and_fails_loudly(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    bench = _program(tmp_path / "bench", 'echo "$PASSWORD $*" > asked')
    broken = _program(tmp_path / "broken", "echo 'the safe state is not proved: source-1' >&2; exit 3")
    (tmp_path / "environment").write_text("# of the bus\nPASSWORD=secret=1\n")
    inventory = tmp_path / "lab.ini"
    gone = (
        "ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1 ansible_timeout=2" if shutil.which("ssh") else ""
    )
    inventory.write_text(
        f"[rack]\nrack-1 {HERE} bench_executable={bench}\nrack-2 {HERE} bench_executable={broken}\n"
        + (f"rack-3 {gone}\n" if gone else "")
        + f"[rack:vars]\nansible_remote_tmp={tmp_path}/remote\n"
        + f"with_services=false\nbench_state_dir={state}\nbench_config_dir={tmp_path}\n"
    )
    topology = write_topology(tmp_path)
    arguments = ["--folder", str(tmp_path / "log"), "provision", str(topology), "--play", "safe"]
    done = CliRunner().invoke(app, [*arguments, "--inventory", str(inventory), "--json"])
    told = json.loads(done.stdout)
    hosts = {each["host"]: each for each in told["hosts"]}
    assert (hosts["rack-1"]["failed"], hosts["rack-2"]["failed"]) == (0, 1)
    assert (state / "asked").read_text() == (
        f"secret=1 rack --folder {state}/results/.rack --as provision safe --json\n"
    )
    assert "the safe state is not proved: source-1" in hosts["rack-2"]["problems"][0]
    assert "secret" not in Path(told["log"]).read_text("utf-8")
    if gone:
        assert hosts["rack-3"]["unreachable"] == 1
        assert "port 1: Connection refused" in hosts["rack-3"]["problems"][0]
    assert done.exit_code == (3 if gone else 1)


def test_runs_that_have_ended_are_collected_once_and_old_archives_go(collected: Collected, tmp_path: Path) -> None:
    assert collected.first.exit_code == 0, collected.first.hosts
    kept = collected.kept / "localhost"
    found = sorted(str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file())
    assert found == ["audit.jsonl", "runs/20261121-0100-night-aa.tar.gz", "verdicts/20261121-0100-night-aa.json"]
    shutil.unpack_archive(kept / "runs/20261121-0100-night-aa.tar.gz", tmp_path)
    assert (tmp_path / "20261121-0100-night-aa/readings/part-0.parquet").read_bytes() == b"columns"
    assert collected.second.hosts[0].changed == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rack]\nrack-1 night_at=2am\n", "lab.ini: rack-1: night_at: '2am' cannot be used; give a time as HH:MM"),
        ("[rack\n", "cannot be used as an inventory"),
        ("[broker]\nbroker-1\n", "names a broker host, but the bus of"),
    ],
)
def test_an_inventory_that_cannot_be_used_is_one_clear_message(tmp_path: Path, text: str, message: str) -> None:
    inventory = tmp_path / "lab.ini"
    inventory.write_text(text)
    with pytest.raises(InputError) as caught:
        run(write_topology(tmp_path), Job(inventory=inventory), tmp_path / "log")
    assert message in str(caught.value)


def test_when_ansible_itself_breaks_the_exit_code_is_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", "")  # makes ansible-core 2.19 stumble before the first task
    done = CliRunner().invoke(
        app, ["--folder", str(tmp_path), "provision", str(write_topology(tmp_path)), "--root", str(tmp_path / "root")]
    )
    assert getattr(done.exception, "exit_code", None) == 3
    assert "ansible broke off with exit status" in str(done.exception)
