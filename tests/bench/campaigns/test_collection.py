"""The campaign's figures from columns whose values are known by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bench.campaigns.collection import measure, unrecovered
from bench.record.model import Unrecovered
from bench.record.parts import PartWriter
from bench.record.schemas import READINGS
from protocols.slots import SLOT_SECONDS
from tests.bench.record.factory import FIRST_SLOT, make_run, meter_columns

METERS, SLOTS = 6, 4  # the factory's areas: suburb with two concentrators of three meters
DUE = METERS * SLOTS


class Row(NamedTuple):
    """A stored value; the slot counts from the run's first."""

    meter: int
    slot: int
    delay: float = 30.0
    via: int = 0
    import_wh: int | None = None  # None: 1,000 Wh more every slot
    export_wh: int = 0


def columns_of(rows: Sequence[Row]) -> dict[str, Any]:
    slot = np.array([FIRST_SLOT + row.slot for row in rows], dtype=np.int32)
    return {
        "meter": np.array([row.meter for row in rows], dtype=np.uint32),
        "slot": slot,
        "import_wh": np.array(
            [1000 * row.slot if row.import_wh is None else row.import_wh for row in rows], dtype=np.uint32
        ),
        "export_wh": np.array([row.export_wh for row in rows], dtype=np.uint32),
        "status": np.zeros(len(rows), np.uint8),
        "arrival": (slot + 1.0) * SLOT_SECONDS + np.array([row.delay for row in rows], dtype=np.float64),
        "via": np.array([row.via for row in rows], dtype=np.uint8),
        "counter": np.arange(len(rows), dtype=np.uint32),
    }


FULL = [Row(meter, slot) for slot in range(SLOTS) for meter in range(METERS)]


class Found(NamedTuple):
    """What the campaign makes of a run."""

    values: dict[str, float | None]
    unrecovered: list[Unrecovered]


def judged(
    folder: Path,
    rows: Sequence[Row],
    *,
    repeats: Sequence[Row] = (),
    rejections: int = 0,
    overruns: float = 0,
) -> Found:
    refused = {
        "arrival": np.zeros(rejections),
        "meter": np.full(rejections, -1),
        "reason": np.full(rejections, "altered", dtype=object),
        "counter": np.full(rejections, -1),
    }
    run = make_run(folder, readings=columns_of(rows), rejections=refused)
    with PartWriter(run.path / "repeats", READINGS) as writer:
        writer.append(columns_of(repeats))
    with run.columns() as columns:
        return Found(measure(columns, DUE, overruns), unrecovered(columns, FIRST_SLOT, SLOTS))


def test_a_full_run_on_time_is_all_that_it_should_be(tmp_path: Path) -> None:
    found = judged(tmp_path, FULL)
    assert found.values == {
        "on_time_share": 1.0,
        "final_share": 1.0,
        "delay_p50": 30.0,
        "delay_p99": 30.0,
        "delay_max": 30.0,
        "first_delivery_share": 1.0,
        "recollected_values": 0,
        "rejected_messages": 0,
        "duplicate_values": 0,
        "conflicting_values": 0,
        "register_falls": 0,
        "pacing_overruns": 0,
    }
    assert found.unrecovered == []


def test_a_value_is_late_beyond_the_hour_and_not_at_it(tmp_path: Path) -> None:
    late = {0: 3600.0, 1: 3600.5, 2: 90_000.0}
    found = judged(tmp_path, [row._replace(delay=late.get(at, 30.0)) for at, row in enumerate(FULL)])
    assert found.values["on_time_share"] == (DUE - 2) / DUE
    assert found.values["final_share"] == 1.0
    assert found.values["delay_max"] == 90_000.0


def test_delays_are_measured_from_the_end_of_the_interval(tmp_path: Path) -> None:
    found = judged(tmp_path, [Row(0, 0, 10.0), Row(1, 0, 20.0), Row(2, 1, 30.0), Row(3, 3, 40.0), Row(4, 3, 1000.0)])
    assert found.values["delay_p50"] == 30.0
    assert found.values["delay_p99"] == pytest.approx(40.0 + 0.96 * 960.0)  # between the fourth and the fifth of five


def test_missing_values_lower_the_shares_and_name_their_meters(tmp_path: Path) -> None:
    lost = {(1, 2), (1, 3), (4, 0)}
    found = judged(tmp_path, [row for row in FULL if (row.meter, row.slot) not in lost])
    assert found.values["final_share"] == found.values["on_time_share"] == (DUE - 3) / DUE
    assert [(u.meter, u.concentrator, [s - FIRST_SLOT for s in u.slots]) for u in found.unrecovered] == [
        ("TWN000000000001", "c000", [2, 3]),
        ("TWN000000000004", "c001", [0]),
    ]
    assert {u.area for u in found.unrecovered} == {"suburb"}


