"""The campaigns by name, and how each is found; a campaign's module is imported when it is wanted."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from bench.errors import InputError

if TYPE_CHECKING:
    from bench.runner import Campaign
    from bench.topology.load import LoadedTopology

CAMPAIGNS: Final = {
    "collection": "bench.campaigns.collection.campaign:Collection",
    "metrology": "bench.campaigns.metrology.campaign:Metrology",
    "five-minute": "bench.campaigns.five_minute.campaign:FiveMinute",
    "capacity": "bench.campaigns.capacity.campaign:Capacity",
    "outage": "bench.campaigns.outage.campaign:Outage",
    "field-sweep": "bench.campaigns.field_sweep.campaign:FieldSweep",
}
"""Campaigns by the name that the user gives."""


def campaign_of(name: str, loaded: LoadedTopology, real_now: float) -> Campaign:
    """A campaign on a topology, to begin at ``real_now`` (Unix s); raises InputError where that cannot be."""
    if name not in CAMPAIGNS:
        raise InputError(f"{name}: no such campaign; there is {', '.join(CAMPAIGNS)}")
    module, attribute = CAMPAIGNS[name].split(":")
    make = cast("Callable[[LoadedTopology, float], Campaign]", getattr(importlib.import_module(module), attribute))
    return make(loaded, real_now)
