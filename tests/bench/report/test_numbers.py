"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report import numbers
from tests.bench.record.factory import measurement


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.5, "50.0 %"),
        (0.975321, "97.5 %"),
        (0.99998, "99.9980 %"),
        (479_999 / 480_000, "99.99979 %"),
        (1 / 480_000, "0.00021 %"),
        (1.25, "125 %"),
    ],
)
def test_shares_are_per_cent_with_digits_that_keep_a_shortfall_visible(value: float, text: str) -> None:
    assert numbers.share(value) == text


@given(st.integers(1, 10**9), st.data())
def test_a_share_that_is_not_whole_never_reads_as_all_or_nothing(due: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, due))
    read = float(numbers.share(part / due).removesuffix(" %"))
    assert (read == 100) == (part == due)
    assert (read == 0) == (part == 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (480_000, "480,000"), (29.149, "29.15"), (13_143.2, "13,143"), (0.012345, "0.01235"), (10.0, "10")],
)
def test_values_have_thousands_separators_and_sensible_digits(value: float, text: str) -> None:
    assert numbers.significant(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.416, "0.42 s"),
        (12.34, "12.3 s"),
        (59.99, "59.9 s"),
        (3599.9, "59 min 59 s"),
        (3600.0, "1 h 00 min"),
        (13_143.0, "3 h 39 min"),
    ],
)
def test_durations_take_the_unit_that_suits_them(value: float | None, text: str) -> None:
    assert numbers.seconds(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (None, None, "recorded only"),
        (1.0, None, "at least 1 s"),
        (None, 0.0, "at most 0 s"),
        (1.0, 2.5, "1 s to 2.5 s"),
        (2.0, 2.0, "2 s"),
    ],
)
def test_limits_are_put_into_words(low: float | None, high: float | None, text: str) -> None:
    assert numbers.limit(measurement("x", 0.0, unit="s", low=low, high=high)) == text


def test_what_was_not_measured_says_so() -> None:
    assert numbers.quantity(None, "s") == "not measured"
