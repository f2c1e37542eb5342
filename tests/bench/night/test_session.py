"""A session of pytest, watched: real processes, ended and read as a night does."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

import bench
from bench.night import session
from bench.night.folder import NightFolder
from bench.night.model import Key
from bench.night.session import SessionEnd, Tail, chosen, command, run_session
from bench.night.sessions import read_sessions
from tests.bench.night.folders import RACK, TWINS, folder, result, tell

SUITES = Path(bench.__file__).parent / "suites"
A, B = "suites/test_a.py::test_a", "suites/test_a.py::test_b[high]"


@pytest.fixture
def night(tmp_path: Path) -> NightFolder:
    return folder(tmp_path)


def run(night: NightFolder, code: str, abort: threading.Event | None = None) -> SessionEnd:
    """A session whose process runs this code instead of pytest."""
    with (night.path / "lock").open("w") as lock:
        line = [sys.executable, "-c", code]
        return run_session(line, night, TWINS, {}, lock.fileno(), abort or threading.Event())


def test_the_tests_are_the_shipped_suites_or_what_is_named() -> None:
    assert chosen(()) == [str(SUITES)]
    assert chosen(["test_clock.py", "suites/test_clock.py::test_x", "mine/test_y.py"]) == [
        str(SUITES / "test_clock.py"),
        f"{SUITES / 'test_clock.py'}::test_x",
        "mine/test_y.py",
    ]


def test_the_command_says_where_what_and_what_not(night: NightFolder) -> None:
    line = command(night.plan, night, RACK, ["lv-2"], [Key(A, "rack", "lv-2"), Key(B, "rack", "lv-2")])
    assert {"--bench-mode=rack", "--bench-place=rack-lv-2", "--bench-resume"} <= set(line)
    assert f"--deselect={A}[rack-lv-2]" in line
    assert "--deselect=suites/test_a.py::test_b[high-rack-lv-2]" in line
    assert not any(part.startswith(("--bench-shard", "--bench-scale", "--bench-quarantine")) for part in line)
    assert "--bench-shard=1/1" in command(night.plan, night, TWINS, [], [])


def test_a_session_that_ends_by_itself_is_done(night: NightFolder) -> None:
    assert run(night, "pass") == SessionEnd("done", 0)
    assert run(night, "raise SystemExit(1)").ending == "done"  # tests failed


def test_a_session_that_does_not_begin_is_refused_with_its_last_words(night: NightFolder) -> None:
    code = "print('ERROR: unrecognized arguments: --x'); print('  rootdir: here'); raise SystemExit(4)"
    assert run(night, code) == SessionEnd("refused", 4, "ERROR: unrecognized arguments: --x")
    assert run(night, "raise SystemExit(2)").ending == "refused"  # a file of tests that cannot be imported


def test_a_session_that_crashes_names_the_test_that_it_was_at(night: NightFolder) -> None:
    planned = (Key(A, "twin", "lv"), Key(B, "twin", "lv"))
    script = night.path / "crash.py"
    script.write_text(
        f"""
import os, signal
from pathlib import Path
from bench.night.folder import NightFolder
from tests.bench.night.folders import TWINS, result, tell
from bench.night.model import Key
planned = tuple(Key(*each) for each in {[tuple(key) for key in planned]!r})
tell(NightFolder(Path({str(night.path)!r})), TWINS, result({A!r}, "pass", "lv", "twin"), planned=planned, ends=False)
os.kill(os.getpid(), signal.SIGKILL)
""",
        "utf-8",
    )
    ended = run(night, f"import sys; sys.path.insert(0, {str(Path.cwd())!r}); exec(open({str(script)!r}).read())")
    assert (ended.ending, ended.code, ended.running) == ("crashed", -9, planned[1])


def test_the_users_wish_ends_a_session_in_order(night: NightFolder) -> None:
    code = """
import signal, sys, threading
def ends(*_):
    print("ended in order", flush=True)
    sys.exit(2)
signal.signal(signal.SIGINT, ends)
print("up", flush=True)
threading.Event().wait()
"""
    abort = threading.Event()
    log = night.of_shard(TWINS) / "pytest.log"

    def when_up() -> None:
        while not (log.exists() and "up" in log.read_text("utf-8")):
            pass
        abort.set()

    threading.Thread(target=when_up).start()
    assert run(night, code, abort) == SessionEnd("aborted", 2)
    assert "ended in order" in log.read_text("utf-8")


def test_a_session_that_tells_nothing_for_too_long_is_killed(
    night: NightFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = session.load_parameters("night")
    short = {
        name: each if name != "silence" else type(each)(value=0.0, unit="s", doc="", source="")
        for name, each in parameters.items()
    }
    monkeypatch.setattr(session, "load_parameters", lambda _: short)
    ended = run(night, "import threading; threading.Event().wait()")
    assert (ended.ending, ended.code) == ("hung", -9)


def test_what_was_told_before_is_not_of_this_session(night: NightFolder) -> None:
    tell(night, TWINS, result(A, "pass", "lv", "twin"))
    tail = Tail(night.path / session.RESULTS / "results-twin-1.jsonl")
    assert not tail.look()
    tell(night, TWINS, result(B, "error", "lv", "twin"), planned=(Key(B, "twin", "lv"), Key(A, "twin", "lv")))
    assert tail.look()
    assert [each.test for each in tail.results] == [B]
    assert tail.running == Key(A, "twin", "lv")


def test_what_sessions_told_as_their_night_was_killed_is_taken_back(night: NightFolder) -> None:
    path = night.path / session.RESULTS
    tell(night, TWINS, result(A, "error", "lv", "twin"), result(A, "pass", "lv", "twin"), ends=False)
    tell(night, RACK, result(A, "error"), result(B, "aborted"))
    session.forget_dying_words(path)
    found = read_sessions(path)
    assert [(key.kind, each.outcome, each.attempts) for key, each in found.results.items()] == [("twin", "pass", 2)]
    assert len(found.sessions) == 2
    before = [each.read_bytes() for each in sorted(path.glob("*"))]
    session.forget_dying_words(path)
    assert [each.read_bytes() for each in sorted(path.glob("*"))] == before
