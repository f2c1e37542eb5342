"""Plans of homes for the tests of fleet and load."""

from __future__ import annotations

from datetime import date

from protocols.slots import first_slot_of
from twins.plan import AreaPlan, FleetPlan

EPOCH = date(1970, 1, 1)


def first_slot_on(day: date) -> int:
    """The slot 00:00 to 00:30 of a Japanese calendar day."""
    return first_slot_of((day - EPOCH).days)


def homes(
    concentrators: int,
    per_concentrator: int,
    *,
    areas: int = 2,
    seed: int = 1,
    first_slot: int = first_slot_on(date(2025, 4, 1)),
    household: float = 0.6,
    all_electric: float = 0.3,
    shop: float = 0.1,
    pv: float = 0.3,
) -> FleetPlan:
    """Equal areas of homes with one mix."""
    return FleetPlan(
        seed=seed,
        first_slot=first_slot,
        areas=tuple(
            AreaPlan(
                name=f"area {number}",
                utility="tepco",
                medium="multihop",
                concentrators=concentrators,
                meters_per_concentrator=per_concentrator,
                generation_mix={"current": 1.0},
                load_mix={"household": household, "all_electric": all_electric, "shop": shop},
                pv_share=pv,
            )
            for number in range(areas)
        ),
    )
