from __future__ import annotations

from datetime import date

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twins.homes import first_slot_on, homes
from tests.twins.register_rules import violations
from twins.fleet import Fleet, FleetError
from twins.load.parameters import LoadModelError

FIRST = first_slot_on(date(2025, 4, 1))
seeds = st.integers(0, 2**32 - 1)
days_of_two_years = st.integers(FIRST, FIRST + 2 * 365 * 48)


def metered(fleet: Fleet, slots: int) -> dict[str, np.ndarray]:
    """Registers before and after each slot, by direction."""
    history = {"import": [fleet.import_wh.copy()], "export": [fleet.export_wh.copy()]}
    for _ in range(slots):
        fleet.advance()
        history["import"].append(fleet.import_wh.copy())
        history["export"].append(fleet.export_wh.copy())
    return {direction: np.array(registers) for direction, registers in history.items()}


def intervals(fleet: Fleet, first: int, slots: int) -> dict[str, np.ndarray]:
    """Interval energies computed on their own, by direction."""
    pairs = [fleet.interval(np.arange(fleet.size), first + offset) for offset in range(slots)]
    return {"import": np.array([pair[0] for pair in pairs]), "export": np.array([pair[1] for pair in pairs])}


@settings(max_examples=15, deadline=None)
@given(seed=seeds, first=days_of_two_years)
def test_registers_never_fall_and_days_and_contracts_add_up(seed: int, first: int) -> None:
    fleet = Fleet(homes(2, 60, seed=seed, first_slot=first), 0, 240)
    energies = intervals(fleet, first, 96)
    registers = metered(fleet, 96)
    for direction in ("import", "export"):
        assert violations(registers[direction], energies[direction], fleet.interval_bound_wh) == []


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (lambda registers, energies: registers.__setitem__((70, 3), registers[70, 3] - 5000), "register falls"),
        (
            lambda registers, energies: energies.__setitem__((10, 5), energies[10, 5] + 1),
            "48 intervals differ from the day",
        ),
        (lambda registers, energies: registers[20:, 7].__iadd__(1), "interval differs from its register step"),
        (lambda registers, energies: registers[20:, 7].__iadd__(3001), "interval above the contract"),
    ],
)
def test_the_checker_of_registers_catches_a_planted_defect(damage, rule) -> None:
    fleet = Fleet(homes(1, 20), 0, 40)
    energies = intervals(fleet, FIRST, 96)["import"].astype(np.int64)
    registers = metered(fleet, 96)["import"].astype(np.int64)
    assert violations(registers, energies, fleet.interval_bound_wh) == []
    damage(registers, energies)
    assert rule in violations(registers, energies, fleet.interval_bound_wh)


@settings(max_examples=12, deadline=None)
@given(seed=seeds, data=st.data(), block=st.integers(20, 400))
def test_the_cut_into_shards_and_blocks_does_not_show(seed: int, data: st.DataObject, block: int) -> None:
    plan = homes(3, 50, seed=seed, areas=3)
    cuts = sorted(data.draw(st.sets(st.integers(1, plan.meters - 1), max_size=4)))
    whole = Fleet(plan, 0, plan.meters)
    whole.advance_to(plan.first_slot + 26)
    shards = [
        Fleet(plan, start, stop, block=block) for start, stop in zip([0, *cuts], [*cuts, plan.meters], strict=True)
    ]
    for shard in shards:
        shard.advance_to(plan.first_slot + 26)
    parts = [shard.columns() for shard in shards]
    for name, column in whole.columns().items():
        assert (np.concatenate([part[name] for part in parts]) == column).all(), name
    rows = np.arange(plan.meters)
    joined_intervals = [shard.interval(np.arange(shard.size), plan.first_slot + 24) for shard in shards]
    for direction, values in enumerate(whole.interval(rows, plan.first_slot + 24)):
        assert (np.concatenate([pair[direction] for pair in joined_intervals]) == values).all()


@settings(max_examples=15, deadline=None)
@given(seed=seeds, first=days_of_two_years, data=st.data(), block=st.integers(1, 300))
def test_any_past_register_computed_again_is_what_it_was(
    seed: int, first: int, data: st.DataObject, block: int
) -> None:
    fleet = Fleet(homes(1, 20, seed=seed, first_slot=first), 0, 40, block=block)
    registers = metered(fleet, 60)
    pair = st.tuples(st.integers(0, 39), st.integers(-1, 59))  # -1: the end of the slot before the plan's first
    rows, offsets = np.array(data.draw(st.lists(pair, min_size=1, max_size=60))).T
    imported, exported = fleet.registers_at(rows, first + offsets)
    assert (imported == registers["import"][offsets + 1, rows]).all()
    assert (exported == registers["export"][offsets + 1, rows]).all()


