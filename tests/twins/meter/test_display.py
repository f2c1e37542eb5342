from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twins.meter.fleets import all_rows, metered_fleet
from twins.meter.display import advance, counts, span
from twins.meter.meters import Meters
from twins.meter.parameters import generation_parameters

GENERATIONS = generation_parameters().generation["LV"]


@given(
    name=st.sampled_from(sorted(GENERATIONS)),
    start=st.integers(0, 2 * 10**9),
    seed=st.integers(0, 2**32 - 1),
    most=st.integers(0, 100),
)
def test_a_day_of_counts_is_the_count_of_the_day(name, start, seed, most) -> None:
    generation = GENERATIONS[name]
    minutes = np.random.default_rng(seed).integers(0, most, size=1440, endpoint=True).tolist()
    registers = start + np.cumsum([0, *minutes])
    shown = counts(generation, registers)
    steps = advance(generation, shown[:-1], shown[1:])
    whole = int(registers[-1]) // generation.unit_wh - start // generation.unit_wh
    assert steps.sum() == whole
    assert abs(steps.sum() * generation.unit_wh - sum(minutes)) < generation.unit_wh


@pytest.mark.parametrize("unit_wh", [1, 10, 100, 1000])
def test_a_register_wraps_at_its_digits(unit_wh) -> None:
    generation = msgspec.structs.replace(GENERATIONS["current"], unit_wh=unit_wh, digits=4)
    assert span(generation) == 10_000
    top = 10_000 * unit_wh
    assert counts(generation, top - 1) == 9999 and counts(generation, top) == 0
    assert advance(generation, 9999, 0) == 1
    assert counts(generation, 123 * unit_wh + unit_wh - 1) == 123, "a unit counts when it is full"


def test_the_fleets_half_hours_lose_nothing_in_the_units_of_the_b_route() -> None:
    fleet = metered_fleet()
    meters, rows = Meters(fleet), all_rows(fleet)
    ends = [fleet.slot * 1800 - 1800 * k for k in range(48, -1, -1)]
    registers = np.array([meters.registers(rows, end) for end in ends])
    for generation in GENERATIONS.values():
        shown = counts(generation, registers)
        total = advance(generation, shown[:-1], shown[1:]).sum(axis=0)
        assert (total == registers[-1] // generation.unit_wh - registers[0] // generation.unit_wh).all()
