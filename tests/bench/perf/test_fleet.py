from __future__ import annotations

import json
import os

import pytest

from bench.errors import InputError
from bench.perf.fleet import measure_fleet


def test_a_fleet_measured_in_a_child_process_gives_consistent_figures() -> None:
    affinity = os.sched_getaffinity(0)
    figures = measure_fleet(20_000, 3)
    assert (figures["twins"], figures["slots"]) == (20_000, 3)
    assert figures["twin_slots_per_second"] == pytest.approx(60_000 / figures["seconds"])
    assert 0 < figures["column_bytes_per_twin"] <= 64
    assert figures["resident_bytes_per_twin"] > 0.9 * figures["column_bytes_per_twin"] - 20
    assert json.loads(json.dumps(figures)) == figures
    assert os.sched_getaffinity(0) == affinity


@pytest.mark.parametrize("arguments", [(0,), (100, 0)])
def test_nothing_cannot_be_measured(arguments: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="must be positive"):
        measure_fleet(*arguments)
