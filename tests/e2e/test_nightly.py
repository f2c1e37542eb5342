"""A real night over places of an emulated rack and a twin: killed outright in the middle, it goes on.

The rack is hosted by the test and outlives the night, so that it can be seen what the kill does to it.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.night.folder import NIGHTS, PAGE_FILE, NightFolder, nights_in
from bench.night.history import History
from bench.night.model import Key
from bench.night.session import RESULTS
from bench.night.sessions import read_sessions
from bench.rack.hosting import JOINED, tell_hosting
from tests.bench.night.small_rack import nightly, small_rack
from tests.bench.rack.emulated import Emulation
from tests.bench.rack.serving import serving

PATIENCE = 240.0
TESTS = (
    "test_clock.py::test_the_clock_is_right",
    "test_registers.py::test_registers_do_not_fall",
    "test_registers.py::test_half_hours_are_kept_for_45_days",
)
WHERE = ("lv-1", "lv-4", "lv-current")
ARGUMENTS = [f"--only={each}" for each in TESTS] + [f"--place={each}" for each in WHERE]


@pytest.fixture
def lab() -> Iterator[Path]:
    """A folder with a short name: the path of the emulation's socket may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="night-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def rack(lab: Path) -> Iterator[Emulation]:
    """A rack with a gateway that no night has started."""
    topology = small_rack(lab, scale=60)
    with Emulation(topology) as emulation, serving(topology, emulation.folder):
        tell_hosting(emulation.folder, emulation.spec.clock, emulation.spec.plan)
        yield emulation


def awaited(met: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline, log.read_text("utf-8")
        time.sleep(0.02)


def safe(rack: Emulation) -> bool:
    """Whether really no voltage and no closed relay is left."""
    truth = rack.client.truth()
    volts = [volt for source in truth["sources"].values() for volt in source["volts"]]
    return max(volts) < 1 and not any(closed for relay in truth["relays"].values() for closed in relay)


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
def test_a_night_that_is_killed_goes_on_where_it_was(lab: Path, rack: Emulation) -> None:
    log, joined = lab / "err.log", {JOINED: str(rack.folder)}
    first = nightly(lab, *ARGUMENTS, **joined)
    try:

        def in_the_middle() -> bool:
            assert first.poll() is None, log.read_text("utf-8")
            found = nights_in(lab / "r" / NIGHTS)
            return bool(found) and sum(lines(found[0]).values()) >= 2 and rack.volts("source-1") > 50

        awaited(in_the_middle, log)
        family = psutil.Process(first.pid).children(recursive=True)
    finally:
        first.kill()
        first.wait()
    folder = nights_in(lab / "r" / NIGHTS)[0]
    assert not folder.ended
    assert psutil.wait_procs(family, PATIENCE)[1] == []
    assert safe(rack), rack.client.truth()
    before = lines(folder)
    assert sum(before.values()) < len(TESTS) * len(WHERE)

    second = nightly(lab, *ARGUMENTS, **joined)
    assert second.wait(PATIENCE) == 0, log.read_text("utf-8")
    outcome = json.loads((lab / "out.json").read_text("utf-8"))
    assert [each.path.name for each in nights_in(lab / "r" / NIGHTS)] == [outcome["night"]] == [folder.path.name]
    assert safe(rack)

    after = lines(folder)
    assert {key.place for key in after} == set(WHERE)
    assert len(after) == len(TESTS) * len(WHERE)
    assert all(after[key] == 1 for key in before), "what was done is not done again"
    steps = [entry.step for entry in folder.journal()]
    assert steps.index("continued") < len(steps) - 1 - steps[::-1].index("safe") < steps.index("ended")

    nights = list(History(lab / "r" / "history.jsonl").newest_first())
    assert [(each.night, each.verdict) for each in nights] == [(folder.path.name, "pass")]
    assert {each.outcome for each in nights[0].results} <= {"pass", "skip"}
    assert {each.attempts for each in nights[0].results} == {1}
    assert len(nights[0].results) == len(after)
    assert not read_sessions(folder.path / RESULTS).problems
    assert (folder.path / PAGE_FILE).read_text("utf-8").count("<svg") >= 1
