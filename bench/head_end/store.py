"""The head-end's columns on disk: readings, repeats and rejections, and how a restarted head-end reads them back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.head_end.intake import Refusal
from bench.head_end.values import Values
from bench.record.parts import PartWriter, parts_of
from bench.record.schemas import READINGS, READINGS_DIR, REJECTIONS, REJECTIONS_DIR, REPEATS_DIR

_ROWS_PER_PART = 250_000
_FLUSH_SECONDS = 5.0  # real time; a kill -9 costs at most this much work, and that is asked for again


class Stored(NamedTuple):
    """Stored values as columns: meter rows, slots, arrival (simulated Unix s)."""

    rows: NDArray[np.int64]
    slots: NDArray[np.int64]
    arrivals: NDArray[np.float64]


class Store:
    """Writes what the head-end takes and refuses, and counts it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readings = PartWriter(folder / READINGS_DIR, READINGS, _ROWS_PER_PART)
        self._repeats = PartWriter(folder / REPEATS_DIR, READINGS, _ROWS_PER_PART // 10)
        self._rejections = PartWriter(folder / REJECTIONS_DIR, REJECTIONS, _ROWS_PER_PART // 10)
        self._flushed = 0.0

    def stored(self) -> Iterator[Stored]:
        """The values that earlier processes of this run have stored, part by part."""
        for part in parts_of(self._folder / READINGS_DIR):
            rows, slots, arrivals = _columns(part, "meter", "slot", "arrival")
            yield Stored(rows.astype(np.int64), slots.astype(np.int64), arrivals)

    def used_counters(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint32]]]:
        """Rows and counters of the genuine messages that earlier processes of this run have taken, part by part.

        Those are stored values, repeats, and what was refused for its time alone: by now it might be possible.
        """
        impossible = [("reason", "=", str(Refusal.IMPOSSIBLE_TIME))]
        for directory, which in ((READINGS_DIR, None), (REPEATS_DIR, None), (REJECTIONS_DIR, impossible)):
            for part in parts_of(self._folder / directory):
                rows, counters = _columns(part, "meter", "counter", which=which)
                yield rows.astype(np.int64), counters.astype(np.uint32)

    def add(self, values: Values, new: NDArray[np.bool_], arrival: float, via: int) -> None:
        """Take values: the new ones as readings, the others as repeats."""
        for writer, which in ((self._readings, new), (self._repeats, ~new)):
            count = int(which.sum())
            if count:
                picked = values if count == len(new) else values.pick(which)
                writer.append(
                    {
                        "meter": picked.rows,
                        "slot": picked.slots,
                        "import_wh": picked.import_wh,
                        "export_wh": picked.export_wh,
                        "status": picked.status,
                        "counter": picked.counters,
                        "arrival": np.full(count, arrival),
                        "via": np.full(count, via, dtype=np.uint8),
                    }
                )

    def reject(self, rows: NDArray[np.int64], counters: NDArray[np.int64], reason: str, arrival: float) -> None:
        """Note refused messages. ``rows`` and ``counters`` are what the messages claim, -1 where they claim nothing."""
        count = len(rows)
        self._rejections.append(
            {
                "arrival": np.full(count, arrival),
                "meter": rows,
                "reason": np.full(count, reason, dtype=object),
                "counter": counters,
            }
        )

    def flush_now_and_then(self, real_now: float) -> None:
        """Write out what has gathered, unless that was done a moment ago."""
        if real_now - self._flushed >= _FLUSH_SECONDS:
            self._flushed = real_now
            self.flush()

    def flush(self) -> None:
        """Write out what has gathered."""
        for writer in (self._readings, self._repeats, self._rejections):
            writer.flush()


def _columns(part: Path, *names: str, which: list[tuple[str, str, str]] | None = None) -> list[NDArray[Any]]:
    """Columns of one part, of all rows or of those that pass a filter."""
    table = pq.read_table(part, columns=list(names), filters=which, partitioning=None)
    return [table[name].to_numpy() for name in names]
