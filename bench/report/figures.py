"""What the pictures and tables of a report show, as plain data, aggregated where the columns lie.

DuckDB does the counting and hands back arrays of the size of a picture, so the number of values stored does not matter.
What was due comes from the record (``summary.first_slot``, ``summary.slots``) and from ``meters.parquet``, never from
the data: a slot in which nothing arrived is missing, not absent. Counts are whole numbers and every order is complete,
so the same run always gives the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.campaigns.collection import ON_TIME_SECONDS
from bench.record.columns import Columns
from bench.record.model import RunRecord
from protocols.dlms.profile import REGISTER_SPAN
from protocols.slots import SLOT_SECONDS

# Delay bins: width in seconds up to a bound in seconds. Fine where delays are short; whole seconds from a minute on, so
# that every limit of whole seconds is a bin edge. What is later than two days falls into the last bin.
_TIERS = ((10, 0.01), (60, 0.1), (2 * 86_400, 1.0))
_WORST = 10


@dataclass(frozen=True)
class Window:
    """What was due: every meter's value of each of ``slots`` slots from ``first_slot`` on."""

    meters: int
    first_slot: int
    slots: int
    on_time_seconds: int

    @property
    def due(self) -> int:
        """Values due."""
        return self.meters * self.slots


@dataclass(frozen=True)
class Delays:
    """Stored values by delay from the end of their interval: ``own[i]`` came by themselves, ``asked[i]`` when asked
    again, with a delay up to ``upper[i]`` seconds and above ``upper[i - 1]``."""

    upper: NDArray[np.float64]
    own: NDArray[np.int64]
    asked: NDArray[np.int64]
    longest: float | None

    @property
    def total(self) -> NDArray[np.int64]:
        """Both kinds together."""
        return self.own + self.asked

    def within(self, seconds: float) -> tuple[int, int]:
        """Values that arrived within this delay: by themselves, and altogether. Exact at whole seconds."""
        end = int(np.searchsorted(self.upper, seconds, side="right"))
        return int(self.own[:end].sum()), int(self.total[:end].sum())

    def quantile(self, share: float) -> float | None:
        """Delay in seconds (upper edge of its bin) that this share of the stored values kept to; None without
        values."""
        total = self.total
        if not total.any():
            return None
        return float(self.upper[np.searchsorted(np.cumsum(total), share * total.sum())])


@dataclass(frozen=True)
class Concentrator:
    """One concentrator's day. ``longest`` is the longest delay in seconds."""

    name: str
    area: str
    medium: str
    meters: int
    due: int
    stored: int
    on_time: int
    asked: int
    longest: float | None

    @property
    def missing(self) -> int:
        """Values that were never stored."""
        return self.due - self.stored

    @property
    def late(self) -> int:
        """Values stored after their time."""
        return self.stored - self.on_time


@dataclass(frozen=True)
class Completeness:
    """Counts by concentrator (row, in the fleet's order) and slot (column)."""

    concentrators: list[Concentrator]
    stored: NDArray[np.int64]
    on_time: NDArray[np.int64]
    asked: NDArray[np.int64]

    def worst_first(self) -> NDArray[np.int64]:
        """Row numbers, worst first: missing, late, asked again (as shares), longest delay, fleet order."""
        rows = self.concentrators
        keys = [
            (-c.missing / c.due, -c.late / c.due, -c.asked / c.due, -(c.longest or 0.0), number)
            for number, c in enumerate(rows)
        ]
        return np.array([key[-1] for key in sorted(keys)], dtype=np.int64)


@dataclass(frozen=True)
class WorstMeter:
    """A meter with late or missing values."""

    name: str
    area: str
    concentrator: str
    missing: int
    late: int
    longest: float | None


@dataclass(frozen=True)
class AreaLoad:
    """Mean power of an area's meters by slot, in kW; NaN where no interval is known."""

    area: str
    import_kw: NDArray[np.float64]
    export_kw: NDArray[np.float64]


@dataclass(frozen=True)
class Rejection:
    """Refused messages of one reason, and of one claimed meter (None: all, or a meter the fleet does not have)."""

    reason: str
    meter: str | None
    count: int


@dataclass(frozen=True)
class Figures:
    """All that a report draws of one run's values; made only when something was due."""

    window: Window
    delays: Delays
    completeness: Completeness
    short_meters: int
    worst_meters: list[WorstMeter]
    loads: list[AreaLoad]

    @property
    def stored(self) -> int:
        """Different due values that are stored."""
        return int(self.delays.total.sum())

    @property
    def on_time(self) -> int:
        """Values stored within the limit."""
        return self.delays.within(self.window.on_time_seconds)[1]


