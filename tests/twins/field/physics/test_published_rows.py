"""Printed figures of several parts of the physics together: ranges of a link, cycle times, air time (field-network)."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from twins.field.physics.path_loss import median_loss, models
from twins.field.physics.phy import ack_seconds, frame_seconds, mode, unit_backoff_seconds
from twins.field.rules.parameters import MILLISECOND, SECOND, rule

BUDGET_DB = 13.0 + 105.0  # from 13 dBm EIRP to a Japanese field tool's sensitivity


def reach(model: str, extra_db: float, share: float) -> float:
    """The distance in m at which so many links still work: the largest with the median and shadowing in the budget."""
    metres = np.geomspace(3.0, 3000.0, 200_000)
    need = median_loss(model, metres) + extra_db + NormalDist().inv_cdf(share) * models()[model].sigma_db
    return float(metres[np.searchsorted(need, BUDGET_DB)])


@pytest.mark.parametrize(
    ("model", "extra_db", "half", "most"),
    [
        ("p1411_residential", 20, 452, 335),
        ("p1411_high_rise", 20, 164, 94),
        ("low_height_suburban", 20, 75, 45),
        ("umi_nlos", 0, 536, 279),
        ("umi_nlos", 20, 146, 76),
        ("umi_nlos", 50, 21, 11),
    ],
)
def test_ranges_of_one_link_are_the_printed_ones(model: str, extra_db: float, half: float, most: float) -> None:
    assert reach(model, extra_db, 0.5) == pytest.approx(half, abs=1.0)
    assert reach(model, extra_db, 0.9) == pytest.approx(most, abs=1.0)


@pytest.mark.parametrize(("name", "milliseconds"), [("1b", 40.0), ("2b", 23.3), ("3", 18.1), ("5", 12.9)])
def test_a_cycle_takes_as_long_as_the_printed_budget_says(name: str, milliseconds: float) -> None:
    phy, law = mode(name), rule()
    pause = law.pause / MILLISECOND
    cycle = float(frame_seconds(phy, 162)) + 0.001 + ack_seconds(phy) + 3.5 * unit_backoff_seconds(phy)
    assert 1000 * cycle + pause == pytest.approx(milliseconds, abs=0.05)


def test_a_relay_with_a_fifth_of_500_meters_behind_it_uses_the_printed_air_time() -> None:
    rounds, behind = 2, 100
    for name, seconds in (("1b", 5.7), ("2b", 2.85)):
        assert rounds * behind * float(frame_seconds(mode(name), 162)) == pytest.approx(seconds, abs=0.05)


def test_one_copy_of_a_megabyte_takes_as_long_as_printed_and_the_root_alone_as_many_hours() -> None:
    blocks, allowed = 1953, rule().limit / SECOND
    for name, air, hours in (("1b", 190, 0.53), ("2b", 95, 0.26), ("5", 33, 0.09)):
        seconds = blocks * float(frame_seconds(mode(name), 592))
        assert seconds == pytest.approx(air, rel=0.02)
        assert seconds / allowed == pytest.approx(hours, abs=0.01)


def test_a_margin_in_deviations_is_the_printed_share_of_links() -> None:
    for margin, share in ((0, 0.50), (5, 0.745), (10, 0.906), (15, 0.976)):
        assert NormalDist().cdf(margin / models()["p1411_high_rise"].sigma_db) == pytest.approx(share, abs=1e-3)
