"""One pytest session of a night, watched from outside: it may hang, crash, or meet one bench error after the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

import bench
from bench.measure import load_parameters
from bench.night.folder import NightFolder, Plan, Shard
from bench.night.model import Key, Result
from bench.night.sessions import Session
from bench.record.atomic import write_text

Ending: TypeAlias = Literal["done", "errors", "hung", "crashed", "interrupted", "aborted", "refused"]
"""*done*: pytest came to its end. *errors*: ended by the night, after bench errors in a row at one place. *hung*: no
result for too long. *crashed*: it ended in the middle. *interrupted*: somebody else ended it in order. *aborted*: the
user's wish. *refused*: pytest did not begin."""

RESULTS: Final = "results"
"""Folder of a night in which its sessions tell what they find, each in a file of its own."""

PACKAGE: Final = Path(bench.__file__).parent
SUITES: Final = PACKAGE / "suites"
"""Where the tests are that ship with the bench."""

_LOOK: Final = 0.25
_GRACE: Final = 60.0  # real s that an interrupted session has to bring its place into safe state
_REFUSED: Final = (3, 4)  # pytest's exit codes for an internal error and for bad arguments
_INTERRUPTED: Final = 2
_LAST_BYTES: Final = 4096
_NO_WARNING: Final = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"  # ours is: it runs pytest
PLAIN: Final = ("-p", "no:randomly", "-p", "no:cacheprovider", "-o", "addopts=", "-W", _NO_WARNING, "-q", "--tb=short")
"""Options of pytest, so that nothing of whoever installed it changes what runs, or in which order."""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a session ended: pytest's exit code (or minus the signal), its last words where it did not end well, and the
    test that it was at then."""

    ending: Ending
    code: int
    words: str = ""
    running: Key | None = None


def command(plan: Plan, folder: NightFolder, shard: Shard, places: Sequence[str], without: Iterable[Key]) -> list[str]:
    """The command line of a session of a shard, at these places of it, without these tests.

    Ids of tests are told from the package's own folder, wherever it lies, so that they are those of the history.
    """
    options = [
        f"--rootdir={PACKAGE}",
        f"--bench-env={plan.file}",
        f"--bench-mode={shard.kind}",
        f"--bench-results={folder.path / RESULTS}",
        "--bench-resume",
        *(f"--bench-place={shard.kind}-{place}" for place in places),
        *(f"--deselect={_node_id(key)}" for key in without),
    ]
    if find_spec("allure_pytest") is not None:
        options.append(f"--alluredir={folder.of_shard(shard) / 'allure'}")
    options += [f"--bench-shard={shard.part}"] if shard.part else []
    options += [f"--bench-quarantine={plan.quarantine}"] if Path(plan.quarantine).is_file() else []
    options += [f"--bench-scale={shard.scale:g}"] if shard.scale is not None else []
    options += [] if plan.only else [f"--config-file={os.devnull}"]  # no file of whatever lies above counts
    return [sys.executable, "-m", "bench.night.pytest_process", *PLAIN, *options, *chosen(plan.only)]


def chosen(only: Sequence[str]) -> list[str]:
    """What pytest gets for files and ids of tests: names of shipped suites with their paths, others as they are."""
    return [_shipped(each) or each for each in only] or [str(SUITES)]


def _shipped(name: str) -> str | None:
    file, _, rest = name.removeprefix("suites/").partition("::")
    return f"{SUITES / file}{'::' if rest else ''}{rest}" if (SUITES / file).is_file() else None


def _node_id(key: Key) -> str:
    target = f"{key.kind}-{key.place}"
    return f"{key.test[:-1]}-{target}]" if key.test.endswith("]") else f"{key.test}[{target}]"


def run_session(
    line: Sequence[str],
    folder: NightFolder,
    shard: Shard,
    environment: Mapping[str, str],
    lock: int,
    abort: threading.Event,
) -> SessionEnd:
    """Run a session to its end, or end it. ``lock`` stays held until it is gone, also when the night is killed."""
    where = folder.of_shard(shard)
    where.mkdir(parents=True, exist_ok=True)
    log = where / "pytest.log"
    tail = Tail(folder.path / RESULTS / f"results-{shard.name}.jsonl")
    with log.open("ab") as output:
        process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment, "BENCH_SHARD": shard.name},
            start_new_session=True,
            pass_fds=(lock,),
        )
    ending: Ending | None = None
    try:
        ending = _watch(process, tail, abort)
    finally:
        _end(process, kill=ending == "hung")
    code = process.returncode
    if ending is None:
        tail.look()
        ending = _by_itself(code, bool(tail.results))
    well = ending in ("done", "aborted")
    return SessionEnd(ending, code, "" if well else _last_words(log), None if well else tail.running)


class _Line(msgspec.Struct):
    """Of a line what is watched."""

    session: Session | None = None
    result: Result | None = None


def forget_dying_words(results: Path) -> None:
    """Take back what sessions told last when their night was killed: the rack went away under them.

    That is, at the end of each file, everything behind the last result that is neither a bench error nor aborted. All
    of these tests run again.
    """
    for path in results.glob("results-*.jsonl"):
        lines = path.read_bytes().split(b"\n")[:-1]
        kept = len(lines)
        while kept and not _stays(lines[kept - 1]):
            kept -= 1
        if kept < len(lines):
            write_text(path, b"".join(line + b"\n" for line in lines[:kept]).decode())


def _stays(line: bytes) -> bool:
    told = msgspec.json.decode(line, type=_Line)
    if told.result is not None:
        return told.result.outcome not in ("error", "aborted")
    return told.session is not None


class Tail:
    """What a session tells from the moment when this is made: the tests that it means to run, and their results."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = path.stat().st_size if path.exists() else 0
        self.planned: tuple[Key, ...] = ()
        self.results: list[Result] = []

    @property
    def running(self) -> Key | None:
        """The test that runs now: the first that has no result."""
        told = {each.key for each in self.results}
        return next((key for key in self.planned if key not in told), None)

    def look(self) -> bool:
        """Read on; whether anything was new."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return False
        for line in lines:
            self._read += len(line) + 1
            told = msgspec.json.decode(line, type=_Line)
            self.planned = told.session.tests if told.session is not None else self.planned
            self.results += [told.result] if told.result is not None else []
        return bool(lines)


def in_a_row(results: Sequence[Result], count: int) -> str | None:
    """The place of the rack whose last ``count`` tests were bench errors; None where there is none. Tests at other
    places may lie between them, and those that were skipped do not count."""
    outcomes: dict[str, list[str]] = {}
    for each in results:
        if each.kind == "rack" and each.outcome != "skip":
            outcomes.setdefault(each.place, []).append(each.outcome)
    return next((place for place, told in outcomes.items() if told[-count:] == ["error"] * count), None)


def _watch(process: subprocess.Popen[bytes], tail: Tail, abort: threading.Event) -> Ending | None:
    """Wait for the end of a session, or for a reason to end it."""
    parameters = load_parameters("night")
    silence, count = parameters["silence"].value, int(parameters["errors_in_a_row"].value)
    heard = time.monotonic()
    while process.poll() is None:
        if abort.wait(_LOOK):
            return "aborted"
        if tail.look():
            heard = time.monotonic()
            if in_a_row(tail.results, count) is not None:
                return "errors"
        elif time.monotonic() - heard > silence:
            return "hung"
    return None


def _end(process: subprocess.Popen[bytes], kill: bool) -> None:
    """End a session in order; one that hangs, or does not end, is killed: its leases and the dead-man outlive it."""
    if process.poll() is None and not kill:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(0 if kill else _GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _by_itself(code: int, told: bool) -> Ending:
    """How a session ended that was not ended by the night. pytest also says *interrupted* where it cannot import a
    file of tests; then it has told nothing."""
    if code in _REFUSED or (code == _INTERRUPTED and not told):
        return "refused"
    return "interrupted" if code == _INTERRUPTED else "crashed" if code < 0 else "done"


def _last_words(log: Path) -> str:
    """Why a session did not end well: its last line about an error, else its last."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LAST_BYTES))
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E   ", "ERROR: "))]
    return (errors or lines or ["it said nothing"])[-1].removeprefix("E ").strip()
