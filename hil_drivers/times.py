"""The one place where a meter's wall clock meets Unix seconds: wall clocks without a zone are Japan's."""

from __future__ import annotations

from datetime import date, datetime, time

from protocols.slots import JST, jst


def unix_of(wall: datetime) -> int:
    """Unix seconds of a Japanese wall-clock time without a zone."""
    return int(wall.replace(tzinfo=JST).timestamp())


def wall_of(unix: float) -> datetime:
    """The Japanese wall-clock time, without a zone, as ECHONET Lite writes it."""
    return jst(unix).replace(tzinfo=None)


def midnight(day: date) -> int:
    """Unix seconds of 00:00 in Japan."""
    return unix_of(datetime.combine(day, time()))
