from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twins.meter.parameters import electric_parameters
from twins.meter.supply import Supply

SUPPLY = Supply(electric_parameters(), 1)


@given(
    watts=st.lists(st.integers(-6000, 6000), min_size=1, max_size=20),
    room=st.sampled_from([0, 1, 50, 2000]),
    ripple=st.integers(0, 4095),
)
def test_seconds_mean_their_minute_and_stay_below_the_limit(watts, room, ripple) -> None:
    mean = np.array(watts)
    limit, places = np.abs(mean) + room, np.full(len(watts), ripple)
    seconds = np.array([SUPPLY.at_second(mean, places, limit, second) for second in range(60)])
    assert (seconds.sum(axis=0) == 60 * mean).all()
    assert (np.abs(seconds) <= limit).all()
    assert (np.sign(seconds) * np.sign(mean) >= 0).all()


def test_seconds_differ_where_there_is_room() -> None:
    seconds = [int(SUPPLY.at_second(np.array([2000]), np.array([7]), np.array([6000]), s)[0]) for s in range(60)]
    assert len(set(seconds)) > 30
    assert all(abs(power - 2000) <= 60 for power in seconds)


def test_leg_movements_are_slow() -> None:
    key = np.array([5], dtype=np.uint32)
    minutes = np.arange(29_000_000, 29_001_440)
    legs = SUPPLY.legs(key, key, np.array([500]), minutes, np.full((1, 1440), 600))
    assert np.abs(np.diff(legs.voltage_mv[0], axis=0)).max() < 400
    assert legs.voltage_mv[0].std(axis=0).min() > 200
    assert (legs.share.sum(axis=-1) == 1000).all() and legs.share.min() > 300


def test_load_lowers_the_voltage_and_export_raises_it() -> None:
    key, minute = np.array([5], dtype=np.uint32), np.array([29_000_000])
    volts = [
        SUPPLY.legs(key, key, np.array([500]), minute, np.array([[watts]])).voltage_mv[0, 0]
        for watts in (4000, 0, -4000)
    ]
    assert (volts[0] < volts[1]).all() and (volts[1] < volts[2]).all()
