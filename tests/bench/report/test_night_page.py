"""The page of a night: what a tired engineer has to see, and nothing from outside."""

from __future__ import annotations

import re

import msgspec
import pytest

from bench.night.compare import compare
from bench.night.gate import gate, load_rules
from bench.night.model import FLEET, Incident, Night, Result
from bench.report.night_page import night_page
from tests.bench.night.nights import CLOCK, REGISTERS, keys, metrology, night, nights


def page(tonight: Night, before: list[Night]) -> str:
    comparison = compare(tonight, before)
    return night_page(
        tonight, comparison, gate(tonight, comparison, (), load_rules()), before, "bench nightly rack.yaml"
    )


def test_a_clean_night_says_so() -> None:
    html = page(night(3), nights(3))
    assert "<h1><span" in html and ">Pass</h1>" in html.replace("</span>", ">", 1).replace(">>", ">")
    assert "Nothing: every test passed" in html
    assert "bench nightly rack.yaml" in html


def test_the_fleet_of_a_head_end_is_counted_as_no_kind_of_twins() -> None:
    fleet = Result(test="suites/test_field.py::test_it", outcome="pass", kind="twin", place=FLEET)
    clean = night(3)
    html = page(msgspec.structs.replace(clean, results=(*clean.results, fleet)), nights(3))
    tiles = re.sub(r"<[^>]*>|\s+", " ", html).split("kinds of twins")
    assert "2" in (tiles[0].split()[-1], tiles[1].split()[0])
    assert ">fleet<" in html  # in the table of where tests ran


def test_failures_drifts_and_the_benchs_own_errors_stand_apart() -> None:
    [clock] = keys(CLOCK, place="lv-2")
    [registers] = keys(REGISTERS, place="lv-3")
    out = Incident(time="2026-11-04T17:00:00Z", what="load-1 does not answer", place="lv-3", retired=True)
    tonight = night(5, outcomes={clock: "fail", registers: "error"}, gain={"lv-1": 0.3}, incidents=(out,))
    html = page(tonight, nights(5))
    new, errors = (html.split(f"<h2>{title}")[1].split("</section>")[0] for title in ("New failures", "Bench errors"))
    assert "test_the_clock_keeps_time" in new and "lv-2 (rack)" in new
    assert "test_registers_survive_a_power_cut" not in new and "test_registers_survive_a_power_cut" in errors
    assert "lv-3: load-1 does not answer, place retired" in html
    assert metrology("").split("[")[0] in html.split("<h2>Drifted")[1]
    assert html.count("<svg") > 2


def test_a_message_of_a_meter_is_text_and_no_markup() -> None:
    [clock] = keys(CLOCK)
    bad = night(2, outcomes={clock: "fail"})
    results = tuple(
        type(each)(**{name: getattr(each, name) for name in each.__struct_fields__} | {"message": "<script>alert(1)"})
        if each.outcome == "fail"
        else each
        for each in bad.results
    )
    html = page(
        type(bad)(**{name: getattr(bad, name) for name in bad.__struct_fields__} | {"results": results}), nights(2)
    )
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_the_page_asks_nobody_for_anything() -> None:
    html = page(night(3), nights(3))
    assert re.findall(r"(?:src|href)=\"(?!#)([^\"]*)", html) == []
    assert "@import" not in html and "url(http" not in html


@pytest.mark.parametrize("count", [0, 1, 40])
def test_any_number_of_nights_before_can_be_drawn(count: int) -> None:
    assert "Night by night" in page(night(count), nights(count))
