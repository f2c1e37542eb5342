"""A real night over two places of the emulated rack and a twin: killed outright in the middle, it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.night.folder import NIGHTS, PAGE_FILE, NightFolder, nights_in
from bench.night.history import History
from bench.night.model import Key
from bench.night.session import RESULTS
from bench.night.sessions import read_sessions
from tests.bench.rack.emulated import topology

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0
TESTS = (
    "test_clock.py::test_the_clock_is_right",
    "test_registers.py::test_registers_do_not_fall",
    "test_registers.py::test_half_hours_are_kept_for_45_days",
)
WHERE = ("lv-1", "next-1", "lv-current")


@pytest.fixture
def lab() -> Iterator[Path]:
    """A folder with a short name: the path of the emulation's socket may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="night-", ignore_cleanup_errors=True) as folder:
        topology(Path(folder))
        yield Path(folder)


def nightly(lab: Path) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "bench.cli.main", "nightly", str(lab / "rack.yaml"), "--json"]
    line += ["--results", str(lab / "r"), "--scale", "60", "--quarantine", str(lab / "none.yaml")]
    line += [f"--only={each}" for each in TESTS] + [f"--place={each}" for each in WHERE]
    with (lab / "out.json").open("wb") as out, (lab / "err.log").open("ab") as err:
        return subprocess.Popen(line, stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=ROOT, env=os.environ)


def lines(folder: NightFolder) -> Counter[Key]:
    """How many results are told of each test."""
    counts: Counter[Key] = Counter()
    for path in (folder.path / RESULTS).glob("results-*.jsonl"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            told: dict[str, Any] = json.loads(line)
            if "result" in told and told["result"]["outcome"] != "aborted":
                counts[Key(*(told["result"][name] for name in ("test", "kind", "place")))] += 1
    return counts


@pytest.mark.slow
@pytest.mark.requirement("U7", "U10")
def test_a_night_that_is_killed_goes_on_where_it_was(lab: Path) -> None:
    first = nightly(lab)
    try:
        deadline = time.monotonic() + PATIENCE
        while not (found := nights_in(lab / "r" / NIGHTS)) or sum(lines(found[0]).values()) < 3:
            assert first.poll() is None, (lab / "err.log").read_text("utf-8")
            assert time.monotonic() < deadline, (lab / "err.log").read_text("utf-8")
            time.sleep(0.05)
        family = psutil.Process(first.pid).children(recursive=True)
    finally:
        first.kill()
        first.wait()
    folder, before = found[0], lines(found[0])
    assert not folder.ended
    assert sum(before.values()) < len(TESTS) * len(WHERE)

    second = nightly(lab)
    assert second.wait(PATIENCE) == 0, (lab / "err.log").read_text("utf-8")
    outcome = json.loads((lab / "out.json").read_text("utf-8"))
    assert [each.path.name for each in nights_in(lab / "r" / NIGHTS)] == [outcome["night"]] == [folder.path.name]

    after = lines(folder)
    assert {key.place for key in after} == set(WHERE)
    assert len(after) == len(TESTS) * len(WHERE)
    assert all(after[key] == 1 for key in before), "what was done is not done again"
    steps = [entry.step for entry in folder.journal()]
    assert steps.index("continued") < len(steps) - 1 - steps[::-1].index("safe") < steps.index("ended")
    assert not any(psutil.pid_exists(each.pid) and each.is_running() for each in family)

    nights = list(History(lab / "r" / "history.jsonl").newest_first())
    assert [(each.night, each.verdict) for each in nights] == [(folder.path.name, "pass")]
    assert {each.outcome for each in nights[0].results} <= {"pass", "skip"}
    assert {each.attempts for each in nights[0].results} == {1}
    assert len(nights[0].results) == len(after)
    assert not read_sessions(folder.path / RESULTS).problems
    assert (folder.path / PAGE_FILE).read_text("utf-8").count("<svg") >= 1
