"""What ``bench serve`` serves: which meters, in whose time, under which key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address

import msgspec

from bench.errors import InputError
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
        return msgspec.structs.replace(fleet, first_slot=slot_of(real_now)), spec
    scale = clock.scale if clock.mode == "scaled" else 1.0
    return fleet, ClockSpec(mode="scaled", start=clock.start.timestamp(), scale=scale, origin=real_now)


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
