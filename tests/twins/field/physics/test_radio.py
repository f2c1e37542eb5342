"""Noise, errors of 2-FSK, frames and channels against field-network §1.2 and §1.5."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twins.field.checks import FieldError
from twins.field.physics.fsk import bit_error_rate, eb_n0_for, packet_error_rate, penalty_db, sensitivity_dbm
from twins.field.physics.hopping import PERIOD, hopping
from twins.field.physics.noise import noise_dbm, power_sum_dbm, sinr
from twins.field.physics.phy import (
    ack_seconds,
    bandwidth_hz,
    centre_mhz,
    channels,
    frame_seconds,
    mode,
    plan_of,
    unit_backoff_seconds,
)

MODES = ("1b", "2b", "3", "4b", "5")


def db(ratio: float) -> float:
    return 10 * math.log10(ratio)


@pytest.mark.parametrize(
    ("psdu", "milliseconds"),
    {
        12: (4.48, 2.24, 1.71, 1.28, 1.17),
        100: (18.56, 9.28, 6.40, 4.80, 3.52),
        162: (28.48, 14.24, 9.71, 7.28, 5.17),
        250: (42.56, 21.28, 14.40, 10.80, 7.52),
        500: (82.56, 41.28, 27.73, 20.80, 14.19),
        1280: (207.36, 103.68, 69.33, 52.00, 34.99),
        1504: (243.20, 121.60, 81.28, 60.96, 40.96),
    }.items(),
)
def test_frame_times(psdu: int, milliseconds: tuple[float, ...]) -> None:
    for name, expected in zip(MODES, milliseconds, strict=True):
        assert round(float(frame_seconds(mode(name), psdu)) * 1000, 2) == expected


def test_a_coded_frame_sends_all_but_preamble_and_sfd_twice() -> None:
    assert frame_seconds(mode("1b"), 100, coded=True) == pytest.approx((2 * 106 + 10) * 8 / 50_000)


def test_a_long_frame_just_fits_a_dwell() -> None:
    assert 0.243 < frame_seconds(mode("1b"), 1504) < 0.255


def test_unit_backoffs_and_acknowledgements() -> None:
    assert unit_backoff_seconds(mode("1b")) == pytest.approx(1.16e-3)
    assert unit_backoff_seconds(mode("2b")) == pytest.approx(1.08e-3)
    assert ack_seconds(mode("2b")) == pytest.approx(2.24e-3)


def test_channel_plans_of_japan() -> None:
    usable = {"1b": 29, "2b": 14, "3": 14, "4b": 9, "5": 9}
    assert {name: len(channels(plan_of(mode(name)))) for name in MODES} == usable
    assert centre_mhz(plan_of(mode("1b")), 9) == pytest.approx(922.4)
    assert centre_mhz(plan_of(mode("2b")), [4, 17]) == pytest.approx([922.5, 927.7])
    with pytest.raises(FieldError, match="channel"):
        centre_mhz(plan_of(mode("2b")), 3)


def test_carsons_rule_gives_the_filter() -> None:
    assert bandwidth_hz(mode("2b")) == 200_000
    assert bandwidth_hz(mode("1b")) == 100_000


def test_the_bit_error_rate_at_5_db() -> None:
    assert bit_error_rate(10**0.5) == pytest.approx(0.1029, abs=5e-5)
    assert bit_error_rate(0.0) == 0.5


def test_packet_error_rates() -> None:
    table = {
        20: (0.780, 0.417, 0.137, 0.0285, 0.0037, 0.0003),
        100: (0.999, 0.933, 0.522, 0.135, 0.0184, 0.0014),
        166: (1, 0.989, 0.707, 0.214, 0.0304, 0.0023),
        250: (1, 0.999, 0.842, 0.304, 0.0454, 0.0035),
        500: (1, 1, 0.975, 0.515, 0.0888, 0.0070),
    }
    at = 10 ** (np.arange(9, 15) / 10)
    for length, expected in table.items():
        assert packet_error_rate(at, length) == pytest.approx(expected, abs=1e-3)


def test_the_step_from_bit_errors_to_packets() -> None:
    bits = db(-2 * math.log(2 * 1e-2))
    packets = db(eb_n0_for(0.01, 20))
    assert bits == pytest.approx(8.93, abs=0.01)
    assert packets == pytest.approx(12.54, abs=0.01)
    assert packets - bits == pytest.approx(4.0, abs=1.0)  # what TI tells of the CC1350


def test_sensitivities() -> None:
    assert sensitivity_dbm(mode("1b"), 0.01, 20) == pytest.approx(-106, abs=1)
    table = {"1b": -108.4, "2b": -105.4, "3": -103.6, "4b": -102.4, "5": -100.6}
    for name, expected in table.items():
        assert sensitivity_dbm(mode(name), 0.1, 250, noise_figure_db=6.0) == pytest.approx(expected, abs=0.05)


def test_only_modes_with_half_the_deviation_pay_for_it() -> None:
    assert [penalty_db(mode(name)) for name in MODES] == [0.0, 0.0, 2.0, 0.0, 2.0]


@given(st.floats(0, 1e6), st.integers(1, 2047))
def test_error_rates_are_chances(ratio: float, length: int) -> None:
    assert 0 <= bit_error_rate(ratio) <= 0.5
    assert 0 <= packet_error_rate(ratio, length) <= 1


@given(st.floats(1e-6, 0.99), st.integers(1, 2047))
def test_the_needed_ratio_gives_the_error_rate(error: float, length: int) -> None:
    assert packet_error_rate(eb_n0_for(error, length), length) == pytest.approx(error, rel=1e-6)


def test_noise_and_sums_of_powers() -> None:
    assert noise_dbm(1.0, 0.0) == -174
    assert noise_dbm(200_000) == pytest.approx(-174 + 53.01 + 8, abs=0.01)
    assert power_sum_dbm([-80.0, -80.0]) == pytest.approx(-76.99, abs=0.01)
    assert power_sum_dbm([]) == -math.inf
    assert sinr([4.0, 2.0], [[1.0, 1.0], [0.0, 0.0]], 2.0).tolist() == [1.0, 1.0]
    assert sinr(3.0, [], 1.5) == 2.0


def test_hopping_spreads_receivers_evenly_and_repeats() -> None:
    hops = hopping(7, 300, 14, 0.255)
    share = np.bincount(hops.channel.ravel(), minlength=14) / hops.channel.size
    assert share == pytest.approx(1 / 14, abs=0.002)
    node, later = np.arange(300), np.full(300, 1000.0)
    assert (hops.at(node, later) == hops.at(node, later + PERIOD * 0.255)).all()
    assert (hopping(7, 300, 14, 0.255).channel == hops.channel).all()
    assert (hopping(8, 300, 14, 0.255).channel != hops.channel).any()
    same = (hops.channel[0] == hops.channel[1]).mean()
    assert same == pytest.approx(1 / 14, abs=0.03)
    assert (hopping(7, 3, 1, 0.255).channel == 0).all()


@pytest.mark.parametrize(
    ("nodes", "channel_count", "dwell"),
    [
        (0, 14, 0.255),
        (3, 0, 0.255),
        (3, 14, 0.0),
        *((3, count, 0.255) for count in (-1, 0.5, 1.5, 40_000, 2**33, math.nan)),
    ],
)
def test_hopping_over_nothing_is_refused(nodes: int, channel_count: Any, dwell: float) -> None:
    with pytest.raises(FieldError):
        hopping(1, nodes, channel_count, dwell)


def test_impossible_radios_are_refused() -> None:
    for question in (
        lambda: bit_error_rate(-0.1),
        lambda: bit_error_rate(math.nan),
        lambda: packet_error_rate(1.0, 0),
        lambda: eb_n0_for(0.0, 20),
        lambda: eb_n0_for(0.5, 0),
        lambda: noise_dbm(0.0),
        lambda: noise_dbm(1.0, -1.0),
        lambda: sinr(1.0, [-1.0], 1.0),
        lambda: sinr(1.0, [1.0], 0.0),
        lambda: frame_seconds(mode("1b"), -1),
        lambda: frame_seconds(mode("1b"), 2044),
        lambda: mode("6"),
        lambda: power_sum_dbm([math.nan]),
        lambda: centre_mhz(plan_of(mode("2b")), 9.5),
        lambda: centre_mhz(plan_of(mode("2b")), [9, 10.1]),
    ):
        with pytest.raises(FieldError):
            question()


@pytest.mark.parametrize(
    ("error", "length", "figure", "words"),
    [
        (0.1, 250, math.nan, "noise figure"),
        (0.1, 250, math.inf, "noise figure"),
        (0.1, 250, -5.0, "noise figure must be at least 0"),
        (0.999, 1, 6.0, "a packet of 1 bytes is lost less often than 0.999 without any signal"),
        (1 - 0.5**8, 1, 6.0, "without any signal"),
        (math.nan, 250, 6.0, "packet error rate"),
        (5e-324, 250, 6.0, "too small"),
        (0.1, math.inf, 6.0, "length"),
    ],
)
def test_impossible_sensitivities_are_refused(error: float, length: Any, figure: float, words: str) -> None:
    with pytest.raises(FieldError, match=words):
        sensitivity_dbm(mode("2b"), error, length, figure)
