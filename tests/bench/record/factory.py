"""Small run folders with real Parquet, written through the bench's own writers; for every test that needs a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.measure import Measurement
from bench.record.folder import RunFolder
from bench.record.model import RunClock, RunRecord, TopologyRecord, Unrecovered
from bench.record.parts import PartWriter
from bench.record.schemas import READINGS, REJECTIONS
from protocols.slots import SLOT_SECONDS, first_slot_of

FIRST_SLOT = first_slot_of(20_000)  # 00:00 JST of 2024-10-04
TOPOLOGY = "name: synthetic\nseed: 7\n"


def measurement(name: str, value: float | None, verdict: str = "pass", **fields: Any) -> Measurement:
    """A measurement with harmless defaults."""
    defaults: dict[str, Any] = {
        "unit": "values",
        "low": None,
        "high": 0.0,
        "requirements": ("A5",),
        "doc": f"What {name} is",
        "source": f"Where the limit of {name} comes from",
    }
    return Measurement(name=name, value=value, verdict=verdict, **(defaults | fields))


def record(run_id: str = "20261121-201133-synthetic-0001", **fields: Any) -> RunRecord:
    """A finished, passed record; ``fields`` replace any part of it."""
    defaults: dict[str, Any] = {
        "run_id": run_id,
        "name": "synthetic",
        "campaign": "collection",
        "state": "finished",
        "verdict": "pass",
        "started": "2026-11-21T20:11:33.000Z",
        "ended": "2026-11-21T20:12:33.000Z",
        "topology": TopologyRecord(path="topologies/synthetic.yaml", sha256="ab" * 32, content=TOPOLOGY),
        "seed": 7,
        "clock": RunClock(
            mode="virtual", scale=None, start="2024-10-04T00:00:00+09:00", end="2024-10-05T00:00:00+09:00"
        ),
        "versions": {"bench": "0.1.0", "python": "3.11.7"},
        "host": {"name": "lab", "cpu": "Test CPU", "cores": 2, "memory_bytes": 8_000_000_000},
        "measurements": [
            measurement("on_time_share", 1.0, unit="1", low=1.0, high=None),
            measurement("delay_p50", 30.0, unit="s", high=None),
        ],
    }
    return RunRecord(**(defaults | fields))


def meter_columns(areas: Sequence[tuple[str, int, int]]) -> dict[str, list[Any]]:
    """Columns of ``meters.parquet`` for areas of (name, concentrators, meters a concentrator)."""
    rows = [
        (area, f"c{concentrator:03d}")
        for area, concentrators, meters in areas
        for concentrator in range(concentrators)
        for _ in range(meters)
    ]
    return {
        "index": list(range(len(rows))),
        "meter": [f"TWN{index:012d}" for index in range(len(rows))],
        "area": [area for area, _ in rows],
        "concentrator": [concentrator for _, concentrator in rows],
        "medium": ["mesh"] * len(rows),
        "utility": ["north"] * len(rows),
    }


def reading_columns(
    meter: NDArray[Any], slot: NDArray[Any], delay: NDArray[Any], via: NDArray[Any] | int = 0
) -> dict[str, NDArray[Any]]:
    """Columns of ``readings``: slots count from :data:`FIRST_SLOT`, delays are in seconds; the register of meter m
    rises by 100 + m Wh a slot, so that every interval is known by hand; nothing is exported."""
    absolute = FIRST_SLOT + slot
    return {
        "meter": meter.astype(np.uint32),
        "slot": absolute.astype(np.int32),
        "import_wh": ((1 + slot) * (100 + meter)).astype(np.uint32),
        "export_wh": np.zeros(len(meter), np.uint32),
        "status": np.zeros(len(meter), np.uint8),
        "arrival": (absolute + 1.0) * SLOT_SECONDS + delay,
        "via": np.broadcast_to(np.asarray(via, np.uint8), meter.shape),
        "counter": np.arange(len(meter), dtype=np.uint32),
    }


def full_day(meters: int, slots: int, delay: float = 30.0) -> dict[str, NDArray[Any]]:
    """Every value of every meter, by itself, after the same delay."""
    meter, slot = (grid.ravel() for grid in np.meshgrid(np.arange(meters), np.arange(slots)))
    return reading_columns(meter, slot, np.full(meter.size, delay))


def make_run(
    results: Path,
    *,
    areas: Sequence[tuple[str, int, int]] = (("suburb", 2, 3),),
    slots: int = 4,
    readings: dict[str, NDArray[Any]] | None = None,
    rejections: dict[str, NDArray[Any]] | None = None,
    **fields: Any,
) -> RunFolder:
    """A run folder on disk; without ``readings`` every value arrived after half a minute."""
    meters = sum(concentrators * size for _, concentrators, size in areas)
    summary = {"twins": meters, "slots": slots, "first_slot": FIRST_SLOT, "due": meters * slots}
    folder = RunFolder.create(results, record(**({"summary": summary} | fields)))
    folder.write_meters(meter_columns(areas))
    with PartWriter(folder.readings_dir, READINGS) as writer:
        writer.append(full_day(meters, slots) if readings is None else readings)
    if rejections is not None:
        with PartWriter(folder.rejections_dir, REJECTIONS) as writer:
            writer.append(rejections)
    return folder


def unrecovered(meter: int, slots: Sequence[int]) -> Unrecovered:
    """A meter that was given up, with slots counted from :data:`FIRST_SLOT`."""
    return Unrecovered(
        meter=f"TWN{meter:012d}", area="suburb", concentrator="c000", slots=[FIRST_SLOT + slot for slot in slots]
    )
