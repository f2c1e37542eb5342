"""What the head-end process is told at its start."""

from __future__ import annotations

import msgspec

from twins.bus.address import BusAddress
from twins.clock import ClockSpec
from twins.plan import FleetPlan


class RecollectionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a missing value is asked for: first ``first_after`` s after its slot's end, then every ``interval`` s.

    After ``tries`` rounds, and ``late_tries`` more that are ``late_interval`` s apart, the head-end gives up. ``audit``
    is the share of values that are asked for although they are there, to see whether a re-sent value is the value that
    was sent.
    """

    first_after: float
    interval: float
    tries: int
    audit: float
    late_interval: float = 0.0
    late_tries: int = 0

    @property
    def rounds(self) -> int:
        """How often a value is asked for at most."""
        return self.tries + self.late_tries

    def pause(self, rounds: int) -> float:
        """Seconds from a value's round of that number (from 1) to its next."""
        return self.interval if rounds < self.tries else self.late_interval or self.interval


class HeadEndSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One head-end: the run it belongs to, the fleet it knows, the slots it is to collect, and everything around it."""

    run: str
    plan: FleetPlan
    first_slot: int
    last_slot: int
    shards: tuple[str, ...]
    recollection: RecollectionPolicy
    bus: BusAddress
    clock: ClockSpec
    master_key: bytes
    folder: str
    journal: str
