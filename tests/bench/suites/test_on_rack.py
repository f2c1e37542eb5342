"""The same tests at the places of an emulated rack: leases, safe state behind every test, faults told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.pytest_plugin.sessions import SUITES, session, write
from tests.bench.rack.emulated import topology

COLLECTED = "test_a_place_answers_a_head_end_with_what_its_meter_has"
OWN = """\
import pytest


def test_fails_under_load(meter, place):
    place.load(2.0)
    assert meter.reader.instant().power_w < 0, "it draws power"


@pytest.mark.unpowered
def test_finds_all_safe(meter, place):
    truth = place.emulator.truth()
    assert max(truth["sources"]["source-1"]["volts"]) < 1
    assert not any(truth["meters"][name]["supply"] == "up" for name in ("lv-1", "lv-2"))


def test_is_another_on_a_twin(meter):
    assert meter.has("rack")


def test_meets_an_instrument_that_fails(meter, place):
    if place.name == "lv-2":
        place.emulator.fault("analyser-1", "lost-socket")
    assert place.name == "lv-1", "a failure that is no product's"
"""


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.requirement("U6", "U7", "U10")
def test_places_twins_and_faults_of_the_bench_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, OWN)
    names = ("metrology", "power_cuts", "rack")
    suites: list[str | Path] = [
        *(SUITES / f"test_{name}.py" for name in names),
        f"{SUITES / 'test_route_a.py'}::{COLLECTED}",
    ]
    places = [argument for name in ("lv-1", "lv-2", "lv-current") for argument in ("--bench-place", name)]
    done = session(
        tmp_path, "--bench-env", topology(tmp_path), "--bench-scale", "600", *places, *suites, tmp_path / "test_mine.py"
    )
    bad = {f"{each.test.partition('::')[2]} @ {each.place}": each.outcome for each in done.bad()}
    assert bad == {
        "test_fails_under_load @ lv-1": "fail",
        "test_fails_under_load @ lv-2": "fail",
        "test_is_another_on_a_twin @ lv-current": "fail",
        "test_meets_an_instrument_that_fails @ lv-2": "error",
    }, done.text
    categories = {key.test.partition("::")[2]: told for key, told in done.told.categories.items() if told}
    assert categories == {
        "test_fails_under_load": "product",
        "test_is_another_on_a_twin": "twin divergence",
        "test_meets_an_instrument_that_fails": "bench",
    }
    passed = {(key.test, key.place) for key, each in done.told.results.items() if each.outcome == "pass"}
    for place in ("lv-1", "lv-2"):
        assert ("suites/test_power_cuts.py::test_a_power_cut_is_counted_and_logged", place) in passed
        assert ("suites/test_metrology.py::test_a_short_dose_is_counted_within_the_class", place) in passed
        assert (f"suites/test_route_a.py::{COLLECTED}", place) in passed
        assert ("suites/test_rack.py::test_a_leased_place_is_had_by_nobody_else", place) in passed
        assert ("test_mine.py::test_finds_all_safe", place) in passed
    assert any("analyser-1" in each.what for each in done.told.incidents)
