"""Whole nights over a small rack: one in which an instrument fails, one after the other with other faults planted."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.night.history import History
from bench.night.compare import Change, compare_in
from bench.night.session import RESULTS
from bench.night.sessions import read_sessions
from tests.bench.night.small_rack import SHARED, a_night, small_rack

FAILING = """\
import pytest


@pytest.mark.parametrize("number", range(4))
def test_energy_is_told(meter, place, number):
    if (place.name, number) == ("lv-1", 1):
        place.emulator.fault("attenuator-1", "lost-socket")
        assert place.measure()["attenuator"]["db"] < 1, "the path is attenuated"
    assert meter.reader.registers().import_wh >= 0
"""
CURVE = """\
def test_power_follows_the_load(meter, place, ac_source, measure):
    for amps in range(4, 11):
        place.load(amps)
        told, nominal = meter.reader.instant().power_w, 200 * amps
        measure(f"error at {amps} A", 100 * (told / nominal - 1), "%", low=-2, high=2, resolution=100 / nominal)
    place.load(0)
"""
PUBLIC = "test_security.py::test_who_says_nothing_reads_nothing_of_the_home"
REPLAY = "test_security.py::test_a_recorded_command_is_not_carried_out_again"
DEFECT = "  - {{ kind: {}, meters: [TWN{:012d}]{} }}\n"


@pytest.fixture
def lab() -> Iterator[Path]:
    """A folder with a short name: the path of the emulation's socket may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="night-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.requirement("U6", "U7", "U10")
def test_an_instrument_that_fails_in_the_night_costs_its_place_and_no_product_failure(lab: Path) -> None:
    small_rack(lab)
    (lab / "test_mine.py").write_text(FAILING, "utf-8")
    code, told, night = a_night(lab, "--mode=rack", "--place=lv-1", "--place=lv-2", f"--only={lab / 'test_mine.py'}")
    assert (code, told["gate"]["verdict"]) == (3, "error"), told

    found = read_sessions(night.path / RESULTS)
    outcomes = {(key.place, key.test[-3:]): each.outcome for key, each in found.results.items()}
    expected = {("lv-1", "[0]"): "pass"} | {("lv-1", f"[{number}]"): "error" for number in (1, 2, 3)}
    assert outcomes == expected | {("lv-2", f"[{number}]"): "pass" for number in range(4)}
    assert set(found.categories.values()) == {"", "bench"}, "no product failure"

    gate = told["gate"]
    assert (gate["failures"], gate["missing"], gate["drifts"]) == ([], [], [])
    assert any(each.startswith("lv-1: ") and each.endswith("place retired") for each in gate["bench_errors"])
    assert not any("lv-2" in each for each in gate["bench_errors"])
    broken = {rule["name"]: rule["verdict"] for rule in gate["rules"] if rule["verdict"] not in ("pass", "recorded")}
    assert broken == {"bench_errors": "error"}


@pytest.mark.slow
@pytest.mark.requirement("U7", "U9", "U10")
def test_three_nights_name_what_is_new_what_is_fixed_and_what_drifted(lab: Path) -> None:
    """The second with a planted defect; the third with another one instead, and a gain that drifted by 0.3 %."""
    (lab / "test_mine.py").write_text(CURVE, "utf-8")
    only = ["--mode=rack", *(f"--place={place}" for place in SHARED)]
    only += [f"--only={each}" for each in (PUBLIC, REPLAY, lab / "test_mine.py")]
    planted = (
        "",
        DEFECT.format("public-reads-energy", 0, ""),
        DEFECT.format("accepts-replay", 1, "") + DEFECT.format("hidden-error", 2, ", gain_percent: 0.05"),
    )
    codes = []
    for defects in planted:
        small_rack(lab, defects)
        code, told, _ = a_night(lab, *only)
        codes.append(code)
    assert codes == [0, 1, 1], (lab / "err.log").read_text("utf-8")

    history = History(lab / "r" / "history.jsonl")
    named = {}
    for night in ("last-1", "last"):
        _, found = compare_in(history, night)
        assert found.topology_changed
        named[night] = {
            f"{each.change}: {each.test.partition('/')[2]} @ {each.place}"
            for each in found.tests
            if each.change not in (Change.PASSING, Change.SKIPPED)
        }
    assert named == {
        "last-1": {f"new failure: {PUBLIC} @ lv-1"},
        "last": {f"fixed: {PUBLIC} @ lv-1", f"new failure: {REPLAY} @ lv-2"},
    }
    assert {each["place"] for each in told["drifts"]} == {"lv-3"}, told["drifts"]
    assert len(told["drifts"]) == 7, json.dumps(told["drifts"])
