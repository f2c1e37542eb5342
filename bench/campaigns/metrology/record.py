"""What a campaign has found: one row a place and point, kept as ``metrology.parquet`` in the run folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from bench.campaigns.metrology.points import Kind
from bench.errors import InputError
from bench.record.parts import write_table

FILE: Final = "metrology.parquet"

RowVerdict: TypeAlias = Literal["pass", "fail", "inconclusive", "skipped"]
"""As of a measurement; *skipped* is what this rack or this meter cannot do, ``detail`` says why."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One point at one place.

    ``value`` with its bound and limits is in the unit of the measurement ``kind``. ``volts`` and ``amps`` are of a
    phase, as set; ``meter_wh`` and ``reference_wh`` are what meter and analyser counted in ``seconds`` of the
    analyser's own time. NaN is what there is not.
    """

    place: str
    meter: str
    kind: str
    point: str
    verdict: RowVerdict
    value: float = math.nan
    bound: float = math.nan
    low: float | None = None
    high: float | None = None
    multiple: float = math.nan
    volts: float = math.nan
    hertz: float = math.nan
    amps: float = math.nan
    power_factor: float = math.nan
    meter_wh: float = math.nan
    reference_wh: float = math.nan
    resolution_wh: float = math.nan
    analyser_percent: float = math.nan
    seconds: float = math.nan
    detail: str = ""


SCHEMA: Final = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("place", "meter", "kind", "point", "verdict")),
        *(pa.field(name, pa.float64(), nullable=False) for name in ("value", "bound")),
        *(pa.field(name, pa.float64()) for name in ("low", "high")),
        *(
            pa.field(name, pa.float64(), nullable=False)
            for name in ("multiple", "volts", "hertz", "amps", "power_factor", "meter_wh", "reference_wh")
        ),
        *(pa.field(name, pa.float64(), nullable=False) for name in ("resolution_wh", "analyser_percent", "seconds")),
        pa.field("detail", pa.string(), nullable=False),
    ]
)
"""``metrology.parquet``: the fields of :class:`Row`."""


class Findings(msgspec.Struct, kw_only=True):
    """Rows in the order in which they were found.

    ``kinds`` are those that were to be found out; ``skipped`` are places that were not tested, with the reason;
    ``faults`` what the bench itself failed at: with any, the rows are not all that there should be.
    """

    kinds: tuple[Kind, ...]
    rows: list[Row] = []
    skipped: dict[str, str] = {}
    faults: list[str] = []

    def write(self, folder: Path) -> None:
        """Put the rows into a run folder; raises BenchFault."""
        columns: dict[str, Any] = {name: [getattr(row, name) for row in self.rows] for name in SCHEMA.names}
        write_table(folder / FILE, SCHEMA, columns)


def read_rows(folder: Path) -> Sequence[Row]:
    """The rows in a run folder, none when it has none; raises InputError for a file that cannot be read."""
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        return [Row(**fields) for fields in pq.read_table(path, schema=SCHEMA).to_pylist()]
    except (OSError, pa.ArrowInvalid, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
