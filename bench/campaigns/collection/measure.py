"""What a collection is measured by: queries over the stored columns.

The values of its measurements come from those alone; only ``pacing_overruns`` is told by the processes.
Limits and parameters: ``bench/limits/collection.toml``.
"""

from __future__ import annotations

from bench.measure import load_parameters
from bench.record.columns import Columns
from bench.record.model import LISTED, Unrecovered
from protocols.dlms.profile import REGISTER_SPAN
from protocols.slots import SLOT_SECONDS

ON_TIME_SECONDS = load_parameters("collection")["on_time"].value

# One row: values stored, of them on time and come by themselves; p50, p99 and longest delay; how often a value was
# stored more than once (its first arrival counts); registers that fall.
_STATISTICS = f"""
WITH firsts AS (
    SELECT
        slot,
        min(arrival) - (slot::BIGINT + 1) * {SLOT_SECONDS} AS delay,
        arg_min(via, arrival) AS via,
        count(*) - 1 AS again
    FROM readings GROUP BY meter, slot
), steps AS (
    SELECT
        (import_wh::BIGINT - lag(import_wh) OVER before + {REGISTER_SPAN}) % {REGISTER_SPAN} AS imported,
        (export_wh::BIGINT - lag(export_wh) OVER before + {REGISTER_SPAN}) % {REGISTER_SPAN} AS exported
    FROM readings WINDOW before AS (PARTITION BY meter ORDER BY slot)
)
SELECT
    count(*),
    count(*) FILTER (delay <= {ON_TIME_SECONDS}),
    count(*) FILTER (via = 0),
    quantile_cont(delay, 0.5),
    quantile_cont(delay, 0.99),
    max(delay),
    coalesce(sum(again), 0)::BIGINT,
    -- A step of half the register's span or more is no consumption: the register went back.
    -- It may also wrap, so no sign tells.
    (SELECT count(*) FROM steps WHERE imported >= {REGISTER_SPAN // 2} OR exported >= {REGISTER_SPAN // 2})
FROM firsts
"""

_CONFLICTS = """
SELECT count(*) FROM repeats JOIN readings USING (meter, slot)
WHERE (repeats.import_wh, repeats.export_wh) <> (readings.import_wh, readings.export_wh)
"""

_UNRECOVERED = """
WITH due AS (SELECT range AS slot FROM range(?, ?)), counts AS (
    SELECT meter, count(DISTINCT slot) AS stored FROM readings GROUP BY meter
), short AS (
    SELECT m.index, m.meter, m.area, m.concentrator FROM meters m LEFT JOIN counts c ON c.meter = m.index
    WHERE coalesce(c.stored, 0) < ? ORDER BY m.index LIMIT ?
)
SELECT s.meter, s.area, s.concentrator, list(d.slot ORDER BY d.slot)
FROM short s CROSS JOIN due d ANTI JOIN readings r ON r.meter = s.index AND r.slot = d.slot
GROUP BY ALL ORDER BY s.meter
"""


def measure(columns: Columns, due: int, pacing_overruns: float | None) -> dict[str, float | None]:
    """Values of the campaign's measurements. ``due``: how many (meter, slot) values there should be.

    Without any stored value the delays stay unset, and an unset measurement fails.
    """
    ((stored, on_time, by_itself, p50, p99, longest, twice, falls),) = columns.query(_STATISTICS)
    ((conflicts,),) = columns.query(_CONFLICTS)
    ((rejected,),) = columns.query("SELECT count(*) FROM rejections")
    return {
        "on_time_share": on_time / due,
        "final_share": stored / due,
        "delay_p50": p50,
        "delay_p99": p99,
        "delay_max": longest,
        "first_delivery_share": by_itself / due,
        "recollected_values": stored - by_itself,
        "rejected_messages": rejected,
        "duplicate_values": twice,
        "conflicting_values": conflicts,
        "register_falls": falls,
        "pacing_overruns": pacing_overruns,
    }


def unrecovered(columns: Columns, first_slot: int, slots: int) -> list[Unrecovered]:
    """The meters with values still missing at the end, by name, with their missing slots; the first 1,000 of them."""
    rows = columns.query(_UNRECOVERED, (first_slot, first_slot + slots, slots, LISTED))
    return [Unrecovered(meter=m, area=a, concentrator=c, slots=list(s)) for m, a, c, s in rows]
