"""What must hold for the registers of every class of meters."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twins.customers import SPRING, all_classes, metered
from tests.twins.register_rules import violations
from twins.fleet import Fleet

seeds = st.integers(0, 2**32 - 1)
days_of_two_years = st.integers(SPRING, SPRING + 2 * 365 * 48)


@settings(max_examples=8, deadline=None)
@given(seed=seeds, first=days_of_two_years)
def test_registers_never_fall_and_days_and_contracts_add_up(seed: int, first: int) -> None:
    plan = all_classes(25, seed=seed, first_slot=first)
    fleet = Fleet(plan, 0, plan.meters)
    rows, registers, energies = np.arange(plan.meters), [fleet.import_wh.copy()], []
    exports = [fleet.export_wh.copy()]
    for slot in range(first, first + 96):
        energies.append(fleet.interval(rows, slot))
        fleet.advance()
        registers.append(fleet.import_wh.copy())
        exports.append(fleet.export_wh.copy())
    both = np.array(energies)
    assert violations(np.array(registers), both[:, 0], fleet.interval_bound_wh) == []
    assert violations(np.array(exports), both[:, 1], fleet.interval_bound_wh) == []
    assert (exports[-1][50:] == exports[0][50:]).all(), "nothing flows out of a gas or water meter"


@settings(max_examples=10, deadline=None)
@given(seed=seeds, first=days_of_two_years, data=st.data())
def test_a_twin_is_the_same_alone_and_among_others(seed: int, first: int, data: st.DataObject) -> None:
    plan = all_classes(12, seed=seed, first_slot=first)
    whole = metered(plan)
    index = data.draw(st.integers(0, plan.meters - 1))
    alone = Fleet(plan, index, index + 1, block=data.draw(st.integers(1, 9)))
    alone.advance_to(whole.slot)
    for name, column in whole.columns().items():
        assert column[index] == alone.columns()[name][0], name


def test_registers_of_years_before_join_up_with_their_intervals() -> None:
    fleet = metered(all_classes(25), 5)
    rows = np.arange(fleet.size)
    oldest = np.full(fleet.size, fleet.first_known_slot)
    start, after = fleet.registers_at(rows, oldest), fleet.registers_at(rows, oldest + 1)
    flows = fleet.interval(rows, fleet.first_known_slot + 1)
    for register, later, now, wh in zip(start, after, (fleet.import_wh, fleet.export_wh), flows, strict=True):
        assert (register < 2**40).all(), "a register of unsigned type that went below zero would be huge"
        assert (register + wh == later).all()
        assert (later <= now).all()


def test_a_mixed_fleet_takes_no_more_memory_a_twin_than_one_of_homes() -> None:
    assert metered(all_classes(20), 1).nbytes / 80 <= 48