def test_values_that_were_asked_for_count_as_stored_and_as_recollected(tmp_path: Path) -> None:
    found = judged(tmp_path, [row._replace(via=int(row.meter == 2), delay=700.0) for row in FULL])
    assert found.values["recollected_values"] == SLOTS
    assert found.values["first_delivery_share"] == (DUE - SLOTS) / DUE
    assert found.values["final_share"] == 1.0


def test_a_value_stored_twice_is_a_duplicate_and_makes_up_for_no_other(tmp_path: Path) -> None:
    lost = (5, 1)
    rows = [row for row in FULL if (row.meter, row.slot) != lost]
    found = judged(tmp_path, [*rows, Row(0, 0, 5000.0, via=1), Row(5, 0, 40.0, via=1)])
    assert found.values["duplicate_values"] == 2
    assert found.values["final_share"] == (DUE - 1) / DUE
    assert found.values["on_time_share"] == (DUE - 1) / DUE
    assert found.values["recollected_values"] == 0  # its first arrival counts
    assert found.values["delay_max"] == 30.0
    assert [(u.meter, [s - FIRST_SLOT for s in u.slots]) for u in found.unrecovered] == [("TWN000000000005", [1])]


def registers(*wh: int, slots: tuple[int, ...] = (0, 1, 2, 3)) -> list[Row]:
    return [Row(0, slot, import_wh=value) for slot, value in zip(slots, wh, strict=False)]


@pytest.mark.parametrize(
    ("rows", "falls"),
    [
        (registers(1000, 1000, 1500, 99_999_999 // 3), 0),
        (registers(1000, 999, 2000, 3000), 1),
        (registers(5000, 4000, 3000, 2000), 3),
        (registers(99_999_900, 40, 500, 900), 0),  # 8 digits: it wraps and goes on
        (registers(40, 99_999_900, 99_999_950, 10), 1),  # it went back over the wrap, and then forward again
        (registers(3000, 2000, slots=(0, 3)), 1),  # across a gap
        ([*registers(1, 2, 3, 4), *(Row(1, slot, export_wh=10 - slot) for slot in range(4))], 3),
        ([Row(0, 3, import_wh=4), Row(0, 0, import_wh=1), Row(1, 0, import_wh=0)], 0),  # order of arrival is no matter
    ],
)
def test_registers_that_fall_are_found_whether_they_wrap_or_not(tmp_path: Path, rows: list[Row], falls: int) -> None:
    assert judged(tmp_path, rows).values["register_falls"] == falls


def test_repeats_that_agree_are_no_conflict_and_others_are(tmp_path: Path) -> None:
    repeats = [Row(0, 1), Row(1, 1, import_wh=1001), Row(2, 2, export_wh=1), Row(3, 3, via=1, delay=99.0)]
    found = judged(tmp_path, FULL, repeats=repeats)
    assert found.values["conflicting_values"] == 2
    assert found.values["duplicate_values"] == 0


def test_refusals_and_overruns_are_counted(tmp_path: Path) -> None:
    found = judged(tmp_path, FULL, rejections=7, overruns=2.0)
    assert (found.values["rejected_messages"], found.values["pacing_overruns"]) == (7, 2.0)


def test_nothing_stored_leaves_the_delays_unset_and_everybody_unrecovered(tmp_path: Path) -> None:
    found = judged(tmp_path, [])
    unset = {name for name, value in found.values.items() if value is None}
    assert unset == {"delay_p50", "delay_p99", "delay_max"}
    assert found.values["on_time_share"] == found.values["final_share"] == found.values["first_delivery_share"] == 0
    assert found.values["duplicate_values"] == found.values["register_falls"] == 0
    assert [u.slots for u in found.unrecovered] == [list(range(FIRST_SLOT, FIRST_SLOT + SLOTS))] * METERS


def test_the_first_thousand_of_many_unrecovered_meters_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, areas=(("suburb", 3, 400),), readings=columns_of([Row(0, slot) for slot in range(SLOTS)]))
    assert len(meter_columns((("suburb", 3, 400),))["index"]) == 1200
    with run.columns() as columns:
        found = unrecovered(columns, FIRST_SLOT, SLOTS)
    assert [u.meter for u in found] == [f"TWN{index:012d}" for index in range(1, 1001)]
