"""Whole nights over a small rack: one in which an instrument fails, one after the other with other faults planted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.night.compare import Change
from bench.night.session import RESULTS
from bench.night.sessions import read_sessions
from tests.bench.night.small_rack import SEED, SHARED, a_night, small_rack
from twins.rack.meters.healthy import healthy

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
    night, found = a_night(lab, ("lv-1", "lv-2"), lab / "test_mine.py")
    assert found.gate.verdict == "error"

    told = read_sessions(night.path / RESULTS)
    outcomes = {(key.place, key.test[-3:]): each.outcome for key, each in told.results.items()}
    expected = {("lv-1", "[0]"): "pass"} | {("lv-1", f"[{number}]"): "error" for number in (1, 2, 3)}
    assert outcomes == expected | {("lv-2", f"[{number}]"): "pass" for number in range(4)}
    assert set(told.categories.values()) == {"", "bench"}, "no product failure"

    gate = found.gate
    assert (gate.failures, gate.missing, gate.drifts) == ((), (), ())
    assert any(each.startswith("lv-1: ") and each.endswith("place retired") for each in gate.bench_errors)
    assert not any("lv-2" in each for each in gate.bench_errors)
    assert {rule.name for rule in gate.rules if rule.verdict != "pass"} == {"bench_errors"}


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.requirement("U7", "U9", "U10")
def test_three_nights_name_what_is_new_what_is_fixed_and_what_drifted(lab: Path) -> None:
    """The second with a planted defect; the third with another one instead, and a gain that drifted by 0.3 %."""
    (lab / "test_mine.py").write_text(CURVE, "utf-8")
    planted = (
        "",
        DEFECT.format("public-reads-energy", 0, ""),
        DEFECT.format("accepts-replay", 1, "") + DEFECT.format("hidden-error", 2, f", gain_percent: {_drifted(2)}"),
    )
    verdicts, named, drifts = [], [], []
    for defects in planted:
        small_rack(lab, defects)
        _, found = a_night(lab, SHARED, PUBLIC, REPLAY, lab / "test_mine.py")
        verdicts.append(found.gate.verdict)
        changes = found.comparison.of(Change.NEW_FAILURE, Change.STILL_FAILING, Change.FIXED, Change.MISSING)
        named.append({(str(each.change), each.test.removeprefix("suites/"), each.place) for each in changes})
        drifts.append([each.place for each in found.gate.drifts])
    assert verdicts == ["pass", "fail", "fail"]
    assert named == [
        set(),
        {("new failure", PUBLIC, "lv-1")},
        {("fixed", PUBLIC, "lv-1"), ("new failure", REPLAY, "lv-2")},
    ]
    assert drifts == [[], [], ["lv-3"] * 7]


def _drifted(meter: int) -> float:
    """The gain of a healthy meter of the rack, and 0.3 % more."""
    return healthy(SEED, meter, "LV", 10.0).gain_percent + 0.3
