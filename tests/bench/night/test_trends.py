"""The pictures of the night: what they show is right, and they are drawn whatever there is."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from bench.night.model import Key, Night, SeriesKey
from bench.night.trends import CELLS, matrix_of, trend_of
from bench.report.nights import matrix_picture, trend_picture
from tests.bench.night.nights import CLOCK, COLLECTION, POINTS, REGISTERS, metrology, night, nights

LV1, LV2 = Key(CLOCK, "rack", "lv-1"), Key(REGISTERS, "rack", "lv-2")
ERROR = SeriesKey(Key(metrology("1In-1"), "rack", "lv-3"), "error", "%")


@pytest.fixture(scope="module")
def month() -> list[Night]:
    """Newest first: lv-3 drifts in the last two of 33 nights, and did not pass in the fourth."""
    last = [night(number, gain={"lv-3": 0.3}) for number in (32, 31)]
    past = nights(31)
    past[-4] = night(3, outcomes={ERROR.key: "fail"})
    return [*last, *past]


def test_a_trend_is_the_values_with_the_band_that_each_was_held_against(month: list[Night]) -> None:
    trend = trend_of(ERROR, month)
    assert trend.days[0] == "11-02"  # 02:00 in Japan
    assert len(trend.values) == 33
    assert np.isnan(trend.values[3])
    assert np.flatnonzero(~np.isnan(trend.threshold)).tolist() == list(range(21, 33))
    assert np.flatnonzero(trend.outside).tolist() == [31, 32]
    assert (trend.low, trend.high) == (-2.0, 2.0)


def test_a_measurement_that_nobody_took_is_refused_by_name(month: list[Night]) -> None:
    with pytest.raises(KeyError, match="no night has a value of haste"):
        trend_of(SeriesKey(ERROR.key, "haste", "%"), month)


def test_the_matrix_has_what_was_not_well_with_the_worst_on_top() -> None:
    made = [
        night(0, outcomes={LV2: "fail"}),
        night(1, outcomes={LV2: "fail", Key(CLOCK, "rack", "hv-1"): "error"}, flaky=(Key(CLOCK, "twin", "lv"),)),
        night(2, outcomes={LV1: "inconclusive"}, without=(Key(REGISTERS, "twin", "hv"),)),
    ]
    matrix = matrix_of(made[::-1])
    shown = {key: [CELLS[code] for code in row] for key, row in zip(matrix.tests, matrix.cells, strict=True)}
    assert list(shown)[:2] == [LV1, LV2]
    assert shown[LV1] == ["pass", "pass", "did not pass"]
    assert shown[LV2] == ["did not pass", "did not pass", "pass"]
    assert shown[Key(CLOCK, "rack", "hv-1")] == ["pass", "bench error", "pass"]
    assert shown[Key(CLOCK, "twin", "lv")] == ["pass", "flaky", "pass"]
    assert shown[Key(REGISTERS, "twin", "hv")] == ["pass", "pass", "not there"]
    assert matrix.steady == 180 - 5
    cut = matrix_of(made[::-1], rows=2)
    assert (list(cut.tests), cut.hidden) == ([LV1, LV2], 3)


def text_of(svg: str) -> str:
    return " ".join(ET.fromstring(svg).itertext())


def test_the_picture_of_a_trend_names_what_it_shows(month: list[Night]) -> None:
    text = text_of(trend_picture(trend_of(ERROR, month), "t1"))
    for word in ("error of test_metrology.py::test_error[1In-1] at lv-3 (rack)", "drifted", "usual", "at most 2 %"):
        assert word in text
    calm = SeriesKey(Key(metrology(POINTS[0]), "rack", "lv-1"), "error", "%")
    assert "drifted" not in text_of(trend_picture(trend_of(calm, month), "t2"))


def test_a_picture_is_drawn_of_a_single_night_and_of_a_value_that_never_changes() -> None:
    series = SeriesKey(Key(COLLECTION, "twin", "lv"), "lost_frames", "frames")
    for count in (1, 25):
        assert "lost_frames" in text_of(trend_picture(trend_of(series, nights(count)), "t"))


def test_the_picture_of_the_matrix_tells_how_many_passed_every_night() -> None:
    made = [night(1, outcomes={LV1: "fail"}), night(0)]
    text = text_of(matrix_picture(matrix_of(made)))
    assert "test_clock.py::test_the_clock_keeps_time @ lv-1" in text
    assert "179 tests passed in every night" in text
    assert "All 180 tests passed" in text_of(matrix_picture(matrix_of(nights(2))))
    assert "There are no tests" in text_of(matrix_picture(matrix_of([night(0, without=tuple(night(0).by_key()))])))


def test_ids_in_a_picture_are_its_own(month: list[Night]) -> None:
    trend = trend_of(ERROR, month)
    assert 'id="a-' in trend_picture(trend, "a")
    assert 'id="a-' not in trend_picture(trend, "b")
