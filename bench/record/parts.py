"""Columns on their way to disk: numbered Parquet parts, written while the run goes on.

The writer copies batches into buffers of a fixed length, so memory stays flat and callers may reuse their arrays. A
part appears whole (:mod:`bench.record.atomic`). After kill -9 the rows since the last part are lost, which the
head-end finds out by itself; a new writer on the same folder goes on with the next number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.errors import BenchFault
from bench.record.atomic import replacing

ROWS_PER_PART = 1_000_000  # 30 bytes a reading: 30 MB of buffer, 14 MB a file

_PART = re.compile(r"part-(\d{6,})\.parquet")


def parts_of(directory: Path) -> list[Path]:
    """The finished parts of a folder in the order of their numbers; none when there is no such folder."""
    if not directory.is_dir():
        return []
    numbered = [(int(m[1]), path) for path in directory.iterdir() if (m := _PART.fullmatch(path.name))]
    return [path for _, path in sorted(numbered)]


def write_table(path: Path, schema: pa.Schema, columns: Mapping[str, Any]) -> None:
    """Write one Parquet file whole or not at all; columns are arrays or lists of equal length.

    Numbers go without dictionary (they hardly repeat, and it costs time), strings with one.

    Raises :class:`BenchFault` when columns and schema do not fit each other.
    """
    try:
        arrays = [pa.array(columns[field.name], type=field.type) for field in schema]
        table = pa.Table.from_arrays(arrays, schema=schema)
    except (KeyError, pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise BenchFault(f"{path.name}: columns do not fit the schema: {error}") from error
    strings = [field.name for field in schema if pa.types.is_string(field.type)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=strings)


class PartWriter:
    """Appends batches of columns to ``directory`` as ``part-000001.parquet``, ``part-000002.parquet`` …

    One writer a directory at a time. As a context manager it closes at the end of the block, after an error too: what
    was received counts.
    """

    def __init__(self, directory: Path, schema: pa.Schema, rows_per_part: int = ROWS_PER_PART) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._schema = schema
        self._buffers: dict[str, NDArray[Any]] = {
            field.name: np.empty(rows_per_part, dtype=field.type.to_pandas_dtype()) for field in schema
        }
        self._capacity = rows_per_part
        self._filled = 0
        self._number = 1 + max((int(path.stem.removeprefix("part-")) for path in parts_of(directory)), default=0)
        self.rows = 0
        """Rows taken since this writer was made, written or not."""

    def append(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Take a batch: one 1-D array a column of the schema, all of one length.

        Raises :class:`BenchFault` for missing or unknown columns, unequal lengths, or values that do not fit their
        column.
        """
        length = self._check(columns)
        start = 0
        while start < length:
            count = min(length - start, self._capacity - self._filled)
            for name, buffer in self._buffers.items():
                buffer[self._filled : self._filled + count] = columns[name][start : start + count]
            self._filled += count
            start += count
            if self._filled == self._capacity:
                self.flush()
        self.rows += length

    def flush(self) -> None:
        """Write what is buffered as a part of its own, so that readers and a restarted process see it."""
        if not self._filled:
            return
        columns = {name: buffer[: self._filled] for name, buffer in self._buffers.items()}
        write_table(self._directory / f"part-{self._number:06d}.parquet", self._schema, columns)
        self._number += 1
        self._filled = 0

    def close(self) -> None:
        """Write the rest. Closing twice is harmless."""
        self.flush()

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, columns: Mapping[str, NDArray[Any]]) -> int:
        if columns.keys() != self._buffers.keys():
            odd = ", ".join(sorted(columns.keys() ^ self._buffers.keys()))
            raise BenchFault(f"{self._directory.name}: missing or unknown columns: {odd}")
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            raise BenchFault(f"{self._directory.name}: columns of unequal length: {sorted(lengths)}")
        for name, buffer in self._buffers.items():
            if not _fits(columns[name], buffer.dtype):
                raise BenchFault(f"{self._directory.name}: column {name}: values do not fit {buffer.dtype}")
        return lengths.pop()


def _fits(values: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    """Whether every value survives the assignment; numpy itself would wrap an integer round without a word."""
    if np.can_cast(values.dtype, dtype, "safe"):
        return True
    if values.dtype.kind not in "iu" or dtype.kind not in "iu":
        return False
    bounds = np.iinfo(dtype)
    return values.size == 0 or bool(bounds.min <= values.min() and values.max() <= bounds.max)
