"""Aggregates against numbers counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.record.folder import RunFolder
from bench.report.figures import Figures, figures, rejections, window_of
from tests.bench.record.factory import FIRST_SLOT, full_day, make_run, reading_columns


def figures_of(folder: RunFolder) -> Figures:
    with folder.columns() as columns:
        found = figures(folder.load(), columns)
    assert found is not None
    return found


def rows(*values: tuple[int, int, float, int]) -> dict[str, np.ndarray[Any, Any]]:
    """Readings from (meter, slot, delay in seconds, via)."""
    meter, slot, delay, via = (np.array(column) for column in zip(*values, strict=True))
    return reading_columns(meter, slot, delay.astype(float), via)


def test_a_complete_day_has_nothing_missing_late_or_asked_again(tmp_path: Path) -> None:
    found = figures_of(make_run(tmp_path, areas=[("suburb", 2, 3)], slots=4))
    assert (found.window.due, found.stored, found.on_time) == (24, 24, 24)
    assert found.worst_meters == []
    assert found.short_meters == 0
    assert found.delays.longest == pytest.approx(30.0)
    assert all((c.missing, c.late, c.asked) == (0, 0, 0) for c in found.completeness.concentrators)


def test_missing_is_counted_from_what_was_due_not_from_what_is_there(tmp_path: Path) -> None:
    # Meter 0: both slots; meter 1 (same concentrator): late once, missing once; meters 2 and 3: never heard of.
    readings = rows((0, 0, 10, 0), (0, 1, 10, 0), (1, 0, 3601, 1))
    found = figures_of(make_run(tmp_path, areas=[("suburb", 2, 2)], slots=3, readings=readings))
    assert (found.window.due, found.stored, found.on_time) == (12, 3, 2)
    first, second = found.completeness.concentrators
    assert (first.missing, first.late, first.asked, first.longest) == (3, 1, 1, pytest.approx(3601))
    assert (second.missing, second.late, second.longest) == (6, 0, None)
    np.testing.assert_array_equal(found.completeness.stored, [[2, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(found.completeness.on_time, [[1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(found.completeness.worst_first(), [1, 0])
    assert found.short_meters == 4
    assert [(m.name[-1], m.missing, m.late) for m in found.worst_meters] == [
        ("2", 3, 0),
        ("3", 3, 0),
        ("1", 2, 1),
        ("0", 1, 0),
    ]


def test_the_limit_itself_is_on_time_and_the_curve_counts_it_exactly(tmp_path: Path) -> None:
    readings = rows((0, 0, 3600, 0), (1, 0, 3600.5, 0), (2, 0, 59.5, 1))
    found = figures_of(make_run(tmp_path, areas=[("suburb", 1, 3)], slots=1, readings=readings))
    assert found.on_time == 2
    assert found.delays.within(3600) == (1, 2)
    assert found.delays.within(3601) == (2, 3)
    assert found.delays.within(59) == (0, 0)
    assert found.delays.within(60) == (0, 1)


def test_quantiles_are_right_to_the_width_of_a_bin(tmp_path: Path) -> None:
    delay = np.linspace(1.0, 100.0, 100)
    readings = reading_columns(np.arange(100), np.zeros(100, np.int64), delay)
    found = figures_of(make_run(tmp_path, areas=[("suburb", 1, 100)], slots=1, readings=readings))
    assert found.delays.quantile(0.5) == pytest.approx(50.0, abs=0.11)
    assert found.delays.quantile(0.99) == pytest.approx(99.0, abs=1.01)


@pytest.mark.parametrize("delay", [-5.0, 0.0, 3.0 * 86_400])
def test_impossible_and_enormous_delays_are_still_counted(tmp_path: Path, delay: float) -> None:
    found = figures_of(make_run(tmp_path, areas=[("a", 1, 1)], slots=1, readings=rows((0, 0, delay, 0))))
    assert found.stored == 1
    assert found.on_time == (delay < 3600)
    assert found.delays.longest == pytest.approx(delay)


def test_a_value_stored_twice_counts_once_with_its_first_arrival(tmp_path: Path) -> None:
    readings = rows((0, 0, 4000, 1), (0, 0, 20, 0), (1, 0, 20, 0))
    found = figures_of(make_run(tmp_path, areas=[("a", 1, 2)], slots=1, readings=readings))
    assert (found.stored, found.on_time, int(found.delays.asked.sum())) == (2, 2, 0)


def test_rows_that_were_not_due_count_for_nothing(tmp_path: Path) -> None:
    readings = rows((0, 0, 20, 0), (0, -1, 20, 0), (0, 1, 20, 0), (9, 0, 20, 0))
    found = figures_of(make_run(tmp_path, areas=[("a", 1, 1)], slots=1, readings=readings))
    assert (found.window.due, found.stored) == (1, 1)


def test_mean_power_is_the_register_difference_of_neighbouring_slots(tmp_path: Path) -> None:
    # Meter m gains 100 + m Wh a half-hour: areas of meters 0, 1 and of 2, 3 mean 100.5 and 102.5 Wh.
    found = figures_of(make_run(tmp_path, areas=[("west", 1, 2), ("east", 1, 2)], slots=3))
    assert [load.area for load in found.loads] == ["west", "east"]
    np.testing.assert_allclose(found.loads[0].import_kw, [np.nan, 0.201, 0.201])
    np.testing.assert_allclose(found.loads[1].import_kw, [np.nan, 0.205, 0.205])
    np.testing.assert_allclose(found.loads[0].export_kw, [np.nan, 0, 0])


def test_the_slot_before_the_first_gives_the_first_interval_its_power(tmp_path: Path) -> None:
    readings = rows((0, -1, 10, 0), (0, 0, 10, 0))
    found = figures_of(make_run(tmp_path, areas=[("a", 1, 1)], slots=1, readings=readings))
    np.testing.assert_allclose(found.loads[0].import_kw, [0.2])


def test_a_gap_a_wrap_and_a_fall_of_the_register_draw_no_false_power(tmp_path: Path) -> None:
    readings = rows(*((0, slot, 10, 0) for slot in (0, 1, 3, 4, 5)))
    readings["import_wh"] = np.array([99_999_900, 50, 1_000, 1_200, 700], np.uint32)
    found = figures_of(make_run(tmp_path, areas=[("a", 1, 1)], slots=6, readings=readings))
    nan = np.nan
    np.testing.assert_allclose(found.loads[0].import_kw, [nan, 0.3, nan, nan, 0.4, nan])


def test_concentrators_of_one_name_in_two_areas_stay_apart(tmp_path: Path) -> None:
    found = figures_of(make_run(tmp_path, areas=[("west", 1, 2), ("east", 1, 3)], slots=2))
    assert [(c.area, c.name, c.due) for c in found.completeness.concentrators] == [
        ("west", "c000", 4),
        ("east", "c000", 6),
    ]


def test_the_order_of_rows_does_not_change_the_figures(tmp_path: Path) -> None:
    straight = full_day(50, 10)
    shuffle = np.random.default_rng(3).permutation(500)
    shuffled = {name: values[shuffle] for name, values in straight.items()}
    one, two = (
        figures_of(make_run(tmp_path / name, areas=[("a", 5, 10)], slots=10, readings=readings))
        for name, readings in (("one", straight), ("two", shuffled))
    )
    np.testing.assert_array_equal(one.delays.own, two.delays.own)
    np.testing.assert_array_equal(one.loads[0].import_kw, two.loads[0].import_kw)
    assert one.completeness.concentrators == two.completeness.concentrators


def test_a_campaign_may_set_another_limit(tmp_path: Path) -> None:
    summary = {"first_slot": FIRST_SLOT, "slots": 1, "on_time_seconds": 1800}
    readings = rows((0, 0, 1800, 0), (1, 0, 1801, 0))
    found = figures_of(make_run(tmp_path, areas=[("a", 1, 2)], slots=1, readings=readings, summary=summary))
    assert found.on_time == 1


@pytest.mark.parametrize("summary", [{}, {"first_slot": 5}, {"slots": 3}, {"first_slot": 5, "slots": 0}])
def test_without_a_window_in_the_record_nothing_is_guessed(tmp_path: Path, summary: dict[str, int]) -> None:
    folder = make_run(tmp_path, summary=summary)
    with folder.columns() as columns:
        assert window_of(folder.load(), columns) is None
        assert figures(folder.load(), columns) is None


def test_rejections_are_counted_by_reason_and_by_claimed_meter(tmp_path: Path) -> None:
    refused = {
        "arrival": np.zeros(6),
        "meter": np.array([1, 1, 2, -1, 77, 1]),
        "reason": np.array(["bad tag", "bad tag", "bad tag", "unknown", "unknown", "replay"], object),
        "counter": np.arange(6),
    }
    folder = make_run(tmp_path, rejections=refused)
    with folder.columns() as columns:
        by_reason, by_meter = rejections(columns)
    assert [(r.reason, r.count) for r in by_reason] == [("bad tag", 3), ("unknown", 2), ("replay", 1)]
    assert [(r.reason, r.meter, r.count) for r in by_meter] == [
        ("bad tag", "TWN000000000001", 2),
        ("bad tag", "TWN000000000002", 1),
        ("replay", "TWN000000000001", 1),
        ("unknown", None, 1),
        ("unknown", None, 1),
    ]
