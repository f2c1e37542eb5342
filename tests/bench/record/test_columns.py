"""Columns of a run: present and typed even when nothing was stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from bench.record.columns import Columns
from bench.record.schemas import METERS, READINGS, REJECTIONS
from tests.bench.record.factory import make_run


def test_a_run_that_stored_nothing_has_empty_columns_with_their_types(tmp_path: Path) -> None:
    with Columns(tmp_path) as columns:
        for table, schema in (("readings", READINGS), ("rejections", REJECTIONS), ("meters", METERS)):
            found = columns.arrow(f"SELECT * FROM {table}")
            assert found.num_rows == 0
            assert [(field.name, field.type) for field in found.schema] == [(f.name, f.type) for f in schema]


def test_queries_answer_as_rows_arrays_and_arrow(tmp_path: Path) -> None:
    folder = make_run(tmp_path, areas=[("suburb", 2, 3)], slots=4)
    question = (
        "SELECT concentrator, count(*) AS n FROM readings r JOIN meters m ON m.index = r.meter GROUP BY ALL ORDER BY 1"
    )
    with folder.columns() as columns:
        assert columns.query(question) == [("c000", 12), ("c001", 12)]
        np.testing.assert_array_equal(columns.numpy(question)["n"], [12, 12])
        assert columns.arrow(question)["n"].to_pylist() == [12, 12]
        assert columns.query("SELECT count(*) FROM readings WHERE meter = ?", [2]) == [(4,)]


def test_a_folder_name_with_a_quote_is_read_like_any_other(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "o'hara", slots=1)
    with folder.columns() as columns:
        assert columns.query("SELECT count(*) FROM readings") == [(6,)]


def test_a_broken_part_is_told_with_the_folder_and_not_as_a_traceback(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    (folder.readings_dir / "part-000001.parquet").write_bytes(b"not parquet at all, but long enough")
    with pytest.raises(InputError, match=folder.run_id), folder.columns() as columns:
        columns.query("SELECT count(*) FROM readings")
