"""How nodes get at the channel: the figures of ``data/mac.toml``, typed, and as the core takes them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import NamedTuple

import msgspec

from twins.field.checks import FieldError, known, need
from twins.field.rules.parameters import MICROSECOND
from twins.tables import Table


class MacTable(Table, frozen=True, kw_only=True):
    """One way to get at the channel; see the file's head."""

    counting: bool
    first_window: int
    doublings: int
    busy_limit: int
    retries: int
    ack_gap_us: int
    ack_wait_us: int
    queue: int


class Mac(NamedTuple):
    """The same for the core; times in ns. ``spread``: a retry waits a random time below it on top (0: at once)."""

    counting: bool
    slot: int
    first_window: int
    doublings: int
    busy_limit: int
    retries: int
    sense: int  # 0: nobody listens before sending
    level_mw: float
    turnaround: int  # from having listened to sending
    gap: int
    ack: int  # its air time; 0: nobody acknowledges
    ack_gap: int
    ack_wait: int
    queue: int
    spread: int = 0
    align: int = 0  # frames begin at whole multiples (slotted ALOHA); 0: whenever
    caution: int = 0  # what the gap is longer by after a frame that was spoiled (802.11's EIFS)


def parse(text: str) -> dict[str, MacTable]:
    """Tables of TOML text; raises :class:`FieldError` when something is missing or impossible."""
    try:
        tables = msgspec.convert(tomllib.loads(text), dict[str, MacTable])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise FieldError(f"field: mac.toml: {error}") from error
    for name, t in tables.items():
        need(t.first_window >= 1 and 0 <= t.doublings <= 20, f"mac {name}: no window")
        need(t.busy_limit >= 0 and t.retries >= -1 and t.queue >= 1, f"mac {name}: impossible limit")
        need(0 <= t.ack_gap_us < t.ack_wait_us, f"mac {name}: an acknowledgement begins before its sender gives up")
    return tables


@cache
def _shipped() -> dict[str, MacTable]:
    return parse(resources.files(__package__).joinpath("data", "mac.toml").read_text("utf-8"))


def mac_table(name: str = "fan") -> MacTable:
    """A way to get at the channel by its name; raises :class:`FieldError` for others."""
    tables = _shipped()
    return tables[known(name, list(tables))]


def mac(
    table: MacTable,
    *,
    slot: int,
    ack: int,
    sense: int,
    level_mw: float,
    turnaround: int = 0,
    gap: int = 0,
    spread: int = 0,
) -> Mac:
    """The core's parameters out of a table, the radio's times and the air-time rule's listening; all in ns and mW."""
    need(
        min(slot, ack, sense, turnaround, gap, spread) >= 0 and level_mw > 0,
        "no time is below 0, no level at or below 0 mW",
    )
    return Mac(
        counting=table.counting,
        slot=slot,
        first_window=table.first_window,
        doublings=table.doublings,
        busy_limit=table.busy_limit,
        retries=table.retries,
        sense=sense,
        level_mw=level_mw,
        turnaround=turnaround,
        gap=gap,
        ack=ack,
        ack_gap=table.ack_gap_us * MICROSECOND,
        ack_wait=table.ack_wait_us * MICROSECOND,
        queue=table.queue,
        spread=spread,
    )
