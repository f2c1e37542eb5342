"""The campaign outage over the wires: what was missed in the dark is recovered; a meter that stays away is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.bench_run import BenchRun, topology

OUTAGE = "  outage: { slots: 6, begin: 3600, minutes: 60, meters: 120 }\n"
DEFECT = 'defects:\n  - { kind: "never-rejoins", meters: [TWN000000000007] }\n'


@pytest.mark.requirement("A16", "A4")
@pytest.mark.slow
@pytest.mark.parametrize("defect", ["", DEFECT], ids=["healthy", "never-rejoins"])
def test_values_missed_in_the_dark_are_recovered_unless_a_meter_stays_away(defect: str, tmp_path: Path) -> None:
    described = topology(tmp_path, extra=OUTAGE + defect)
    with BenchRun(described, tmp_path / "results", "--campaign", "outage") as run:
        code, outcome, err = run.finish()
        found = {m["name"]: m for m in outcome["measurements"]}
        failed = {name for name, m in found.items() if m["verdict"] == "fail"}
        assert found["meters_dark"]["value"] == 120, err
        assert found["duplicate_values"]["value"] == 0
        assert found["elsewhere_on_time"]["value"] == 1.0
        by_cause = {(each["area"], each["cause"]): each["readings"] for each in outcome["summary"]["lost"]}
        assert by_cause["village", "without power"] >= 2 * 120
        if defect:
            assert (code, failed) == (1, {"recovered_share", "rejoined_share", "final_share"})
            assert [each["meter"] for each in outcome_of(run)["unrecovered"]] == ["TWN000000000007"]
        else:
            assert (code, failed) == (0, set()), err
            assert found["recovered_share"]["value"] == 1.0


def outcome_of(run: BenchRun) -> dict[str, list[dict[str, str]]]:
    """The record of a run."""

    found: dict[str, list[dict[str, str]]] = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    return found
