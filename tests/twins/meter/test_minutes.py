from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twins.meter.minutes import MINUTES, MWH, MinuteModel, minute_model, minute_wh
from twins.meter.parameters import minute_parameters
from twins.random import keys

NOON = 980_022  # a slot 12:00 to 12:30 JST
AMPERES = np.array([10, 15, 20, 30, 40, 50, 60])
slots = st.integers(0, 2**24)


@st.composite
def half_hours(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Energies (n, 3) up to the contract, which occurs often, and the contracts' bounds (n,)."""
    bound = np.array(draw(st.lists(st.sampled_from(AMPERES * 50), min_size=1, max_size=12)))
    parts = draw(
        st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0]), min_size=3 * len(bound), max_size=3 * len(bound))
    )
    return (np.array(parts).reshape(-1, 3) * bound[:, None]).astype(np.int64), bound


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), slot=slots, drawn=half_hours(), upside_down=st.booleans())
def test_minutes_sum_to_the_half_hour_and_none_exceeds_the_contract(seed, slot, drawn, upside_down) -> None:
    wh, bound = drawn
    model = minute_model(seed)
    watts = model.switched_watts(keys(seed, np.arange(len(bound))), slot + np.arange(3))
    cumulative = model.cumulative(watts, wh, bound, upside_down=upside_down)
    minutes = minute_wh(cumulative)
    assert minutes.shape == (len(bound), 3, MINUTES)
    assert (minutes.sum(axis=-1) == wh).all()
    assert minutes.min() >= 0
    assert (minutes <= -(-bound // MINUTES)[:, None, None]).all()
    mwh = np.diff(cumulative, axis=-1)
    assert mwh.min() >= 0
    assert (mwh * MINUTES <= (bound * MWH + MINUTES)[:, None, None]).all(), "cutting to mWh may add one"


def test_a_half_hour_at_the_contract_is_level() -> None:
    model = minute_model(1)
    watts = model.switched_watts(keys(1, np.arange(50)), np.array([NOON]))
    minutes = minute_wh(model.cumulative(watts, np.full((50, 1), 1500), np.int64(1500)))
    assert (minutes == 50).all()


def test_appliances_switch_on_and_off_within_their_own_watts() -> None:
    model = minute_model(1)
    watts = model.switched_watts(keys(1, np.arange(500)), np.array([NOON]))
    mwh = np.diff(model.cumulative(watts, np.full((500, 1), 400), np.int64(3000)), axis=-1)[:, 0]
    power = mwh * 60 / MWH
    assert np.mean(power.max(axis=1) / power.min(axis=1) > 1.5) > 0.4
    rises = np.diff(power, axis=1).max(axis=1)
    assert 0 < rises.max() <= np.diff(watts[:, 0], axis=1).max() + 1, "no step is larger than what was switched"


def test_what_a_load_takes_more_a_generator_gives_less() -> None:
    model = minute_model(1)
    watts = model.switched_watts(keys(1, np.arange(200)), np.array([NOON]))
    some = (watts.max(axis=-1) > 500)[:, 0]
    wh = np.full((200, 1), 500)
    load = np.diff(model.cumulative(watts, wh, np.int64(3000)), axis=-1)[some, 0]
    roof = np.diff(model.cumulative(watts, wh, np.int64(3000), upside_down=True), axis=-1)[some, 0]
    assert (np.take_along_axis(roof, load.argmax(axis=1)[:, None], axis=1)[:, 0] - roof.min(axis=1) <= 1).all()


def test_no_minute_of_a_half_hour_is_favoured() -> None:
    model = minute_model(1)
    watts = model.switched_watts(keys(1, np.arange(4000)), NOON + np.arange(6))
    by_minute = watts.mean(axis=(0, 1))
    assert by_minute.min() > 0.9 * by_minute.mean() and by_minute.max() < 1.1 * by_minute.mean()


def test_a_thermostat_does_not_care_for_half_hours() -> None:
    model = MinuteModel(msgspec.structs.replace(minute_parameters(), run={}), seed=1)
    on = model.switched_watts(keys(1, np.arange(100)), NOON + np.arange(10)).reshape(100, -1) > 0
    switchings = np.diff(on.astype(int), axis=1) != 0
    edges, inside = switchings[:, MINUTES - 1 :: MINUTES], switchings
    assert 0 < edges.mean() < 1.3 * inside.mean()
    low, high = minute_parameters().cycle["refrigerator"].duty
    assert low - 0.05 < on.mean() < high + 0.05
