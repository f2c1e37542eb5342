"""Limiter (IC71): the ampere contract limit, with an emergency limit for a time.

A monitored value that stays above the active threshold for ``min_over`` seconds is *over*, one that stays at or below
it for ``min_under`` seconds is *under* again; each turn is reported once, and the provider carries out the action that
belongs to it. The state is a value, time comes from the caller: :func:`step` is pure. Attributes: ``meter-protocols``
§3.3; the behaviour in time is background knowledge of IEC 62056-6-2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.axdr import Data, DataType, array, octets, structure
from protocols.dlms.clock import JST_DEVIATION, DateTime
from protocols.dlms.errors import EncodeError, RefusalError
from protocols.dlms.objects import Attr, CosemObject
from protocols.dlms.roles import CONTROLLERS, IDENTIFIED, NOBODY
from protocols.dlms.values import (
    boolean,
    int8,
    take_array,
    take_integer,
    take_octets,
    take_structure,
    uint16,
    uint32,
)
from protocols.errors import ProtocolError

LIMITER: Final = bytes([0, 0, 17, 0, 0, 255])
MAX_GROUPS: Final = 16
"""Emergency groups of one meter, our own limit."""


@dataclass(frozen=True, slots=True)
class Emergency:
    """An emergency: its group, its start (Unix seconds) and its duration in seconds."""

    group: int
    start: int
    duration: int


@dataclass(frozen=True, slots=True)
class LimiterState:
    """Thresholds in the unit of the monitored value; durations in seconds; times in Unix seconds.

    ``since`` is when the value crossed the threshold and has not been reported yet, None while there is nothing to
    wait for.
    """

    normal: int
    emergency: int
    min_over: int = 0
    min_under: int = 0
    profile: Emergency | None = None
    groups: tuple[int, ...] = ()
    over: bool = False
    since: int | None = None

    def emergency_active(self, now: int) -> bool:
        """Attribute 10."""
        found = self.profile
        return found is not None and found.group in self.groups and found.start <= now < found.start + found.duration

    def active(self, now: int) -> int:
        """Attribute 3."""
        return self.emergency if self.emergency_active(now) else self.normal


class Turn(Enum):
    """What the limiter reports."""

    OVER = "over threshold"
    UNDER = "under threshold"


def step(state: LimiterState, now: int, value: int) -> tuple[LimiterState, Turn | None]:
    """State after a measurement, and the turn if there is one now."""
    above = value > state.active(now)
    if above == state.over:
        return replace(state, since=None), None
    since = now if state.since is None else state.since
    if now - since < (state.min_over if above else state.min_under):
        return replace(state, since=since), None
    return replace(state, over=above, since=None), Turn.OVER if above else Turn.UNDER


@dataclass(frozen=True, slots=True)
class Limits:
    """What does not change while a limiter works.

    ``monitored`` is the class, logical name and attribute watched, ``scripts`` the logical name of a script table and
    the selectors to run when the value turns over and under. ``type`` is the data type of the thresholds.
    """

    monitored: tuple[int, bytes, int]
    scripts: tuple[bytes, int, int]
    type: DataType = DataType.UINT32


def limiter_object(
    limits: Limits,
    state: Callable[[], LimiterState],
    change: Callable[[LimiterState], None],
    now: Callable[[], int],
    obis: bytes = LIMITER,
) -> CosemObject:
    """The object on a provider's state; ``change`` takes the new one, ``now`` is the device's clock."""

    def number(name: str, type_: DataType) -> Attr:
        return Attr(
            lambda: Data(type_, getattr(state(), name)),
            lambda value: change(replace(state(), **{name: take_integer(value, type_)})),  # type: ignore[arg-type]
            read=IDENTIFIED,
            write=CONTROLLERS,
        )

    class_id, name, attribute = limits.monitored
    table, over, under = limits.scripts
    actions = structure(*(structure(octets(table), uint16(selector)) for selector in (over, under)))
    return CosemObject(
        71,
        obis,
        {
            "monitored_value": Attr(
                structure(uint16(class_id), octets(name), int8(attribute)), read=IDENTIFIED, write=NOBODY
            ),
            "threshold_active": Attr(lambda: Data(limits.type, state().active(now())), read=IDENTIFIED, write=NOBODY),
            "threshold_normal": number("normal", limits.type),
            "threshold_emergency": number("emergency", limits.type),
            "min_over_threshold_duration": number("min_over", DataType.UINT32),
            "min_under_threshold_duration": number("min_under", DataType.UINT32),
            "emergency_profile": Attr(
                lambda: _profile_to_data(state().profile),
                lambda value: change(replace(state(), profile=_take_profile(value))),
                read=IDENTIFIED,
            ),
            "emergency_profile_group_id_list": Attr(
                lambda: array(*map(uint16, state().groups)),
                lambda value: change(replace(state(), groups=_take_groups(value))),
                read=IDENTIFIED,
            ),
            "emergency_profile_active": Attr(
                lambda: boolean(state().emergency_active(now())), read=IDENTIFIED, write=NOBODY
            ),
            "actions": Attr(actions, read=IDENTIFIED, write=NOBODY),
        },
    )


def _profile_to_data(profile: Emergency | None) -> Data:
    if profile is None:
        return structure(uint16(0), octets(DateTime().to_bytes()), uint32(0))
    start = DateTime.from_unix(profile.start).to_bytes()
    return structure(uint16(profile.group), octets(start), uint32(profile.duration))


def _take_profile(value: Data) -> Emergency | None:
    """``{group, start, duration}``; a start that specifies nothing cancels the emergency."""
    group, start, duration = take_structure(value, 3)
    raw = take_octets(start)
    emergency = take_integer(group, DataType.UINT16), take_integer(duration, DataType.UINT32)
    if raw == DateTime().to_bytes():
        return None
    try:
        instant = DateTime.from_bytes(raw).unix(JST_DEVIATION)
        DateTime.from_unix(instant)  # or it could not be told again: an hour of year 1 may be none of it in Japan
    except (ProtocolError, EncodeError) as error:
        raise RefusalError(DataAccessResult.TYPE_UNMATCHED, str(error)) from None
    return Emergency(emergency[0], instant, emergency[1])


def _take_groups(value: Data) -> tuple[int, ...]:
    groups = tuple([take_integer(group, DataType.UINT16) for group in take_array(value)])
    if len(groups) > MAX_GROUPS:
        raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{len(groups)} groups")
    return groups
