"""The columns of a run, by file. ``results/README.md`` tells the same to people.

All times are simulated Unix seconds. A value is the meter's *register* at the end of its slot (Wh, modulo 10^8, as it
leaves the meter with 8 digits); the energy of an interval is the difference to the slot before.
"""

from __future__ import annotations

import pyarrow as pa

READINGS_DIR, REPEATS_DIR, REJECTIONS_DIR = "readings", "repeats", "rejections"
"""Folders of the parts within a run folder; repeats are values that arrived again, kept to compare them."""

METERS = pa.schema(
    [
        pa.field("index", pa.uint32(), nullable=False),
        pa.field("meter", pa.string(), nullable=False),
        pa.field("area", pa.string(), nullable=False),
        pa.field("concentrator", pa.string(), nullable=False),
        pa.field("medium", pa.string(), nullable=False),
        pa.field("utility", pa.string(), nullable=False),
    ]
)
"""``meters.parquet``: row i is the meter with index i."""

READINGS = pa.schema(
    [
        pa.field("meter", pa.uint32(), nullable=False),  # index
        pa.field("slot", pa.int32(), nullable=False),
        pa.field("import_wh", pa.uint32(), nullable=False),
        pa.field("export_wh", pa.uint32(), nullable=False),
        pa.field("status", pa.uint8(), nullable=False),
        pa.field("arrival", pa.float64(), nullable=False),
        pa.field("via", pa.uint8(), nullable=False),  # 0 came by itself, 1 asked again
        pa.field("counter", pa.uint32(), nullable=False),
    ]
)
"""``readings/part-*.parquet``: one row a stored value, in order of arrival."""

REJECTIONS = pa.schema(
    [
        pa.field("arrival", pa.float64(), nullable=False),
        pa.field("meter", pa.int64(), nullable=False),  # the index that the message claimed, -1 when it named none
        pa.field("reason", pa.string(), nullable=False),
        pa.field("counter", pa.int64(), nullable=False),
    ]
)
"""``rejections/part-*.parquet``: one row a refused message."""
