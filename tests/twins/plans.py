"""Plans for tests."""

from __future__ import annotations

from datetime import datetime

from protocols.slots import JST, slot_of
from twins.plan import AreaPlan, FleetPlan

FIRST_SLOT = slot_of(datetime(2026, 1, 15, tzinfo=JST).timestamp())


def plan(*sizes: tuple[int, int], seed: int = 1, media: tuple[str, ...] = ("multihop", "cellular", "plc")) -> FleetPlan:
    """A fleet of areas ``a0``, ``a1`` … with (concentrators, meters per concentrator) each."""
    areas = tuple(
        AreaPlan(
            name=f"a{i}",
            utility="tepco",
            medium=media[i % len(media)],
            concentrators=concentrators,
            meters_per_concentrator=meters,
            generation_mix={"current": 1.0, "next": 0.0},
            load_mix={"household": 0.8, "all_electric": 0.15, "shop": 0.05},
            pv_share=0.2,
        )
        for i, (concentrators, meters) in enumerate(sizes)
    )
    return FleetPlan(seed=seed, first_slot=FIRST_SLOT, areas=areas)
