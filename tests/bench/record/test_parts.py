"""Part files: order, limits of memory, and what a kill leaves behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchFault
from bench.record.columns import Columns
from bench.record.parts import PartWriter, parts_of
from bench.record.schemas import READINGS, REJECTIONS
from tests.bench.record.factory import full_day, reading_columns


def batch(start: int, count: int) -> dict[str, np.ndarray]:
    meter = np.arange(start, start + count)
    return reading_columns(meter, np.zeros(count, np.int64), np.full(count, 1.5))


def meters_in(directory: Path) -> list[int]:
    return [meter for part in parts_of(directory) for meter in pq.read_table(part)["meter"].to_pylist()]


@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(0, 12), max_size=8), capacity=st.integers(1, 9))
def test_rows_come_back_in_order_however_they_are_cut_into_batches_and_parts(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], capacity: int
) -> None:
    directory = tmp_path_factory.mktemp("parts")
    with PartWriter(directory, READINGS, rows_per_part=capacity) as writer:
        start = 0
        for size in sizes:
            writer.append(batch(start, size))
            start += size
    assert writer.rows == start
    assert meters_in(directory) == list(range(start))
    assert all(pq.read_metadata(part).num_rows <= capacity for part in parts_of(directory))


def test_a_caller_may_reuse_its_arrays(tmp_path: Path) -> None:
    columns = batch(0, 3)
    with PartWriter(tmp_path, READINGS) as writer:
        writer.append(columns)
        columns["meter"][:] = 99
    assert meters_in(tmp_path) == [0, 1, 2]


def test_the_stored_types_are_those_of_the_schema_and_numbers_have_no_dictionary(tmp_path: Path) -> None:
    with PartWriter(tmp_path, READINGS) as writer:
        writer.append(batch(0, 3))
    (part,) = parts_of(tmp_path)
    assert pq.read_schema(part).equals(READINGS)
    group = pq.read_metadata(part).row_group(0)
    for column in range(group.num_columns):
        assert group.column(column).compression == "ZSTD"
        assert "RLE_DICTIONARY" not in group.column(column).encodings


def test_an_aborted_block_still_writes_what_was_received(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), PartWriter(tmp_path, READINGS) as writer:
        writer.append(batch(0, 2))
        raise KeyboardInterrupt
    assert meters_in(tmp_path) == [0, 1]


def test_after_a_kill_leftovers_are_ignored_and_numbering_goes_on(tmp_path: Path) -> None:
    readings = tmp_path / "readings"
    killed = PartWriter(readings, READINGS, rows_per_part=2)
    killed.append(batch(0, 3))  # one part on disk; the third row is in memory only and dies with the process
    (readings / "part-000002.parquet.tmp").write_bytes(b"PAR1 torn")
    with PartWriter(readings, READINGS) as successor:
        successor.append(batch(10, 1))
    assert [part.name for part in parts_of(readings)] == ["part-000001.parquet", "part-000002.parquet"]
    with Columns(tmp_path) as columns:
        assert columns.query("SELECT meter FROM readings ORDER BY meter") == [(0,), (1,), (10,)]


def test_numbering_goes_on_after_a_gap_and_past_six_digits(tmp_path: Path) -> None:
    with PartWriter(tmp_path, READINGS) as writer:
        writer.append(batch(0, 1))
    (tmp_path / "part-000001.parquet").rename(tmp_path / "part-999999.parquet")
    with PartWriter(tmp_path, READINGS) as writer:
        writer.append(batch(1, 1))
    assert [part.name for part in parts_of(tmp_path)] == ["part-999999.parquet", "part-1000000.parquet"]


def test_numbers_that_do_not_fit_their_column_are_refused_instead_of_wrapped(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, READINGS)
    for value in (-1, 2**32):
        with pytest.raises(BenchFault, match="import_wh"):
            writer.append(batch(0, 1) | {"import_wh": np.array([value], np.int64)})
    writer.append(batch(0, 1) | {"import_wh": np.array([2**32 - 1], np.int64)})
    writer.close()
    assert pq.read_table(parts_of(tmp_path)[0])["import_wh"].to_pylist() == [2**32 - 1]


def test_a_fraction_is_not_put_into_a_whole_number_column(tmp_path: Path) -> None:
    with pytest.raises(BenchFault, match="slot"):
        PartWriter(tmp_path, READINGS).append(batch(0, 1) | {"slot": np.array([1.5])})


def test_missing_unknown_and_unequal_columns_are_named(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, READINGS)
    without = batch(0, 2)
    del without["via"]
    with pytest.raises(BenchFault, match="via"):
        writer.append(without)
    with pytest.raises(BenchFault, match="colour"):
        writer.append(batch(0, 2) | {"colour": np.zeros(2)})
    with pytest.raises(BenchFault, match=r"\[2, 3\]"):
        writer.append(batch(0, 2) | {"slot": np.zeros(3, np.int32)})


def test_rejections_keep_their_reasons_as_text(tmp_path: Path) -> None:
    with PartWriter(tmp_path / "rejections", REJECTIONS) as writer:
        writer.append(
            {
                "arrival": np.array([1.0, 2.0]),
                "meter": np.array([4, -1]),
                "reason": np.array(["bad tag", "unknown meter"]),
                "counter": np.array([7, 2**33]),
            }
        )
    with Columns(tmp_path) as columns:
        assert columns.query("SELECT meter, reason, counter FROM rejections ORDER BY arrival") == [
            (4, "bad tag", 7),
            (-1, "unknown meter", 2**33),
        ]


def test_nothing_appended_makes_no_part(tmp_path: Path) -> None:
    with PartWriter(tmp_path / "readings", READINGS) as writer:
        writer.append({name: values[:0] for name, values in full_day(1, 1).items()})
        writer.flush()
    assert parts_of(tmp_path / "readings") == []
