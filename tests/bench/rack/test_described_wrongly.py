"""A rack described wrongly: refused at the check, or named by the doctor, each with its line (issue 4, bar 9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.rack.doctor import examine
from bench.rack.instruments import Instruments
from bench.rack.inventory import read_inventory
from bench.topology.problems import TopologyError
from tests.bench.rack.virtual import VirtualRack, virtual_rack


@pytest.fixture(scope="module")
def rack() -> Iterator[VirtualRack]:
    with virtual_rack() as running:
        yield running


def changed(rack: VirtualRack, folder: Path, right: str, wrong: str) -> tuple[Path, int]:
    """The topology with one thing wrong, and the line of it."""
    path = rack.describe(folder)
    text = path.read_text("utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    return path, text[: text.index(right)].count("\n") + 1


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("source: { instrument: source-1 }", "source: { instrument: source-9 }", "there is no instrument source-9"),
        ("relay: { instrument: relay-1, channel: 1 }", "relay: { instrument: source-1 }", "of the kind source"),
        ("channel: 3 }", "channel: 9 }", "relay-1 has no channel 9"),
        ("volts_max: 240", "volts_max: 90", "forbids the rated 100 V"),
        ("volts_per_second: 40", "hertz_min: 60, hertz_max: 50", "60 Hz lies above hertz_max"),
        ("volts_max: 240", "volts_max: -1", "too small"),
        ('driver: relay-modbus, address: "', 'driver: relay-modbus, address: "two words ', "address"),
    ],
)
def test_the_check_refuses_it_with_the_line(
    rack: VirtualRack, tmp_path: Path, right: str, wrong: str, words: str
) -> None:
    path, line = changed(rack, tmp_path, right, wrong)
    with pytest.raises(TopologyError) as refused:
        read_inventory(path)
    told = [each for each in str(refused.value).splitlines() if words in each]
    assert told, str(refused.value)
    found = int(told[0].partition("rack.yaml:")[2].partition(":")[0])
    # A limit may be told at the rating that it forbids, with the instrument's name.
    assert found == line or "source-1" in told[0]


@pytest.mark.parametrize(
    ("right", "wrong", "instrument", "words"),
    [
        ('telnet, address: "127.0.0.1', 'telnet, address: "127.0.0.77', "attenuator-1", "no connection"),
        ("limits: { volts_max: 240 }", "settings: { model: PCR9999 }", "source-1", "PCR9999"),
        ("limits: { volts_max: 240 }", "identity: XJ9, limits: { volts_max: 240 }", "source-1", "should be XJ9"),
        ("channels: 4", "channels: 8", "attenuator-1", "4 channels"),
    ],
)
def test_the_doctor_names_it_with_the_line(
    rack: VirtualRack, tmp_path: Path, right: str, wrong: str, instrument: str, words: str
) -> None:
    path, line = changed(rack, tmp_path, right, wrong)
    inventory = read_inventory(path)
    instruments = Instruments(inventory)
    try:
        found = {each.instrument: each.problems for each in examine(inventory, instruments.opened)}
    finally:
        instruments.close()
    (problem,) = found.pop(instrument)
    assert problem.startswith(f"{path}:{line}:") and words in problem
    assert not any(found.values())
