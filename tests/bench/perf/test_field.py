"""The benchmark of the field, small: consistent figures, clear refusals. No time is judged."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.errors import InputError
from bench.perf.field import measure_field


def test_both_levels_are_measured_in_child_processes() -> None:
    ballast = np.ones(25_000_000)  # 200 MB, which the child must not take for its own largest size
    figures = measure_field(3000, 30)
    one, many = figures["level_a"], figures["level_b"]
    assert one["meters"] == 30 and many["meters"] == 3000
    assert one["events_per_round"] > 60  # at least a frame and an acknowledgement a meter
    assert many["meters_per_second"] == pytest.approx(3000 / many["seconds_per_round"])
    assert 0.97 < many["delivered"] < 1
    assert ballast.all() and 0 < many["bytes"] < 100e6
    assert json.loads(json.dumps(figures)) == figures


@pytest.mark.parametrize("arguments", [(0, 30), (100, 0), (100, 1001)])
def test_nothing_and_too_much_cannot_be_measured(arguments: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="must be positive"):
        measure_field(*arguments)