def test_registers_of_years_before_the_plan_join_up_with_their_intervals() -> None:
    plan = homes(1, 150, pv=0.5)
    fleet = Fleet(plan, 0, plan.meters)
    rows = np.arange(fleet.size)
    oldest = np.full(fleet.size, fleet.first_known_slot)
    start = fleet.registers_at(rows, oldest)
    after = fleet.registers_at(rows, oldest + 1)
    flows = fleet.interval(rows, fleet.first_known_slot + 1)
    for register, later, now, wh in zip(start, after, (fleet.import_wh, fleet.export_wh), flows, strict=True):
        assert (register < 2**40).all(), "a register of unsigned type that went below zero would be huge"
        assert (register + wh == later).all()
        assert (later <= now).all()
    assert fleet.first_known_slot <= plan.first_slot - 3 * 365 * 48


def test_changing_one_twin_of_a_million_leaves_the_other_999_999_as_they_were() -> None:
    changed_row = 654_321
    dawn = first_slot_on(date(2025, 4, 2)) + 11  # 05:30: water heaters still run, roofs already give
    plan = homes(2_000, 250, first_slot=dawn)
    fleets = [Fleet(plan, 0, 1_000_000), Fleet(plan, 0, 1_000_000)]
    fleets[1].columns()["scale"][changed_row] *= 3
    for fleet in fleets:
        fleet.advance_to(dawn + 3)
    original, other = (fleet.columns() for fleet in fleets)
    for name, column in original.items():
        differing = np.flatnonzero(column != other[name])
        assert differing.tolist() == ([changed_row] if name in ("scale", "import_wh") else []), name


def test_twins_of_another_seed_are_other_homes() -> None:
    one, two = (Fleet(homes(2, 100, seed=seed), 0, 400) for seed in (1, 2))
    assert (one.columns()["scale"] != two.columns()["scale"]).mean() > 0.99


def test_columns_are_the_fleet_itself_and_small() -> None:
    fleet = Fleet(homes(2, 100), 100, 300)
    assert (fleet.start, fleet.stop, fleet.size) == (100, 300, 200)
    assert {len(column) for column in fleet.columns().values()} == {200}
    assert fleet.nbytes / fleet.size <= 48
    assert fleet.columns()["counter"] is fleet.counter
    assert (fleet.counter == 0).all() and fleet.counter.dtype == np.uint32


def test_an_interval_is_metered_without_moving_the_fleet() -> None:
    fleet = Fleet(homes(1, 50), 0, 100)
    before = {name: column.copy() for name, column in fleet.columns().items()}
    rows = np.array([7, 3, 3, 99])
    past, future = fleet.interval(rows, fleet.slot - 5000), fleet.interval(rows, fleet.slot + 5000)
    assert past[0].dtype == np.uint32 and past[0][1] == past[0][2] and future[0].shape == (4,)
    assert fleet.slot == FIRST
    assert all((column == before[name]).all() for name, column in fleet.columns().items())


def test_an_empty_shard_is_a_fleet_too() -> None:
    fleet = Fleet(homes(1, 10), 5, 5)
    fleet.advance()
    nothing = np.empty(0, dtype=np.int64)
    assert fleet.size == 0 and fleet.slot == FIRST + 1
    assert fleet.interval(nothing, FIRST)[0].shape == (0,)
    assert fleet.registers_at(nothing, nothing)[0].shape == (0,)


def test_what_a_fleet_cannot_know_is_refused() -> None:
    fleet = Fleet(homes(1, 10), 0, 20)
    fleet.advance_to(FIRST + 3)
    row = np.array([0])
    with pytest.raises(FleetError, match="cannot go back"):
        fleet.advance_to(FIRST + 2)
    with pytest.raises(FleetError, match="registers are known"):
        fleet.registers_at(row, np.array([FIRST + 3]))
    with pytest.raises(FleetError, match="registers are known"):
        fleet.registers_at(row, np.array([fleet.first_known_slot - 1]))
    with pytest.raises(FleetError, match="plan with 20 meters"):
        Fleet(homes(1, 10), 0, 21)


def test_a_load_class_that_the_model_does_not_know_is_named() -> None:
    plan = homes(1, 10, areas=1)
    area = msgspec.structs.replace(plan.areas[0], load_mix={"bakery": 1.0})
    with pytest.raises(LoadModelError, match="area area 0: load_mix names bakery; the model knows household"):
        Fleet(msgspec.structs.replace(plan, areas=(area,)), 0, 10)
