"""Running the cases of a score, and what came of each."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

import bench
from bench.night.model import BAD
from bench.night.session import chosen
from bench.night.sessions import read_sessions
from bench.score.cases import Case, What, write_topology

_PACKAGE: Final = Path(bench.__file__).parent
_LOOK: Final = 0.2
_PATIENCE: Final = 1800.0  # real s that a case may take: a clean night of all suites takes minutes
_GRACE: Final = 60.0
_BESIDE: Final = 3
"""Cases at a time beside the one on the rack: a case of twins or of a mesh needs a fraction of a processor."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a case: what did not pass, what passed, what the bench could not do, as ``test @ place``."""

    name: str
    what: What
    seconds: float
    failed: dict[str, str] = {}
    passed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


class Book:
    """The outcomes on disk, a line each: who starts a score again goes on behind the last whole one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self.outcomes = {each.name: each for each in self._read()}

    def put(self, outcome: Outcome) -> None:
        """Keep an outcome."""
        with self._lock, self._path.open("ab") as file:
            file.write(msgspec.json.encode(outcome) + b"\n")
            file.flush()
            os.fsync(file.fileno())
            self.outcomes[outcome.name] = outcome

    def _read(self) -> list[Outcome]:
        if not self._path.exists():
            return []
        lines = self._path.read_bytes().split(b"\n")
        if lines[-1]:  # a kill left it
            self._path.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))
        return [msgspec.json.decode(line, type=Outcome) for line in lines[:-1] if line]


def run_cases(cases: Sequence[Case], book: Book, say: Callable[[str], None], abort: threading.Event) -> bool:
    """Run what has no outcome yet, one case on the rack beside some elsewhere; False when the user wanted no more.

    An emulated rack has its addresses for itself, so only one runs at a time.
    """
    rack, others = queue.SimpleQueue[Case](), queue.SimpleQueue[Case]()
    for case in cases:
        if case.name not in book.outcomes:
            (rack if case.lane == "rack" else others).put(case)
    faults: list[BaseException] = []

    def worker(lane: queue.SimpleQueue[Case]) -> None:
        try:
            while not abort.is_set() and (case := _next(lane)) is not None:
                outcome = run_case(case, abort)
                if not abort.is_set():
                    book.put(outcome)
                    say(f"{outcome.name}: {_told(outcome)}, {outcome.seconds:.0f} s")
        except BaseException as error:  # the main thread tells it
            faults.append(error)
            abort.set()

    threads = [threading.Thread(target=worker, args=(lane,)) for lane in (rack, *[others] * _BESIDE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return not abort.is_set()


def _next(lane: queue.SimpleQueue[Case]) -> Case | None:
    try:
        return lane.get_nowait()
    except queue.Empty:
        return None


def run_case(case: Case, abort: threading.Event) -> Outcome:
    """Run one case in a folder of its own, which is gone afterwards."""
    began = time.monotonic()
    failed: dict[str, str] = {}
    passed: list[str] = []
    errors: list[str] = []
    with tempfile.TemporaryDirectory(prefix="score-") as folder:
        work = Path(folder)
        topology = write_topology(case, work)
        if case.tests or not case.campaign:
            _run_tests(case, topology, work, abort, failed, passed, errors)
        if case.campaign and not abort.is_set():
            _run_campaign(case.campaign, topology, work, abort, failed, passed, errors)
    return Outcome(
        name=case.name,
        what=case.what,
        seconds=round(time.monotonic() - began, 1),
        failed=failed,
        passed=tuple(passed),
        errors=tuple(errors),
    )


def _run_tests(
    case: Case,
    topology: Path,
    work: Path,
    abort: threading.Event,
    failed: dict[str, str],
    passed: list[str],
    errors: list[str],
) -> None:
    results = work / "results"
    line = [sys.executable, "-m", "bench.night.pytest_process", "-p", "no:randomly", "-p", "no:cacheprovider", "-q"]
    line += [f"--config-file={os.devnull}", f"--rootdir={_PACKAGE}", f"--bench-env={topology}"]
    line += [f"--bench-mode={case.lane}", f"--bench-results={results}", f"--bench-scale={case.scale:g}"]
    line += [f"--bench-place={place}" for place in case.places]
    code, words = _run([*line, *chosen(case.tests)], work, abort)
    found = read_sessions(results)
    for key, result in found.results.items():
        if result.outcome in BAD:
            failed[str(key)] = result.message
        elif result.outcome == "pass":
            passed.append(str(key))
        elif result.outcome == "error":
            errors.append(f"{key}: {result.message}")
    if code not in (0, 1, 5):
        errors.append(f"pytest ended with {code}: {words}")


def _run_campaign(
    campaign: str,
    topology: Path,
    work: Path,
    abort: threading.Event,
    failed: dict[str, str],
    passed: list[str],
    errors: list[str],
) -> None:
    line = [sys.executable, "-m", "bench.cli.main", "run", str(topology), "--campaign", campaign, "--json", "-q"]
    code, words = _run([*line, "--results", str(work / "runs")], work, abort)
    try:
        outcome: dict[str, Any] = json.loads(words)
    except ValueError:
        errors.append(f"bench run ended with {code}: {words}")
        return
    for each in outcome["measurements"]:
        name = f"{campaign}: {each['name']}" + (f" @ {each['place']}" if each["place"] else "")
        if each["verdict"] == "fail":
            failed[name] = f"{each['value']} {each['unit']}, {each['point'] or ''}".strip(", ")
        elif each["verdict"] == "pass" and (each["low"], each["high"]) != (None, None):
            passed.append(name)
    if outcome["verdict"] in ("error", "aborted"):
        errors.append(f"the campaign {campaign} ended in {outcome['verdict']}")


def _run(line: Sequence[str], work: Path, abort: threading.Event) -> tuple[int, str]:
    """Exit code and last line of output of a process; it is ended when the user wants no more, or it takes too long."""
    log = work / "out.log"
    with log.open("wb") as output, (work / "err.log").open("wb") as errors:
        process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=output, stderr=errors, cwd=work, start_new_session=True
        )
        deadline = time.monotonic() + _PATIENCE
        while process.poll() is None and not abort.wait(_LOOK):
            if time.monotonic() > deadline:
                break
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdin is not None:
            process.stdin.close()
    lines = log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
    return process.returncode, lines[-1]


def _told(outcome: Outcome) -> str:
    told = f"{len(outcome.failed)} did not pass, {len(outcome.passed)} passed"
    return told + (f", {len(outcome.errors)} bench errors" if outcome.errors else "")


def clear(folder: Path) -> None:
    """Forget an earlier score."""
    shutil.rmtree(folder, ignore_errors=True)
