"""Which twin stands for a kind."""

from __future__ import annotations

from pathlib import Path

from bench.pytest_plugin.targets import targets
from bench.topology.load import load_topology
from tests.bench.pytest_plugin.sessions import small
from twins.plan import meter_id

PLANTED = "defects:\n  - {{ kind: {}, meters: [{}] }}\n"


def chosen(path: Path) -> dict[str, str]:
    topology = load_topology(path).topology
    return {each.place: each.meter for each in targets(topology, topology.fleet_plan(), racks=False, twins=True)}


def test_a_planted_defect_has_its_twin_tested_and_one_that_no_twin_shows_changes_nothing(tmp_path: Path) -> None:
    host = chosen(small(tmp_path))["lv-current"]
    other = next(meter_id(index) for index in range(4) if meter_id(index) != host)
    assert chosen(small(tmp_path, PLANTED.format("switch-lies", other)))["lv-current"] == other
    assert chosen(small(tmp_path, PLANTED.format("ignores-air-time", other)))["lv-current"] == host
