from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twins.meter.fleets import all_rows, metered_fleet
from twins.load.homes import class_of
from twins.meter.meters import Meters
from twins.meter.parameters import electric_parameters
from twins.meter.reactive import ReactiveModel
from twins.random import keys

NAMES = ("household", "all_electric", "bakery")
COUNT = 60


def tendencies(seed: int):
    model = ReactiveModel(electric_parameters().reactive, seed, NAMES)
    return model, model.tendencies(keys(seed, np.arange(COUNT)), np.arange(COUNT) % len(NAMES))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    start=st.integers(0, 10**8),
    steps=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=1, max_size=40),
)
def test_reactive_registers_never_fall_and_never_outrun_the_active_ones(seed, start, steps) -> None:
    model, own = tendencies(seed)
    active = start + np.cumsum(np.array(steps), axis=0)
    reactive = model.registers(own, np.broadcast_to(active, (COUNT, *active.shape)))
    assert reactive.min() >= 0
    grown = np.diff(reactive, axis=1)
    assert (grown >= 0).all()
    assert (grown.sum(axis=-1) <= np.diff(active, axis=0).sum(axis=-1) + 2).all()


def test_registers_grow_by_the_tangents_that_instants_show() -> None:
    model, own = tendencies(5)
    start, length = 41_000_000, 5000
    imported = start + np.arange(length)
    active = np.stack([imported, np.full(length, 7_000)], axis=-1)
    active = np.broadcast_to(active, (COUNT, length, 2))
    tangents = model.tangents(own, active)[..., 0]
    reactive = model.registers(own, active)
    for sign, register in ((1, 0), (-1, 1)):
        shown = np.maximum(sign * tangents[:, :-1], 0).sum(axis=1) / 1000
        counted = reactive[:, -1, register] - reactive[:, 0, register]
        assert np.allclose(shown, counted, atol=10, rtol=0.01)
        assert (counted > 0).any()


def test_tangents_stay_within_their_table_and_classes_without_one_have_the_others() -> None:
    model, own = tendencies(5)
    tables = electric_parameters().reactive
    active = np.broadcast_to(10_000_000 + 40 * np.arange(2000)[:, None], (COUNT, 2000, 2))
    tangents = model.tangents(own, active)
    for number, name in enumerate(NAMES):
        table = tables.imported.get(name, tables.imported["other"])
        seen = tangents[number :: len(NAMES), :, 0]
        spread = 1 + 2 * tables.wander_part
        assert seen.max() <= table.inductive[1] * spread
        assert seen.min() >= -table.capacitive[1]
        low, high = table.capacitive_share
        assert low - 0.02 <= (seen < 0).mean() <= high + 0.02


def test_reactive_registers_follow_the_active_ones_of_the_fleet() -> None:
    fleet = metered_fleet(per_concentrator=10)
    meters, rows = Meters(fleet), all_rows(fleet)
    now = fleet.slot * 1800 + 900
    series = [meters.reactive(rows, meters.registers(rows, now - 600 * k)) for k in range(200, -1, -1)]
    assert (np.diff(np.array(series), axis=0) >= 0).all()
    assert (series[-1] > series[0]).any(axis=0).all(), "both registers move somewhere"
    own = meters.traits(rows).tendency
    assert own.inductive.shape == (fleet.size, 2)
    shops = class_of(fleet.model, fleet.homes.kind) == fleet.load_classes.index("shop")
    assert own.inductive[shops, 0].mean() > own.inductive[~shops, 0].mean()
