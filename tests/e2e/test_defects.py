"""Each planted defect of a twin is caught by the collection campaign, and by the measurement that is meant to (U10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.bench_run import BenchRun, topology

# kind, what else it needs, measurements that must fail because of it (delays may follow)
DEFECTS = [
    ("register-falls", "", {"register_falls"}),
    ("wrong-tag", "", {"rejected_messages"}),
    ("counter-repeats", "", {"rejected_messages"}),
    ("silent", "", {"final_share", "on_time_share"}),
    ("late", ", minutes: 75", {"on_time_share"}),
    ("resend-differs", "", {"conflicting_values"}),
]
POLICY = "head_end:\n  recollection: {tries: 12, audit: 1.0}\n  settle: 7200\n"


@pytest.mark.requirement("U10", "A4", "A5")
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "more", "expected"), DEFECTS, ids=[kind for kind, *_ in DEFECTS])
def test_a_planted_defect_is_caught(kind: str, more: str, expected: set[str], tmp_path: Path) -> None:
    # The register falls at 09:00 JST, the end of the only slot of a day whose number is a multiple of 48.
    clock = {"clock": ("start: 2026-01-15T00:00", "start: 2026-01-15T08:00")}
    # A late reading is only late when nobody asks for it before it comes.
    policy = POLICY.replace("tries: 12", "tries: 0") if kind == "late" else POLICY
    extra = f"{policy}defects:\n  - {{kind: {kind}, meters: [TWN000000000007]{more}}}\n"
    with BenchRun(topology(tmp_path, slots=5, extra=extra, **clock), tmp_path / "results") as run:
        code, outcome, err = run.finish()
        assert code == 1, err
        failed = {m["name"] for m in outcome["measurements"] if m["verdict"] == "fail"}
        assert expected <= failed
        assert not failed - expected - {"on_time_share", "final_share"}
        if kind == "silent":
            assert "TWN000000000007" in (run.folder / "run.json").read_text(encoding="utf-8")


@pytest.mark.requirement("U10", "A5", "M1")
@pytest.mark.slow
def test_the_same_fleet_without_a_defect_passes(tmp_path: Path) -> None:
    with BenchRun(topology(tmp_path, slots=5, extra=POLICY), tmp_path / "results") as run:
        code, outcome, err = run.finish()
        assert (code, outcome.get("verdict")) == (0, "pass"), err
