"""Values at named points: the limits, what lies beyond them by its number, and a file that stands by itself."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from bench.report.points import points_picture


def test_what_lies_beyond_the_limits_bears_its_number() -> None:
    picture = points_picture(["5 A", "10 A"], [0.2, 1.5], -1, 1, "error", "%")
    assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg", "a file of its own"
    assert ">1.5 %<" in picture and ">0.2 %<" not in picture
    assert all(f">{word}<" in picture for word in ("5 A", "10 A", "error, %"))
    assert picture == points_picture(["5 A", "10 A"], [0.2, 1.5], -1, 1, "error", "%"), "the same bytes every time"


def test_a_point_without_a_value_is_left_out_and_without_any_it_is_said() -> None:
    assert points_picture(["a", "b"], [None, 0.1], -1, 1, "error", "%").count(">1.5 %<") == 0
    assert "nothing was measured" in points_picture(["a"], [None], -1, 1, "error", "%")
