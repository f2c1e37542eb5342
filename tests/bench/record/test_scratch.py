"""Folders of processes: gone at the end, and after a kill when the next one begins; never while somebody has them."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.record.scratch import clear_left, owning, scratch

_OWNER = """
import threading
from bench.record.scratch import scratch
with scratch("kind-") as folder:
    (folder / "secret").write_text("x")
    print(folder, flush=True)
    threading.Event().wait()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_there_for_the_block_and_another_one_is_another(temporary: Path) -> None:
    with scratch("kind-") as one, scratch("kind-") as other:
        assert one != other and one.is_dir() and other.is_dir()
        (one / "deep").mkdir()
        (one / "deep" / "file").write_text("x")
    assert not list(temporary.iterdir())


def test_what_a_killed_process_left_goes_when_the_next_one_begins(temporary: Path) -> None:
    stranger = temporary / "other-1"
    stranger.mkdir()
    command, env = [sys.executable, "-c", _OWNER], os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        left = Path(owner.stdout.readline().strip())
        assert left.parent == temporary
        with scratch("kind-"):
            assert (left / "secret").exists()  # it has an owner
        owner.kill()
        owner.wait()
    assert (left / "secret").exists()
    with scratch("kind-") as mine:
        assert sorted(temporary.iterdir()) == sorted([mine, stranger])


def test_files_of_a_pattern_are_cleared_where_nobody_holds_the_folder(tmp_path: Path) -> None:
    held, left = tmp_path / "held", tmp_path / "left"
    for folder in (held, left):
        folder.mkdir()
        for name in ("a.spec.json", "a.log"):
            (folder / name).write_text("x")
    with owning(held):
        clear_left([held, left, tmp_path / "nowhere"], "*.spec.json")
    assert [each.name for each in sorted(held.iterdir())] == ["a.log", "a.spec.json"]
    assert [each.name for each in left.iterdir()] == ["a.log"]


def test_on_a_file_system_without_locks_all_works_and_nothing_is_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    left = tmp_path / "kind-left"
    left.mkdir()
    (left / "a.spec.json").write_text("x")
    with scratch("kind-") as mine:
        assert mine.is_dir()
        clear_left([left], "*.spec.json")
        assert (left / "a.spec.json").exists()
    assert not mine.exists()
