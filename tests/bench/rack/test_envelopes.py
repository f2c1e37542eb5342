from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.rack.envelopes import RAMP_STEP, tightest
from bench.topology.rack import Limits
from hil_drivers.errors import EnvelopeError
from hil_drivers.source import Envelope, PhaseSetting, Setting

DRIVER = Envelope(volts_max=300.0, hertz_min=40.0, hertz_max=500.0, amps_max=10.0, volts_per_second=5000.0)
PLACE = Limits(hertz_min=45.0, volts_per_second=200.0)
SOURCE = Limits(volts_max=120.0, amps_max=20.0)
TIGHT = tightest([("the place", PLACE), ("source-1", SOURCE), ("its driver", DRIVER)])

volts = st.floats(0, 300)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (Setting((PhaseSetting(121.0),), 50.0), "voltage of phase 1: 121 V lies above the limit of source-1, 120 V"),
        (Setting((PhaseSetting(1.0), PhaseSetting(-1.0)), 50.0), "voltage of phase 2: -1 V lies below"),
        (Setting((PhaseSetting(float("nan")),), 50.0), "nan is not a finite number"),
        (Setting((PhaseSetting(100.0),), 44.0), "frequency: 44 Hz lies below the limit of the place, 45 Hz"),
        (Setting((PhaseSetting(100.0),), 501.0), "501 Hz lies above the limit of its driver, 500 Hz"),
        (Setting((PhaseSetting(100.0),), 50.0, 11.0), "current: 11 A lies above the limit of its driver, 10 A"),
    ],
)
def test_a_setting_outside_is_refused_by_whose_limit_it_is(setting: Setting, words: str) -> None:
    with pytest.raises(EnvelopeError, match=words):
        TIGHT.check(setting)


def test_a_setting_on_the_edges_is_allowed() -> None:
    TIGHT.check(Setting((PhaseSetting(120.0), PhaseSetting(0.0)), 45.0, 10.0))


@given(start=st.lists(volts, min_size=1, max_size=3), end=st.lists(volts, min_size=3, max_size=3))
def test_no_step_of_a_ramp_is_faster_than_allowed_and_it_ends_where_it_should(
    start: list[float], end: list[float]
) -> None:
    steps = [tuple(start), *TIGHT.ramp(tuple(start), tuple(end[: len(start)]))]
    assert steps[-1] == tuple(end[: len(start)])
    widest = TIGHT.volts_per_second.value * RAMP_STEP
    for one, two in pairwise(steps):
        assert all(abs(b - a) <= widest * (1 + 1e-6) for a, b in zip(one, two, strict=True))


def test_without_limits_a_ramp_is_one_step() -> None:
    assert list(tightest([]).ramp((0.0,), (100.0,))) == [(100.0,)]
