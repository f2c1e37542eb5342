"""What ``bench serve`` serves: which meters, in whose time, under which key."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bench.errors import InputError
from bench.record.atomic import write_text
from bench.topology.model import Topology
from protocols.slots import slot_of
from twins.clock import ClockSpec
from twins.plan import MAKER, FleetPlan, meter_id

_METER_ID = re.compile(rf"{MAKER.decode()}(\d{{12}})", re.ASCII)


def serving_plan(topology: Topology, real_now: float) -> tuple[FleetPlan, ClockSpec]:
    """The fleet and the clock when serving begins at ``real_now`` (Unix s).

    Outside clients live in real time, so time always passes by itself: a virtual topology is served at the pace of the
    wall clock from its ``clock.start`` on, a scaled one at its own pace, a wall one now.
    """
    fleet, clock = topology.fleet_plan(), topology.clock
    if clock.mode == "wall":
        spec = ClockSpec(mode="wall", start=real_now, origin=real_now)
        return replace(fleet, first_slot=slot_of(real_now)), spec
    scale = clock.scale if clock.mode == "scaled" else 1.0
    return fleet, ClockSpec(mode="scaled", start=clock.start.timestamp(), scale=scale, origin=real_now)


class _Began(msgspec.Struct, frozen=True):
    """What the first serving with a memory served, and in what time."""

    plan: FleetPlan
    clock: ClockSpec


def going_on(folder: Path, plan: FleetPlan, clock: ClockSpec) -> tuple[FleetPlan, ClockSpec]:
    """Fleet and clock as they began when a memory's folder was first served; from now on, where it never was.

    Time goes on while nobody serves: what meters remember must not lie ahead of them, and registers not fall. Raises
    :class:`InputError` for the memory of another fleet or another clock.
    """
    path = folder / "began.json"
    try:
        began = msgspec.json.decode(path.read_bytes(), type=_Began)
    except (FileNotFoundError, NotADirectoryError):
        with contextlib.suppress(OSError):  # who opens the memory says better what is wrong with its folder
            folder.mkdir(parents=True, exist_ok=True)
            write_text(path, msgspec.json.encode(_Began(plan, clock)).decode())
        return plan, clock
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); restore it, or take another --memory") from None
    wall = clock.mode == "wall"
    same_time = replace(began.clock, origin=clock.origin, start=clock.start if wall else began.clock.start) == clock
    if not same_time or replace(began.plan, first_slot=plan.first_slot if wall else began.plan.first_slot) != plan:
        raise InputError(f"{folder} is the memory of another topology; take that one, or another --memory")
    return began.plan, began.clock


def chosen_meters(fleet: int, names: Sequence[str], count: int) -> list[int]:
    """Indices of the meters with these ids, or of the first ``count`` when none is named.

    Raises :class:`InputError` for ids that a fleet of this size does not have, and for repeated ones.
    """
    if not names:
        return list(range(min(count, fleet)))
    found: dict[int, None] = {}
    for name in names:
        match = _METER_ID.fullmatch(name)
        if match is None or int(match[1]) >= fleet:
            raise InputError(f"there is no meter {name}; this fleet has {meter_id(0)} to {meter_id(fleet - 1)}")
        if int(match[1]) in found:
            raise InputError(f"{name} is named twice; name each meter once")
        found[int(match[1])] = None
    return list(found)


def check_host(address: str) -> None:
    """Raise :class:`InputError` for what is no IPv4 loopback address: twins speak to no other machine."""
    try:
        loopback = IPv4Address(address).is_loopback
    except AddressValueError:
        loopback = False
    if not loopback:
        raise InputError(f"{address} is no IPv4 loopback address; give one such as 127.0.0.1")
