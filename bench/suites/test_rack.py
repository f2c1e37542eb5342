"""The rack itself: a place belongs to whoever has its lease, and is safe before anybody switches anything on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.pytest_plugin.outcomes import BenchError
from bench.rack.errors import LeaseDeniedError
from bench.rack.messages import Acquire, Power

if TYPE_CHECKING:
    from bench.pytest_plugin.places import Place


_NOBODYS = "0" * 32


@pytest.mark.requirement("U6")
@pytest.mark.unpowered
@pytest.mark.needs("rack")
def test_a_leased_place_is_had_by_nobody_else(place: Place) -> None:
    """There is no second lease of it, and nothing is switched for a token that was never given out."""
    with pytest.raises(LeaseDeniedError):
        place.ask(Acquire((place.name,)))
    with pytest.raises(LeaseDeniedError):
        place.ask(Power(place.name, _NOBODYS, "on"))


@pytest.mark.requirement("U6", "U1")
@pytest.mark.unpowered
@pytest.mark.needs("rack")
def test_a_place_begins_in_safe_state(place: Place) -> None:
    """Before anything is switched on: every instrument answers, source and load are off, the relay is open."""
    found = place.measure()
    wrong = [f"{name}: {each['error']}" for name, each in found.items() if "error" in each]
    wrong += [f"{name} is on" for name in ("source", "load") if found.get(name, {}).get("on")]
    wrong += ["the relay is closed"] if found.get("relay", {}).get("closed") else []
    if wrong:  # nothing of it is the meter's doing
        raise BenchError("; ".join(wrong))
