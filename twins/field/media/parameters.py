"""The figures of ``data/media.toml``, typed; units stand in the file."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec

from twins.field.checks import FieldError, need
from twins.tables import Table


class CellularTable(Table, frozen=True, kw_only=True):
    """1:N; see the file."""

    send_window: float
    median: float
    sigma: float
    attach: float
    deep_share: float
    deep_median: float
    deep_sigma: float
    loss: float
    deep_loss: float
    attach_rate: float
    cell_meters: int


class PlcTable(Table, frozen=True, kw_only=True):
    """Power line; see the file."""

    send_window: float
    bank_meters: int
    hops: tuple[float, ...]
    cycle: float
    sigma: float
    retries: int
    margin_db: float
    margin_sigma_db: float
    least_margin_db: float
    width_db: float
    noise_db: tuple[float, ...]


class WideAreaTable(Table, frozen=True, kw_only=True):
    """Links behind concentrators; see the file."""

    median: float
    sigma: float


class ImposedTable(Table, frozen=True, kw_only=True):
    """What topologies impose; see the file."""

    spread: float


class Media(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``media.toml``."""

    cellular: CellularTable
    plc: PlcTable
    wide_area: WideAreaTable
    imposed: ImposedTable


def parse(text: str) -> Media:
    """Figures of TOML text; raises :class:`FieldError` when something is missing or impossible."""
    try:
        media = msgspec.convert(tomllib.loads(text), Media)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise FieldError(f"field: media.toml: {error}") from error
    one, line = media.cellular, media.plc
    need(0 <= one.loss < 1 and 0 <= one.deep_loss < 1 and 0 <= one.deep_share <= 1, "cellular: impossible share")
    need(min(one.median, one.deep_median, one.attach_rate, one.cell_meters) > 0, "cellular: impossible time or cell")
    need(len(line.noise_db) == 24 and min(line.noise_db) >= 0, "plc: noise is given for 24 hours, above the least")
    need(line.bank_meters > 0 and line.retries >= 0 and line.width_db > 0, "plc: impossible bank, retries or width")
    need(len(line.hops) > 0 and min(line.hops) > 0 and line.cycle > 0, "plc: no hops, or no time for one")
    need(media.wide_area.median > 0 and media.imposed.spread > 0, "wide area or imposed: not above 0")
    return media


@cache
def media() -> Media:
    """The figures that ship."""
    return parse(resources.files(__package__).joinpath("data", "media.toml").read_text("utf-8"))
