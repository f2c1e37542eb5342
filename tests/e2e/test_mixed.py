"""Places and twins in one run: what the head-end stores of a meter in a place is what that meter has registered."""

from __future__ import annotations

import contextlib
import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from bench.rack.emulator_client import EmulatorClient, EmulatorError
from protocols.slots import slot_end
from tests.bench.rack.emulated import topology
from tests.e2e.bench_run import ROOT, BenchRun, values

MIXED = ROOT / "topologies" / "mixed.yaml"
SLOTS = 4
PLACES = 8
ELECTRICITY = (0, 1, 2, 3, 24, 25, 26)
"""Meters of the places that measure electricity, in the order of the places."""


def small(folder: Path, more: str = "") -> Path:
    """The shipped mixed topology with 40 twins and fewer half-hours, on addresses of its own."""
    path = topology(folder, shipped=MIXED, more=more)
    text = path.read_text("utf-8").replace("slots: 10", f"slots: {SLOTS}")
    for many in (
        "concentrators: 8\n    meters_per_concentrator: 250",
        "concentrators: 12\n    meters_per_concentrator: 250",
    ):
        assert many in text
        text = text.replace(many, "concentrators: 1\n    meters_per_concentrator: 10")
    path.write_text(text, "utf-8")
    return path


def watch(run: BenchRun) -> list[dict[str, Any]]:
    """Truths about the emulated rack, as often as they can be had, while the run lasts."""
    client, truths = EmulatorClient(run.folder / "rack"), []
    while run.alive():
        with contextlib.suppress(EmulatorError):
            truths.append(client.truth())
        time.sleep(0.02)
    return truths


def registered(truths: list[dict[str, Any]], place: str, at: float) -> float:
    """Wh that a meter had registered at an instant, between the two truths around it."""
    known = [(truth["now"], truth["meters"][place]["registers"]["import_wh"]) for truth in truths]
    before, after = max(each for each in known if each[0] <= at), min(each for each in known if each[0] >= at)
    part = (at - before[0]) / (after[0] - before[0]) if after[0] > before[0] else 0.0
    return float(before[1] + part * (after[1] - before[1]))


@pytest.mark.long
@pytest.mark.requirement("U2")
def test_places_and_twins_deliver_side_by_side_what_they_registered(tmp_path: Path) -> None:
    with BenchRun(small(tmp_path), tmp_path / "results", "--campaign", "collection") as run:
        truths = watch(run)
        code, outcome, err = run.finish()
        assert code == 0, (err, outcome)
        found, places = values(outcome), outcome["summary"]["places"]
        assert found["final_share"] == found["place_final_share"] == 1.0 and found["place_differences"] == 0
        assert [each["place"] for each in places] == [
            *(f"lv-{n}" for n in range(1, 5)),
            "next-1",
            "next-2",
            "hv-1",
            "gas-1",
        ]
        assert all(each["final_share"] == 1.0 and each["emulated"] for each in places)
        assert outcome["summary"]["twins"] == 40
        with run.columns() as columns:
            asked = f"SELECT meter, slot, import_wh FROM readings WHERE meter IN {ELECTRICITY} ORDER BY meter, slot"
            rows = columns.query(asked)
        assert len(rows) == 7 * SLOTS
        for number, place in enumerate(each["place"] for each in places[:7]):
            mine = [(slot, wh) for meter, slot, wh in rows if meter == ELECTRICITY[number]]
            stored = mine[-1][1] - mine[0][1]
            really = registered(truths, place, slot_end(mine[-1][0])) - registered(truths, place, slot_end(mine[0][0]))
            assert really > 100 or place == "hv-1"
            assert math.isclose(stored, really, abs_tol=2.0), place  # whole Wh at both ends
        radios_and_twins_stand_in_one_field(run, outcome, truths)


def radios_and_twins_stand_in_one_field(run: BenchRun, outcome: dict[str, Any], truths: list[dict[str, Any]]) -> None:
    """Attenuators as the link table has them, levels measured, their concentrators frame by frame, loss played."""
    radios = outcome["summary"]["radios"]
    heard = {each["place"]: each for each in radios["links"] if each["heard_dbm"] is not None}
    assert set(heard) == {"lv-1", "lv-2", "lv-3", "next-1", "next-2"}
    assert all(abs(each["residual_db"]) <= 1.0 for each in heard.values())
    judged = {each["place"]: each["verdict"] for each in outcome["measurements"] if each["name"] == "link_residual"}
    assert judged == dict.fromkeys(heard, "pass")
    assert [(each["area"], len(each["levels"])) for each in radios["frame_by_frame"]] == [("lab", 3), ("lab-next", 2)]
    assert (run.folder / "links.json").exists()
    played = json.loads((run.folder / "attenuators.json").read_text())
    assert len(played) == radios["played"]
    shut = [each["db"] for each in played if each["place"] == "lv-2"]
    assert shut[0] == heard["lv-2"]["set_db"] + 7.0  # the door of its box
    second = [truth["attenuators"]["attenuator-1"][1] for truth in truths]
    assert any(math.isclose(db, shut[0], abs_tol=0.35) for db in second if db is not None)


@pytest.mark.long
@pytest.mark.requirement("M1")
def test_a_meter_in_a_place_that_rewrites_its_history_fails_the_run(tmp_path: Path) -> None:
    planted = "defects:\n  - { kind: rewrites-history, meters: [TWN000000000001] }\n"
    with BenchRun(small(tmp_path, planted), tmp_path / "results", "--campaign", "collection") as run:
        code, outcome, err = run.finish()
    assert code == 1, err
    assert [each["place"] for each in outcome["summary"]["places"] if each["differences"]] == ["lv-2"]
