"""The record of a run: one folder that says what was done, on what, and what came of it.

``results/<run-id>/`` holds ``run.json`` (:class:`RunRecord`), the topology, the columns as Parquet parts, the log and
the report. It needs no server: it can be queried where it lies, zipped and mailed.
"""

from bench.record.columns import Columns
from bench.record.folder import RunEntry, RunFolder, find, list_runs, new_run_id
from bench.record.model import Event, RunClock, RunRecord, TopologyRecord, Unrecovered
from bench.record.parts import PartWriter, write_table
from bench.record.schemas import METERS, READINGS, REJECTIONS

__all__ = [
    "METERS",
    "READINGS",
    "REJECTIONS",
    "Columns",
    "Event",
    "PartWriter",
    "RunClock",
    "RunEntry",
    "RunFolder",
    "RunRecord",
    "TopologyRecord",
    "Unrecovered",
    "find",
    "list_runs",
    "new_run_id",
    "write_table",
]
