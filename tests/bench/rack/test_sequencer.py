from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.rack.instruments import Instruments
from bench.rack.inventory import read_inventory
from bench.rack.sequencer import SafeReport, make_safe
from hil_drivers.source import PhaseSetting, Setting
from tests.bench.rack.virtual import VirtualRack, eventually, virtual_rack
from twins.rack.faults import Fault


@pytest.fixture
def rack() -> Iterator[VirtualRack]:
    with virtual_rack() as running:
        yield running


@contextlib.contextmanager
def energised(rack: VirtualRack, folder: Path) -> Iterator[tuple[Instruments, Any]]:
    """All instruments open, 100 V on, relays closed, attenuators low; nothing of it is left to the instruments' end."""
    inventory = read_inventory(rack.describe(folder))
    instruments = Instruments(inventory)
    source: Any = instruments.opened("source-1")
    relay: Any = instruments.opened("relay-1")
    attenuator: Any = instruments.opened("attenuator-1")
    try:
        for channel in (1, 2, 3):
            relay.set(channel, True)
            attenuator.set(channel, 10.0)
        source.configure(Setting((PhaseSetting(100.0),), 50.0))
        source.output(True)
        assert rack.volts() > 95
        eventually(lambda: rack.closed(1) and rack.db(1) < 15)
        yield instruments, inventory
    finally:
        instruments.close()


def failed(report: SafeReport) -> list[tuple[str, str]]:
    return [(step.name, step.instrument) for step in report.failures]


def test_everything_is_off_afterwards_as_the_world_sees_it(rack: VirtualRack, tmp_path: Path) -> None:
    with energised(rack, tmp_path) as (instruments, inventory):
        for _ in range(2):  # it may be run again
            report = make_safe(inventory, instruments.opened)
            assert not report.failures, str(report)
            eventually(rack.is_safe)
        assert [step.name for step in report.steps] == ["source off", "attenuate", "relays open"]


def test_a_place_is_made_safe_without_touching_the_channels_of_others(rack: VirtualRack, tmp_path: Path) -> None:
    with energised(rack, tmp_path) as (instruments, inventory):
        assert not make_safe(inventory, instruments.opened, ["lv-3"]).failures
        assert rack.volts() > 95 and rack.closed(1) and rack.db(1) < 15
        eventually(lambda: not rack.closed(3) and rack.db(3) > 90)


def test_a_silent_source_does_not_keep_the_relays_from_opening(rack: VirtualRack, tmp_path: Path) -> None:
    with energised(rack, tmp_path) as (instruments, inventory):
        rack.wired["source"].inject(Fault.SILENCE, times=None)
        report = make_safe(inventory, instruments.opened)
        assert failed(report) == [("source off", "source-1")]
        assert not any(rack.closed(channel) for channel in (1, 2, 3))
        eventually(lambda: rack.db(1) > 90)
        rack.wired["source"].clear(Fault.SILENCE)


def test_a_relay_that_is_stuck_is_named(rack: VirtualRack, tmp_path: Path) -> None:
    with energised(rack, tmp_path) as (instruments, inventory):
        rack.wired["relay"].inject(Fault.STUCK_RELAY)
        report = make_safe(inventory, instruments.opened)
        assert failed(report) == [("relays open", "relay-1")]
        assert rack.volts() < 1


def test_an_instrument_that_is_not_there_is_named(rack: VirtualRack, tmp_path: Path) -> None:
    with energised(rack, tmp_path) as (instruments, inventory):
        rack.wired["attenuator"].close()
        report = make_safe(inventory, instruments.opened)
        assert failed(report) == [("attenuate", "attenuator-1")]
        assert rack.volts() < 1 and not rack.closed(1)
