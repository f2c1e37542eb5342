"""The command as a user meets it: help, bad input, exit codes; nothing is written where nothing should be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VILLAGE = str(ROOT / "topologies" / "village.yaml")


def bench(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.cli.main", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_help_names_every_command(tmp_path: Path) -> None:
    done = bench(tmp_path, "--help")
    assert done.returncode == 0
    for command in ("run", "check", "schema", "runs", "show", "report", "perf", "meter"):
        assert f" {command} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "none.yaml"], "none.yaml:1:1: topology: there is no such file"),
        (["run", VILLAGE, "--campaign", "harvest"], "harvest: no such campaign; there is collection"),
        (["show", "last"], "no runs yet"),
        (["nightly", VILLAGE, "--only", "nofile.py"], "--only nofile.py: there is no such file of tests"),
        (["nightly", VILLAGE, "--place", "foo"], "--place foo: there is none in what is tested of"),
        (["run"], "Missing argument"),
        (["walk"], "No such command"),
    ],
)
def test_bad_input_is_one_message_exit_code_2_and_nothing_written(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = bench(tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_broken_topology_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("name: x\nclock: {mode: virtual, start: 2026-01-15T00:00}\nareas: 3\n")
    done = bench(tmp_path, "run", "broken.yaml", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "broken.yaml:3:8: areas: 3 is not a list; give a list\n"
    assert [path.name for path in tmp_path.iterdir()] == ["broken.yaml"]


def test_a_missing_mosquitto_is_said_before_anything_is_written(tmp_path: Path) -> None:
    text = (
        Path(VILLAGE)
        .read_text(encoding="utf-8")
        .replace("broker: embedded", "broker: mosquitto\n  executable: no-such-broker")
    )
    (tmp_path / "village.yaml").write_text(text, encoding="utf-8")
    done = bench(tmp_path, "run", "village.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no-such-broker is not installed" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["village.yaml"]


def test_results_that_cannot_be_written_are_a_clear_bench_error(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file in the way")
    done = bench(tmp_path, "run", VILLAGE)
    assert done.returncode == 3
    assert "cannot make the run folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_who_has_read_enough_ends_the_command_without_a_word(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "bench.cli.main", "schema"]
    with os.fdopen(writing, "wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, cwd=tmp_path, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize(("stream", "arguments", "code"), [("stdout", ["schema"], 3), ("stderr", ["show", "last"], 2)])
def test_output_that_cannot_be_written_is_one_message(
    stream: str, arguments: list[str], code: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "bench.cli.main", *arguments]
    with Path("/dev/full").open("wb") as full:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        done = subprocess.run(command, cwd=tmp_path, timeout=60, check=False, **streams)
    assert done.returncode == code
    if stream == "stdout":
        assert done.stderr == b"standard output: No space left on device\n"
    else:
        assert done.stdout == b""
