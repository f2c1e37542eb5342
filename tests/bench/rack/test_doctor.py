"""The doctor and links that were lost since they were last used: who was restarted is sound, who is silent is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.rack.doctor import examine, look_at
from bench.rack.instruments import Instruments
from bench.rack.inventory import Inventory, read_inventory
from tests.bench.rack.virtual import VirtualRack, virtual_rack
from twins.rack.faults import Fault


@pytest.fixture(scope="module")
def rack() -> Iterator[VirtualRack]:
    with virtual_rack(analyser=True) as running:
        yield running


@pytest.fixture
def inventory(rack: VirtualRack, tmp_path: Path) -> Inventory:
    return read_inventory(rack.describe(tmp_path))


@pytest.fixture
def instruments(inventory: Inventory) -> Iterator[Instruments]:
    opened = Instruments(inventory)
    yield opened
    opened.close()


def problems(inventory: Inventory, instruments: Instruments) -> dict[str, tuple[str, ...]]:
    return {each.instrument: each.problems for each in examine(inventory, instruments.opened) if each.problems}


def restart(rack: VirtualRack) -> None:
    """All instruments: their connections end, and they listen again."""
    rack.lose_network("sockets")
    rack.regain_network("sockets")


def test_instruments_that_were_restarted_are_sound(
    rack: VirtualRack, inventory: Inventory, instruments: Instruments
) -> None:
    assert not problems(inventory, instruments)
    restart(rack)
    assert not problems(inventory, instruments)
    restart(rack)
    assert {look_at(name, instruments.opened)[0] for name in inventory.instruments} == {"answered"}


def test_one_that_is_silent_or_away_or_another_one_is_still_told(
    rack: VirtualRack, inventory: Inventory, instruments: Instruments
) -> None:
    assert not problems(inventory, instruments)
    source, relay = rack.wired["source"], rack.wired["relay"]
    source.inject(Fault.SILENCE, times=None)
    relay.close()
    try:
        told = problems(inventory, instruments)
    finally:
        source.clear(Fault.SILENCE)
        relay.open()
    assert told.keys() == {"source-1", "relay-1"} and "no answer within" in told["source-1"][0]
    source.inject(Fault.WRONG_IDENTITY, times=None)
    try:
        told = problems(inventory, instruments)
    finally:
        source.clear(Fault.WRONG_IDENTITY)
    assert told.keys() == {"source-1"} and "SOMETHING-ELSE" in told["source-1"][0]