def window_of(record: RunRecord, columns: Columns) -> Window | None:
    """What was due in a run; None when the record does not say or there are no meters.

    ``summary.on_time_seconds``, where a campaign sets it, replaces the limit of ``collection``.
    """
    first, slots = record.summary.get("first_slot"), record.summary.get("slots")
    meters = columns.query("SELECT count(*) FROM meters")[0][0]
    if not isinstance(first, int) or not isinstance(slots, int) or slots <= 0 or not meters:
        return None
    limit = record.summary.get("on_time_seconds", ON_TIME_SECONDS)
    return Window(meters=meters, first_slot=first, slots=slots, on_time_seconds=int(limit))


def figures(record: RunRecord, columns: Columns) -> Figures | None:
    """Aggregate a run; None when nothing was due (see :func:`window_of`)."""
    window = window_of(record, columns)
    if window is None:
        return None
    _prepare(columns, window)
    short, worst = _worst_meters(columns, window)
    return Figures(
        window=window,
        delays=_delays(columns),
        completeness=_completeness(columns, window),
        short_meters=short,
        worst_meters=worst,
        loads=_loads(columns, window),
    )


def rejections(columns: Columns) -> tuple[list[Rejection], list[Rejection]]:
    """Refused messages by reason (all of them), and by reason and meter (the most frequent)."""
    by_reason = columns.query("SELECT reason, count(*) n FROM rejections GROUP BY reason ORDER BY n DESC, reason")
    by_meter = columns.query(
        f"""SELECT r.reason, m.meter, r.n
            FROM (SELECT reason, meter, count(*) n FROM rejections GROUP BY reason, meter) r
            LEFT JOIN meters m ON m.index = r.meter
            ORDER BY r.n DESC, r.reason, r.meter LIMIT {_WORST}"""
    )
    return [Rejection(reason, None, n) for reason, n in by_reason], [Rejection(*row) for row in by_meter]


def _prepare(columns: Columns, window: Window) -> None:
    """Make ``value`` (the due values, each once), ``reached`` (those and the slot before) and ``place`` (meter index
    to concentrator number, in the fleet's order)."""
    last = window.first_slot + window.slots - 1
    columns.execute(
        f"""CREATE TEMP VIEW reached AS
            SELECT meter, slot, arrival - (slot::DOUBLE + 1) * {SLOT_SECONDS} AS delay, via, import_wh, export_wh
            FROM readings
            WHERE meter < {window.meters} AND slot BETWEEN {window.first_slot - 1} AND {last}"""
    )
    due = f"FROM reached WHERE slot >= {window.first_slot}"
    if columns.query(f"SELECT 1 {due} GROUP BY meter, slot HAVING count(*) > 1 LIMIT 1"):
        columns.execute(
            f"""CREATE TEMP TABLE value AS SELECT meter, slot, first.delay, first.via FROM
                (SELECT meter, slot, min({{'delay': delay, 'via': via}}) AS first {due} GROUP BY meter, slot)"""
        )
    else:
        columns.execute(f"CREATE TEMP VIEW value AS SELECT meter, slot, delay, via {due}")
    columns.execute(
        """CREATE TEMP TABLE concentrator AS
           SELECT row_number() OVER (ORDER BY min(index)) - 1 AS number, concentrator AS name, area,
                  min(medium) AS medium, count(*) AS meters
           FROM meters GROUP BY area, concentrator"""
    )
    columns.execute(
        """CREATE TEMP TABLE place AS SELECT m.index AS meter, c.number
           FROM meters m JOIN concentrator c ON c.area = m.area AND c.name = m.concentrator"""
    )


def _bins() -> tuple[str, NDArray[np.float64]]:
    """SQL that numbers the bin of ``delay``, and the bins' upper edges in seconds."""
    edges: list[NDArray[np.floating[Any]]] = []
    cases: list[str] = []
    start, first = 0, 0
    for bound, width in _TIERS:
        count = round((bound - start) / width)
        cases.append(f"WHEN delay <= {bound} THEN {first} + greatest(ceil((delay - {start}) / {width}) - 1, 0)")
        edges.append(start + width * np.arange(1, count + 1, dtype=np.float64))
        start, first = bound, first + count
    return f"(CASE {' '.join(cases)} ELSE {first - 1} END)::INTEGER", np.concatenate(edges)


def _delays(columns: Columns) -> Delays:
    number, upper = _bins()
    found = columns.query(
        f"""SELECT bin, count(*) FILTER (via = 0), count(*) FILTER (via <> 0), max(delay)
            FROM (SELECT {number} AS bin, via, delay FROM value) GROUP BY bin ORDER BY bin"""
    )
    own, asked = np.zeros(len(upper), np.int64), np.zeros(len(upper), np.int64)
    for position, by_itself, again, _ in found:
        own[position], asked[position] = by_itself, again
    return Delays(upper=upper, own=own, asked=asked, longest=found[-1][3] if found else None)


