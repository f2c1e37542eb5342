"""How a twin leaves the factory, and the codes of its event log: the data files, checked when they are read."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from protocols.dlms.disconnect import SwitchState
from protocols.dlms.limiter import LimiterState
from twins.memory.parts import Booking, Transfer
from twins.meter.view import MeterView
from twins.tables import Table, converted


class _Switch(Table, frozen=True, kw_only=True):
    mode: int


class _Limiter(Table, frozen=True, kw_only=True):
    min_over_s: int
    min_under_s: int


class _Image(Table, frozen=True, kw_only=True):
    block_bytes: int
    most_bytes: int
    answer_s: float
    restart_s: float


class _Dlms(Table, frozen=True, kw_only=True):
    max_pdu: int


class Factory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of ``factory.toml``; sizes in bytes, durations in seconds."""

    switch: _Switch
    limiter: _Limiter
    image: _Image
    dlms: _Dlms


class _Events(Table, frozen=True, kw_only=True):
    codes: dict[str, int]


@cache
def factory() -> Factory:
    """The settings that ship."""
    return converted(_read("factory.toml"), Factory)


@cache
def event_codes() -> dict[str, int]:
    """Event names to codes."""
    return converted(_read("events.toml"), _Events).codes


def factory_parts(view: MeterView) -> dict[str, Any]:
    """The kept parts of a meter's memory when nothing was ever done to it; keys and push belong to its DLMS side."""
    own = factory()
    return {
        "switch": SwitchState(mode=own.switch.mode),
        "limiter": LimiterState(
            normal=view.contract_a,
            emergency=view.contract_a,
            min_over=own.limiter.min_over_s,
            min_under=own.limiter.min_under_s,
        ),
        "limit_booking": Booking(),
        "switch_booking": Booking(),
        "transfer": Transfer(status=0, identifier=b"", size=0, enabled=True),
        "firmware": view.identity.firmware,
        "restart": None,
    }


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))
