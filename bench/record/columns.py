"""Columns of a run, as they lie on disk: DuckDB views over the Parquet parts.

``readings``, ``repeats`` (values that came again), ``rejections`` and ``meters`` always exist with the types of
:mod:`bench.record.schemas`; a run that stored nothing has empty ones. Nothing is loaded before it is asked for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa
from numpy.typing import NDArray

from bench.errors import InputError
from bench.record.parts import parts_of
from bench.record.schemas import METERS, READINGS, READINGS_DIR, REJECTIONS, REJECTIONS_DIR, REPEATS_DIR


class Columns:
    """One connection to the columns of a run folder; use as a context manager.

    Parts that appear later are not seen: make a new one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # No extension may be fetched from anywhere; what exceeds the memory goes to the system's temporary folder.
        self._connection = duckdb.connect(
            config={
                "temp_directory": str(Path(tempfile.gettempdir(), "meter-bench-duckdb")),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        meters = folder / "meters.parquet"
        self._view("meters", METERS, [meters] if meters.is_file() else [])
        self._view(READINGS_DIR, READINGS, parts_of(folder / READINGS_DIR))
        self._view(REPEATS_DIR, READINGS, parts_of(folder / REPEATS_DIR))
        self._view(REJECTIONS_DIR, REJECTIONS, parts_of(folder / REJECTIONS_DIR))

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query, as Python values.

        Raises :class:`InputError` when a file of the run cannot be read.
        """
        return self._run(sql, parameters).fetchall()

    def numpy(self, sql: str, parameters: Sequence[object] = ()) -> dict[str, NDArray[Any]]:
        """Result columns by name as arrays. Raises as :meth:`query`."""
        columns: dict[str, NDArray[Any]] = self._run(sql, parameters).fetchnumpy()
        return columns

    def arrow(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Result as an Arrow table. Raises as :meth:`query`."""
        with self._named_errors():
            return self._connection.sql(sql, params=list(parameters)).to_arrow_table()

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Run a statement for its effect on this connection (a view, a temporary table). Raises as :meth:`query`."""
        self._run(sql, parameters)

    def close(self) -> None:
        """Give the files and the memory back."""
        self._connection.close()

    def __enter__(self) -> Columns:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _view(self, name: str, schema: pa.Schema, files: list[Path]) -> None:
        if not files:
            self._connection.register(name, schema.empty_table())
            return
        names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        self._run(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{names}])", ())

    def _run(self, sql: str, parameters: Sequence[object]) -> duckdb.DuckDBPyConnection:
        with self._named_errors():
            return self._connection.execute(sql, list(parameters))

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{self._folder}: the stored columns cannot be read: {reason}") from error