def _completeness(columns: Columns, window: Window) -> Completeness:
    cells = columns.numpy(
        f"""SELECT p.number AS number, v.slot - {window.first_slot} AS slot, count(*) AS stored,
                   count(*) FILTER (v.delay <= {window.on_time_seconds}) AS on_time,
                   count(*) FILTER (v.via <> 0) AS asked, max(v.delay) AS longest
            FROM value v JOIN place p ON p.meter = v.meter GROUP BY p.number, v.slot"""
    )
    places = columns.query("SELECT name, area, medium, meters FROM concentrator ORDER BY number")
    grids = {
        name: _grid(cells, name, (len(places), window.slots), dtype)
        for name, dtype in (("stored", np.int64), ("on_time", np.int64), ("asked", np.int64), ("longest", np.float64))
    }
    sums = {name: grids[name].sum(axis=1) for name in ("stored", "on_time", "asked")}
    longest = grids["longest"].max(axis=1)
    concentrators = [
        Concentrator(
            name=name,
            area=area,
            medium=medium,
            meters=meters,
            due=meters * window.slots,
            stored=int(sums["stored"][row]),
            on_time=int(sums["on_time"][row]),
            asked=int(sums["asked"][row]),
            longest=float(longest[row]) if sums["stored"][row] else None,
        )
        for row, (name, area, medium, meters) in enumerate(places)
    ]
    return Completeness(concentrators, grids["stored"], grids["on_time"], grids["asked"])


def _grid(cells: dict[str, NDArray[Any]], name: str, shape: tuple[int, int], dtype: Any) -> NDArray[Any]:
    grid = np.zeros(shape, dtype)
    grid[cells["number"].astype(np.int64), cells["slot"].astype(np.int64)] = cells[name]
    return grid


def _worst_meters(columns: Columns, window: Window) -> tuple[int, list[WorstMeter]]:
    """How many meters have late or missing values, and the worst of them."""
    short = f"""
        SELECT m.index, m.meter, m.area, m.concentrator, {window.slots} - coalesce(v.stored, 0) AS missing,
               coalesce(v.late, 0) AS late, v.longest
        FROM meters m LEFT JOIN (
            SELECT meter, count(*) AS stored, count(*) FILTER (delay > {window.on_time_seconds}) AS late,
                   max(delay) AS longest
            FROM value GROUP BY meter) v ON v.meter = m.index
        WHERE missing > 0 OR late > 0"""
    columns.execute(f"CREATE TEMP TABLE short AS {short}")
    rows = columns.query(
        f"""SELECT meter, area, concentrator, missing, late, longest FROM short
            ORDER BY missing DESC, late DESC, longest DESC NULLS FIRST, index LIMIT {_WORST}"""
    )
    return columns.query("SELECT count(*) FROM short")[0][0], [WorstMeter(*row) for row in rows]


def _loads(columns: Columns, window: Window) -> list[AreaLoad]:
    """Mean power by area and slot from register differences; a slot after a gap has none.

    A step of half the register's span or more is a register that fell, not consumption: it is left out.
    """
    wrap = REGISTER_SPAN
    rows = columns.query(
        f"""WITH step AS (
                SELECT meter, slot, lag(slot) OVER w AS before,
                       (import_wh::BIGINT - lag(import_wh) OVER w + {wrap}) % {wrap} AS imported,
                       (export_wh::BIGINT - lag(export_wh) OVER w + {wrap}) % {wrap} AS exported
                FROM reached WINDOW w AS (PARTITION BY meter ORDER BY slot, delay))
            SELECT c.area, s.slot - {window.first_slot}, count(*), sum(s.imported), sum(s.exported)
            FROM step s JOIN place p ON p.meter = s.meter JOIN concentrator c ON c.number = p.number
            WHERE s.before = s.slot - 1 AND s.imported < {wrap // 2} AND s.exported < {wrap // 2}
            GROUP BY c.area, s.slot ORDER BY min(c.number), s.slot"""
    )
    loads: dict[str, AreaLoad] = {}
    hours = SLOT_SECONDS / 3600
    for area, slot, count, imported, exported in rows:
        empty = AreaLoad(area, np.full(window.slots, np.nan), np.full(window.slots, np.nan))
        load = loads.setdefault(area, empty)
        load.import_kw[slot] = float(imported) / count / hours / 1000
        load.export_kw[slot] = float(exported) / count / hours / 1000
    return list(loads.values())
