"""COSEM date-times: 12 bytes that stand for an instant, and Unix seconds.

``year u16 | month | day of month | day of week | hour | minute | second | hundredths | deviation i16 | status``,
with ``deviation`` the minutes from local time to UTC: Japan is −540, ``FDE4``, not +540 (``meter-protocols`` §3.1
and §8 trap 19). ``FF`` (``FFFF``, ``8000``) leaves a field unspecified. The daylight-saving bit of the status is
carried and moves nothing: the deviation already holds for the local time that is written.

:class:`DateTime` is one such value in full. :func:`encode_times` and :func:`decode_times` do whole columns in the one
*normal form* that our messages use: everything specified, Japan Standard Time, hundredths and status 0.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta, timezone
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.dlms.errors import EncodeError
from protocols.errors import ProtocolError

TIME_BYTES = 12
JST_DEVIATION = -540

_FIELDS = struct.Struct(">H7BhB")
_UNSPECIFIED = (0xFFFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, -0x8000, 0xFF)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400
_JST_LEAD = -JST_DEVIATION * 60
_FIRST, _END = -_JST_LEAD, 253_402_300_800 - _JST_LEAD  # Unix seconds of the years 1970 to 9999 of Japan


@dataclass(frozen=True, slots=True)
class DateTime:
    """A COSEM date-time as it stands on the wire; None is *not specified*.

    ``month`` may also be FD/FE (end/begin of daylight saving) and ``day`` FD/FE (second last/last day of the month):
    they recur, so they are no instants.
    """

    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None
    hour: int | None = None
    minute: int | None = None
    second: int | None = None
    hundredths: int | None = None
    deviation: int | None = None
    status: int | None = None

    @classmethod
    def from_unix(cls, seconds: int, deviation: int = JST_DEVIATION, status: int = 0) -> DateTime:
        """The instant as local time of a deviation; the weekday counts from 1, Monday."""
        try:
            local = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=-deviation)))
        except (OverflowError, ValueError, OSError):
            raise EncodeError(f"{seconds} s with deviation {deviation} min is no date") from None
        day, time = (local.year, local.month, local.day, local.isoweekday()), (local.hour, local.minute, local.second)
        return cls(*day, *time, 0, deviation, status)

    @classmethod
    def from_bytes(cls, raw: bytes) -> DateTime:
        """Read 12 bytes; every byte pattern can be read, :meth:`unix` says whether it is an instant."""
        if len(raw) != TIME_BYTES:
            raise ProtocolError(f"a date-time of {len(raw)} bytes instead of {TIME_BYTES}")
        pairs = zip(_FIELDS.unpack(raw), _UNSPECIFIED, strict=True)
        return cls(*[None if value == unspecified else value for value, unspecified in pairs])

    def to_bytes(self) -> bytes:
        """The 12 bytes."""
        pairs = zip(_parts(self), _UNSPECIFIED, strict=True)
        filled = [unspecified if value is None else value for value, unspecified in pairs]
        try:
            return _FIELDS.pack(*filled)
        except struct.error as error:
            raise EncodeError(f"{self} does not fit its fields: {error}") from None

    def unix(self, default_deviation: int | None = None) -> int:
        """Unix seconds, hundredths cut off.

        ``default_deviation`` stands in where the sender left its own unspecified. Raises
        :class:`~protocols.errors.ProtocolError` when this is no instant, no date, or another day of the week.
        """
        deviation = default_deviation if self.deviation is None else self.deviation
        parts = (self.year, self.month, self.day, self.hour, self.minute, self.second)
        if deviation is None or None in parts:
            raise ProtocolError(f"{self} leaves open which instant it is")
        year, month, day, hour, minute, second = (part or 0 for part in parts)
        try:
            local = datetime(year, month, day, hour, minute, second, tzinfo=timezone(timedelta(minutes=-deviation)))
        except ValueError:
            raise ProtocolError(f"{self} is no date") from None
        if self.weekday is not None and self.weekday != local.isoweekday():
            raise ProtocolError(f"{self} falls on day {local.isoweekday()} of the week")
        return int((local - _EPOCH).total_seconds())


_parts = attrgetter(*(field.name for field in fields(DateTime)))


def encode_times(unix_seconds: NDArray[Any]) -> NDArray[np.uint8]:
    """Unix seconds (N,) to date-times (N, 12) in the normal form; raises :class:`EncodeError` outside 1970…9999."""
    seconds = np.asarray(unix_seconds, dtype=np.int64)
    if seconds.size and (seconds.min() < _FIRST or seconds.max() >= _END):
        raise EncodeError("a time before 1970 or after 9999")
    days, rest = np.divmod(seconds + _JST_LEAD, _DAY)
    calendar = days.astype("M8[D]")
    months = calendar.astype("M8[M]")
    year, month = np.divmod(months.astype(np.int64), 12)
    year += 1970
    out = np.zeros((len(seconds), TIME_BYTES), dtype=np.uint8)
    out[:, 0] = year >> 8
    out[:, 1] = year & 0xFF
    out[:, 2] = month + 1
    out[:, 3] = (calendar - months.astype("M8[D]")).astype(np.int64) + 1
    out[:, 4] = (days + 3) % 7 + 1  # 1970-01-01 was a Thursday, day 4
    out[:, 5] = rest // 3600
    out[:, 6] = rest // 60 % 60
    out[:, 7] = rest % 60
    out[:, 9:11] = np.frombuffer(JST_DEVIATION.to_bytes(2, "big", signed=True), np.uint8)
    return out


def decode_times(raw: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Date-times (N, 12) to Unix seconds (N,) and whether each is in the normal form; others get 0.

    The check is exact: what decodes is encoded again and must give the same bytes, weekday and all.
    """
    field = raw.astype(np.int64)
    year = field[:, 0] << 8 | field[:, 1]
    plausible = (year >= 1970) & (year < 10_000) & (field[:, 2] - 1 < 12) & (field[:, 3] <= 31) & (field[:, 5] < 24)
    months = np.where(plausible, (year - 1970) * 12 + field[:, 2] - 1, 0)
    days = months.astype("M8[M]").astype("M8[D]").astype(np.int64) + field[:, 3] - 1
    seconds = days * _DAY + field[:, 5] * 3600 + field[:, 6] * 60 + field[:, 7] - _JST_LEAD
    plausible &= (seconds >= _FIRST) & (seconds < _END)
    seconds = np.where(plausible, seconds, 0)
    valid = plausible & (encode_times(seconds) == raw).all(axis=1)
    return np.where(valid, seconds, 0), valid
