"""The local engine with real child processes: what ends is started again, what must stop stops, nothing is left behind.

Children are shells that say when they are ready through a named pipe, so that no test has to wait by the clock.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.engine.local import MAX_RESTARTS, LocalEngine
from bench.errors import BenchFault
from tests.bench.orphans import ended, killed_outright

PATIENCE = 20.0
SLEEPER = ("/bin/sh", "-c", "exec sleep 600")


class Engine(LocalEngine):
    """The engine, and what it tells."""

    def __init__(self, work: Path, grace: float) -> None:
        self.events: list[str] = []
        self.work = work
        super().__init__(work, self.events.append, grace)

    def listed(self) -> dict[str, int]:
        return json.loads((self.work / "processes.json").read_bytes())

    def watch_after(self, name: str) -> None:
        """Watch once this process has ended."""
        os.waitid(os.P_PID, self.pids[name], os.WEXITED | os.WNOWAIT)
        self.watch()


MakeEngine = Callable[..., Engine]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[MakeEngine]:
    made: list[Engine] = []

    def make(grace: float = PATIENCE) -> Engine:
        made.append(Engine(tmp_path, grace))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class Signpost:
    """A named pipe through which children say something."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "signpost"
        os.mkfifo(self.path)
        self._end = os.open(self.path, os.O_RDWR)

    def words(self, count: int) -> list[str]:
        """The next words, as they come."""
        found = b""
        while found.count(b"\n") < count:
            assert select.select([self._end], [], [], PATIENCE)[0], f"only {found!r} was said"
            found += os.read(self._end, 4096)
        return found.decode().split()


@pytest.fixture
def signpost(tmp_path: Path) -> Signpost:
    return Signpost(tmp_path)


def test_what_is_killed_is_started_again(engine: MakeEngine) -> None:
    one = engine()
    one.start("shard-0", SLEEPER)
    one.start("other", SLEEPER)
    before = one.pids
    os.kill(before["shard-0"], signal.SIGKILL)
    one.watch_after("shard-0")
    assert one.events == ["shard-0 was killed by signal 9; started again"]
    assert one.pids["shard-0"] != before["shard-0"]
    assert one.pids["other"] == before["other"]
    assert one.listed() == one.pids
    assert one.restarts == 1
    one.watch()
    assert len(one.events) == 1


def test_what_ends_by_itself_is_started_again_and_goes_on_in_its_log(engine: MakeEngine, tmp_path: Path) -> None:
    one = engine()
    one.start("x", ("/bin/sh", "-c", "echo out; echo err >&2; exit 3"))
    one.watch_after("x")
    os.waitid(os.P_PID, one.pids["x"], os.WEXITED | os.WNOWAIT)
    assert one.events == ["x ended with status 3; started again"]
    assert (tmp_path / "x.log").read_text() == "out\nerr\n" * 2


@pytest.mark.parametrize(
    ("says", "words"),
    [("echo first; echo 'cannot bind'; echo", "cannot bind"), (":", "it said nothing"), ("seq 9999", "9999")],
)
def test_what_does_not_stay_up_ends_the_run_with_its_last_words(engine: MakeEngine, says: str, words: str) -> None:
    one = engine()
    one.start("broker", ("/bin/sh", "-c", f"{says}; exit 7"))
    with pytest.raises(BenchFault, match=f"broker ended with status 7 for the {MAX_RESTARTS + 1}th time: {words}$"):
        for _ in range(MAX_RESTARTS + 1):
            one.watch_after("broker")
    assert one.restarts == len(one.events) == MAX_RESTARTS


def test_what_cannot_be_brought_back_is_not_started_again(engine: MakeEngine) -> None:
    one = engine()
    one.start("emulation", ("/bin/sh", "-c", "echo 'address in use'; exit 2"), restarts=0)
    with pytest.raises(BenchFault, match=r"cannot be started again: address in use$"):
        one.watch_after("emulation")
    assert one.restarts == 0 and one.events == []


def test_all_are_stopped_last_started_first(engine: MakeEngine, signpost: Signpost, tmp_path: Path) -> None:
    one = engine()
    for name in ("broker", "head-end", "shard-0"):
        script = f"trap 'echo {name} >> {tmp_path}/order; exit 0' TERM; echo ready > {signpost.path}; read forever"
        one.start(name, ("/bin/sh", "-c", script))
    signpost.words(3)
    pids = one.pids.values()
    one.stop()
    assert (tmp_path / "order").read_text().split() == ["shard-0", "head-end", "broker"]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert one.pids == one.listed() == {}


def test_a_child_that_ignores_the_order_to_end_is_killed_after_its_grace(
    engine: MakeEngine, signpost: Signpost
) -> None:
    one = engine(grace=0.05)
    one.start("stubborn", ("/bin/sh", "-c", f"trap '' TERM; echo ready > {signpost.path}; exec sleep 600"))
    signpost.words(1)
    pid = one.pids["stubborn"]
    one.stop()
    assert not psutil.pid_exists(pid)


def test_stopping_what_has_ended_and_stopping_twice_is_no_trouble(engine: MakeEngine) -> None:
    one = engine()
    one.start("brief", ("/bin/true",))
    os.waitid(os.P_PID, one.pids["brief"], os.WEXITED | os.WNOWAIT)
    one.stop()
    one.stop()
    assert one.listed() == {}


def test_a_program_that_is_not_there_is_no_child(engine: MakeEngine, tmp_path: Path) -> None:
    one = engine()
    with pytest.raises(FileNotFoundError):
        one.start("ghost", (str(tmp_path / "no such program"),))
    assert one.pids == {}


def test_processor_time_is_told_of_children_and_zero_of_others(engine: MakeEngine, signpost: Signpost) -> None:
    one = engine()
    count = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"
    one.start("busy", ("/bin/sh", "-c", f"{count}; echo done > {signpost.path}; read forever"))
    signpost.words(1)
    assert one.cpu_seconds("busy") > 0
    assert one.cpu_seconds("nobody") == 0


_CHILD = "from twins import lifeline; stop = lifeline.hold(); print('held', flush=True); stop.wait()"


def test_a_child_ends_with_a_parent_that_is_killed_outright(tmp_path: Path) -> None:
    assert ended(killed_outright(tmp_path, sys.executable, "-c", _CHILD, ready=lambda: None))


def test_a_foreign_program_ends_with_its_parent_too(tmp_path: Path, signpost: Signpost) -> None:
    script = f"trap '' TERM; echo ready > {signpost.path}; exec sleep 600"  # it watches nothing by itself
    command = (sys.executable, "-m", "bench.broker.tied", "/bin/sh", "-c", script)
    assert ended(killed_outright(tmp_path, *command, ready=lambda: signpost.words(1)))


def test_a_foreign_program_is_not_started_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.broker.tied", "/bin/touch", str(tmp_path / "started")]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False).returncode == 0
    assert not (tmp_path / "started").exists()
