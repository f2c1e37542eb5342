"""Error curves: every place that does not pass is named, what lies far outside keeps its value."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from bench.campaigns.metrology import Row
from bench.campaigns.metrology.points import Kind
from bench.report.error_curves import error_curves


def rows(place: str, value: float, verdict: str, *, symbol: str = "Ib", limit: float = 1.0) -> list[Row]:
    return [
        Row(
            place=place, meter="TWN000000000000", kind=Kind.ERROR, point=f"{multiple:g} {symbol}, PF 1",
            verdict=verdict, value=value, bound=0.1, low=-limit, high=limit, multiple=multiple, power_factor=factor,
        )
        for multiple in (0.1, 1.0)
        for factor in (1.0, 0.5, -0.8)
    ]  # type: ignore[arg-type]  # fmt: skip


def test_places_that_do_not_pass_are_named_with_their_values() -> None:
    drawn = rows("lv-1", 0.2, "pass") + rows("lv-2", -9.2, "fail") + rows("hv-1", 0.1, "inconclusive", symbol="In")
    svg = error_curves(drawn)
    ET.fromstring(svg)
    assert "lv-2 −9.2 %" in svg and "hv-1 +0.1 %" in svg and "lv-1" not in svg
    assert all(word in svg for word in ("PF 1", "0.5 ind", "0.8 cap", "multiples of Ib", "multiples of In"))
    assert svg == error_curves(drawn), "the same rows give the same bytes"


def test_a_healthy_rack_has_curves_without_names() -> None:
    svg = error_curves(rows("lv-1", 0.2, "pass"))
    assert "passes" in svg and "lv-1" not in svg and ">fails<" not in svg


def test_without_errors_it_says_so() -> None:
    assert "no error of a meter was measured" in error_curves([])
