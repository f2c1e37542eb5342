"""Theory, twins of the event engine, and the fit of counts to them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.campaigns.field_sweep.results import Found, Twins, measurements
from bench.campaigns.field_sweep.theory import fitted_shift, level_fit, lost

LEVELS = np.arange(-112.0, -98.0)


def counts(shift: float, sent: int) -> tuple[np.ndarray, np.ndarray]:
    """What a radio that is so many dB deaf loses of so many requests at each level."""
    draw = np.random.Generator(np.random.PCG64(3))
    number = np.full(len(LEVELS), sent)
    return number, draw.binomial(number, lost(LEVELS - shift, 4))


@pytest.mark.parametrize("deaf", [-3.0, 0.0, 0.7, 5.0])
def test_a_shift_is_found_within_its_bound(deaf: float) -> None:
    found = fitted_shift(LEVELS, *counts(deaf, 200), 4)
    assert found is not None
    assert found.db == pytest.approx(deaf, abs=found.bound)
    assert found.bound < 0.3


def test_few_requests_leave_a_wide_bound_and_no_edge_leaves_none() -> None:
    few, many = (fitted_shift(LEVELS, *counts(0.0, sent), 4) for sent in (4, 400))
    assert few is not None and many is not None and few.bound > 3 * many.bound
    sent = np.full(len(LEVELS), 50)
    assert fitted_shift(LEVELS, sent, sent, 4) is None
    assert fitted_shift(LEVELS, sent, 0 * sent, 4) is None


@pytest.mark.requirement("U9")
def test_two_twins_of_the_event_engine_lose_what_theory_says() -> None:
    twins = Twins(4, 1)
    assert abs(twins.shift) < 0.1
    assert twins.lost[0] > 0.99 and twins.lost[-1] < 0.01


def test_the_level_at_0_db_and_the_slope_come_from_the_points() -> None:
    db = np.array([0.0, 10.0, 20.0, 30.0])
    at_zero, slope = level_fit(db, -40 - db)
    assert at_zero == -40.0 and slope == pytest.approx(-1.0)
    assert level_fit(db, -40 - 0.8 * db)[1] == pytest.approx(-0.8)


def found(**values: object) -> Found:
    given: dict[str, object] = {
        "place": "lv-1",
        "meter": "TWN000000000000",
        "at_zero_dbm": -35.0,
        "slope": -1.0,
        "loss_shift_db": 0.0,
        "loss_shift_bound_db": 0.5,
        "twin_shift_db": 0.0,
        "field_loss_db": None,
        "field_setting_db": None,
        "field_rounding_db": None,
        "link_residual_db": None,
        "join_s": 1.0,
        "requests": 100,
        "fault": "",
    }
    return Found(**(given | values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shift", "verdict"),
    [
        (1.4, "pass"),
        (-1.4, "pass"),
        (1.6, "inconclusive"),
        (2.4, "inconclusive"),
        (2.6, "fail"),
        (None, "inconclusive"),
    ],
)
def test_a_shift_is_judged_with_its_bound(shift: float | None, verdict: str) -> None:
    told = {each.name: each for each in measurements([found(loss_shift_db=shift)])}
    assert told["loss_shift"].verdict == verdict
    assert told["loss_shift"].place == "lv-1"
    assert told["level_slope"].verdict == "pass"
    assert "link_residual" not in told  # its meter stands in no mesh
