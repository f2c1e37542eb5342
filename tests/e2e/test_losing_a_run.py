"""``bench run`` killed outright in mid-test with the output at 200 V: what the world says, and what is written down.

Output off and attenuators at maximum within 3 s as read from the world, lease freed, place health set, all in the audit
log (issue 4, bar 4). Single losses: tests/bench/rack/test_losing_control.py.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from bench.rack.audit import read_audit
from bench.rack.emulator_client import EmulatorClient, EmulatorError
from bench.rack.journal import replay
from bench.rack.messages import Attenuate
from bench.record.scratch import clear_left
from bench.stage import SPECS
from tests.bench.rack.emulated import topology
from tests.bench.rack.serving import client, lease
from tests.bench.rack.test_losing_control import WITHIN
from tests.bench.rack.virtual import MOST_DB, eventually
from tests.e2e.bench_run import PATIENCE, BenchRun

_LIMIT = "limits: { volts_max: 130,"
_PLACE = "tags: { generation: current, route: wisun }\n"


def at_200_volts(folder: Path) -> Path:
    """The shipped rack with a home of 200 V on lv-1, one whose errors are measured."""
    path = topology(folder)
    text = path.read_text("utf-8")
    assert _LIMIT in text and _PLACE in text
    text = text.replace(_LIMIT, "limits: { volts_max: 240,").replace(
        _PLACE, f"{_PLACE}      ratings: {{ volts: 200 }}\n", 1
    )
    text = text.replace("  metrology:\n", "  metrology:\n    places: [lv-1]\n    tests: [error]\n")
    path.write_text(text, "utf-8")
    return path


@pytest.mark.slow
def test_kill_9_of_a_whole_run_leaves_nothing_on(tmp_path: Path) -> None:
    with BenchRun(at_200_volts(tmp_path), tmp_path / "results", "--campaign", "metrology") as run:
        folder = run.folder / "rack"
        world = EmulatorClient(folder)

        def is_on() -> bool:
            assert run.alive(), run.finish()
            try:
                return bool(world.truth()["sources"]["source-1"]["volts"][0] > 195)
            except EmulatorError:  # not yet
                return False

        def is_safe() -> bool:
            found = world.truth()
            volts = [each for source in found["sources"].values() for each in source["volts"]]
            closed = [each for relay in found["relays"].values() for each in relay]
            return max(volts) < 1 and least_db(found) > MOST_DB - 2 and not any(closed)

        eventually(is_on, patience=PATIENCE)
        with client(folder) as ann:  # no campaign of ours turns both, so somebody else turns the attenuator
            ann.ask(Attenuate("gas-1", lease(ann, "gas-1"), 20.0))
        eventually(lambda: least_db(world.truth()) < 30)
        assert specs_after_the_next_start(run.folder)
        run.signal(signal.SIGKILL)
        assert eventually(is_safe) < WITHIN
        assert not run.survivors()
    assert not specs_after_the_next_start(run.folder)
    book = replay((folder / "leases.jsonl").read_bytes().splitlines())
    assert not book.leases
    for place in ("lv-1", "gas-1"):
        fitness = book.health(place)
        assert (fitness.health, fitness.reason) == ("unknown", "the gateway died while it ran")
    lines = [line for line in read_audit(folder / "audit.jsonl") if line["by"] == "dead-man"]
    assert [line["what"] for line in lines] == ["acts", "safe state", *["ending", "health", "freed"] * 2]
    assert lines[1]["reached"]


def least_db(truth: dict[str, Any]) -> float:
    """What the least of all attenuators really attenuates."""
    return min(float(db) for each in truth["attenuators"].values() for db in each)


def specs_after_the_next_start(folder: Path) -> list[Path]:
    """What is left of the files with keys once another run begins in the same results."""
    clear_left(folder.parent.glob("*/processes"), SPECS)
    return list(folder.rglob(SPECS))
