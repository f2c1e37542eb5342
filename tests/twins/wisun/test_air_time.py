"""No stick ever sends more than the limit within any hour, and figures that no radio can have are refused."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wisun.radio import MAX_UDP
from twins.wisun.air_time import AirTime
from twins.wisun.parameters import AirTimeRule, RadioError, parse, radio_parameters

FRAME = radio_parameters().frame
RULE = AirTimeRule(limit_s=1.0, window_s=3600, source="tests", verified=False)
TEXT = resources.files("twins.wisun").joinpath("data", "radio.toml").read_text("utf-8")


def test_a_frame_takes_its_length_at_100_kbit_a_second() -> None:
    assert FRAME.seconds(14) == pytest.approx(8 * (14 + 71) / 100_000)
    assert FRAME.longest == FRAME.seconds(MAX_UDP)
    assert radio_parameters().air_time.limit_s == 360


def test_sending_stops_before_the_limit_and_goes_on_an_hour_later() -> None:
    air = AirTime(RULE, FRAME.longest)
    while not air.exhausted(100.0):
        air.spend(FRAME.longest, 100.0)
    assert RULE.limit_s - 2 * FRAME.longest < air.total <= RULE.limit_s
    assert air.free_at() == 120 + 3600
    assert air.exhausted(3719.0)
    assert not air.exhausted(3720.0)
    assert AirTime(RULE, FRAME.longest).free_at() == float("inf")


@given(st.lists(st.tuples(st.floats(0, 900), st.integers(0, MAX_UDP)), max_size=200))
def test_no_hour_sees_more_than_the_limit(steps: list[tuple[float, int]]) -> None:
    air, now, sent = AirTime(RULE, FRAME.longest), 0.0, []
    for gap, size in steps:
        now += gap
        if not air.exhausted(now):
            air.spend(FRAME.seconds(size), now)
            sent.append((now, FRAME.seconds(size)))
    for start, _ in sent:
        assert sum(seconds for at, seconds in sent if start <= at < start + 3600) <= RULE.limit_s + 1e-9


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lqi = [110, 220]", "lqi = [220, 110]"),
        ("first = 33", "first = 32"),
        ("step = 2", "step = 0"),
        ("limit_s = 360.0", "limit_s = 0.1"),
        ("scale = 0.1", "scale = -1.0"),
        ("baud = 115_200", ""),
        ("output_bytes = 65_536", "output_bytes = 10"),
    ],
)
def test_impossible_figures_are_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(RadioError, match="radio: "):
        parse(TEXT.replace(old, new))


def test_a_datagram_that_never_fits_is_never_sent() -> None:
    air = AirTime(RULE, 2.0)
    assert all(air.exhausted(now) for now in (0.0, 100.0, 1e5))
    assert air.free_at() > 1e5


def test_a_datagram_over_the_edge_of_a_minute_counts_for_its_hour() -> None:
    air = AirTime(RULE, 0.5)
    air.spend(0.9, 59.5)
    assert air.exhausted(60.0)
    assert air.exhausted(3600.2)
    assert not air.exhausted(3720.0)
