"""1:N and power line: deep coverage, attach storms, bad banks and bad hours, as their data say."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.slots import first_slot_of, slot_end
from twins.field.causes import COVERAGE, LINE_NOISE
from twins.field.checks import FieldError
from twins.field.media.base import Place
from twins.field.media.cellular import Cellular, attach_wait
from twins.field.media.parameters import media, parse
from twins.field.media.plc import Plc

METERS = 40_000
PLACE = Place(3, 0, 0, METERS, 250, 0, METERS // 250)
ROWS = np.arange(METERS)
KEYS = PLACE.keys(ROWS)
MIDNIGHT = first_slot_of(20_454)


def cellular(deep: float = -1.0, meters: int = 500) -> Cellular:
    return Cellular(PLACE, media().cellular, deep, 1.0, meters)


def test_deep_coverage_is_slow_and_loses_more_and_meters_keep_it() -> None:
    table, medium = media().cellular, cellular()
    deep = medium.deep(KEYS)
    assert deep.mean() == pytest.approx(table.deep_share, abs=0.005)
    found = medium.exchange(ROWS, KEYS, 9, 0.0)
    assert np.median(found.delay[~deep]) == pytest.approx(2 * table.median, rel=0.03)
    assert np.median(found.delay[deep]) == pytest.approx(2 * table.deep_median, rel=0.03)
    assert (found.cause[deep] == COVERAGE).mean() == pytest.approx(1 - (1 - table.deep_loss) ** 2, abs=0.025)
    assert (found.cause[~deep] == COVERAGE).mean() == pytest.approx(2 * table.loss, abs=0.002)
    assert not cellular(0.0).deep(KEYS).any() and cellular(1.0).deep(KEYS).all()


def test_a_cell_attaches_only_so_many_and_the_rest_wait() -> None:
    calm, storm = (attach_wait(np.linspace(0, 60, 7), meters, 60.0, 20.0) for meters in (1000, 6000))
    assert not calm.any()
    assert storm == pytest.approx(np.linspace(0, 240, 7))  # 6,000 at 20 a second take 300 s; the last came at 60 s
    assert attach_wait(np.array([0.0, 1.0]), 6000, 0.0, 20.0).tolist() == [0.0, 300.0]


def test_power_lines_are_worst_in_the_evening_and_bad_banks_stay_bad() -> None:
    table = media().plc
    medium = Plc(PLACE, table, 1.0)
    by_hour = [
        np.mean(
            [(medium.reading(ROWS, KEYS, MIDNIGHT + 2 * hour + half).cause == LINE_NOISE).mean() for half in (0, 1)]
        )
        for hour in (2, 19)
    ]
    assert by_hour[1] > 5 * by_hour[0]
    margin = medium.margin_db(ROWS)
    assert margin.min() >= table.least_margin_db
    banks = margin.reshape(-1, 10, table.bank_meters)
    assert (banks == banks[:, :, :1]).all()
    evening = MIDNIGHT + 39
    lost = np.mean([medium.reading(ROWS, KEYS, evening + 48 * day).cause == LINE_NOISE for day in range(8)], axis=0)
    assert lost[margin < 9].mean() > 20 * lost[margin > 14].mean()


def test_a_request_over_a_power_line_meets_the_noise_of_its_hour() -> None:
    medium = Plc(PLACE, media().plc, 1.0)
    lost = [
        (medium.exchange(ROWS, KEYS, 1, float(slot_end(MIDNIGHT + slot))).cause == LINE_NOISE).mean()
        for slot in (4, 38)
    ]
    assert lost[1] > 5 * lost[0]


def test_slowness_is_a_factor_on_delays() -> None:
    for usual, slow in (
        (Plc(PLACE, media().plc, 1.0), Plc(PLACE, media().plc, 3.0)),
        (cellular(), Cellular(PLACE, media().cellular, -1.0, 3.0, 500)),
    ):
        one, other = (medium.exchange(ROWS, KEYS, 1, 0.0) for medium in (usual, slow))
        assert other.delay == pytest.approx(3 * one.delay)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("deep_share = 0.05", "deep_share = 1.05"), "impossible share"),
        (("width_db = 2.5", "width_db = 0.0"), "impossible bank"),
        (("attach_rate = 20.0", "attach_rate = 0.0"), "impossible time or cell"),
        (("hops = [0.55, 0.30, 0.15]", "hops = []"), "no hops"),
        (("median = 0.08", "median = -1.0"), "not above 0"),
        (("sigma = 0.6", 'sigma = "x"'), "media.toml"),
    ],
)
def test_figures_that_cannot_be_are_refused(change: tuple[str, str], message: str) -> None:
    from importlib import resources

    text = resources.files("twins.field.media").joinpath("data", "media.toml").read_text("utf-8")
    assert change[0] in text
    with pytest.raises(FieldError, match=message):
        parse(text.replace(*change, 1))
