"""Values of the meter contract in words: names, units, times; and what users write, read back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any, Final

from bench.errors import InputError
from hil_drivers.meter import ImageStatus
from hil_drivers.times import unix_of
from protocols.slots import jst

_UNITS: Final = {"wh": "Wh", "varh": "varh", "l": "l", "w": "W", "ma": "mA", "mv": "mV", "a": "A", "s": "s"}
"""Last part of a field's name to the unit it stands for."""

_TIMES: Final = frozenset({"time", "end", "at"})
_PERIOD: Final = re.compile(r"(\d{1,5})(s|m|h|d)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def unit_of(field: str) -> str:
    """The unit that a field's name ends with, or nothing."""
    return _UNITS.get(field.rpartition("_")[2], "")


def name_of(field: str) -> str:
    """A field's name without its unit: ``import_wh`` is *import*."""
    stem, _, last = field.rpartition("_")
    return stem if last in _UNITS else field


def shown_time(unix: int | None) -> str:
    """A meter's time as people in Japan read it."""
    return "" if unix is None else f"{jst(unix):%Y-%m-%d %H:%M:%S}"


def shown(field: str, value: Any) -> str:
    """A value for people; ``time``, ``end`` and ``at`` are times."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return shown_time(value) if field in _TIMES and isinstance(value, int) else str(value)


def image_in_words(status: ImageStatus) -> dict[str, Any]:
    """Where an image transfer stands, with the number of missing blocks instead of the list."""
    return {**plain(status), "missing": len(status.missing)}


def plain(record: Any) -> dict[str, Any]:
    """A record of the contract as JSON carries it; what does not exist is left out, enumerations go by name."""
    values = {item.name: getattr(record, item.name) for item in fields(record)}
    return {
        name: value.name.lower() if isinstance(value, Enum) else value
        for name, value in values.items()
        if value is not None
    }


def period_of(text: str) -> int:
    """Seconds of ``30m``, ``1h`` …; raises :class:`InputError`."""
    match = _PERIOD.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise InputError(f"{text} is no period; write one like 30m or 1h")
    return int(match[1]) * _SECONDS[match[2]]


def instant_of(text: str, now: Callable[[], int]) -> int:
    """Unix seconds of a time as users write it; raises :class:`InputError`.

    A date, a date with a time (Japan's, where no zone is named), or ``+10m`` and ``-2h`` from the meter's ``now``.
    """
    if text[:1] in ("+", "-"):
        return now() + int(f"{text[0]}1") * period_of(text[1:])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text} is no time; write one like 2026-05-20T12:30, or +10m from the meter's now") from None
    return unix_of(moment) if moment.tzinfo is None else int(moment.timestamp())
