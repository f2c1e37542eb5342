"""The summary for chat and mail: the verdict first, every finding once, short, and safe to paste."""

from __future__ import annotations

import re

import msgspec
import pytest

from bench.night.compare import compare
from bench.night.gate import gate, load_rules
from bench.night.model import FLEET, Incident, Key, Night, Result
from bench.night.summary import markdown
from tests.bench.night.nights import CLOCK, REGISTERS, night, nights

LV1, LV2 = Key(CLOCK, "rack", "lv-1"), Key(REGISTERS, "rack", "lv-2")


def summary(tonight: Night, before: list[Night]) -> list[str]:
    comparison = compare(tonight, before)
    return markdown(tonight, comparison, gate(tonight, comparison, [], load_rules())).splitlines()


def test_a_clean_night_is_five_lines() -> None:
    lines = summary(night(3), nights(3))
    assert lines == [
        "**✓ Pass** · night `20261104-rack` · topology rack",
        "",
        "180 of 180 tests passed at 8 places and 2 kinds of twins; 0 skipped.",
        "",
        "Compared with night `20261103-rack`.",
    ]


def test_the_fleet_of_a_head_end_and_what_only_skipped_are_no_kinds_of_twins() -> None:
    fleet = Result(test="suites/test_field.py::test_it", outcome="pass", kind="twin", place=FLEET)
    skipped = Result(test=CLOCK, outcome="skip", kind="twin", place="gas")
    clean = night(3)
    tonight = msgspec.structs.replace(clean, results=(*clean.results, fleet, skipped))
    assert (tonight.places("twin"), len(tonight.places("rack"))) == ({"lv", "hv"}, 8)
    assert "181 of 181 tests passed at 8 places and 2 kinds of twins; 1 skipped." in summary(tonight, nights(3))


@pytest.mark.requirement("U7")
def test_every_finding_stands_under_its_heading() -> None:
    silent = Incident(time="2026-11-04T17:20:00Z", what="source-1 does not answer", place="hv-1", retired=True)
    past = [night(2, outcomes={LV1: "fail"}), *nights(2)]
    gone = Key(CLOCK, "rack", "lv-6")
    tonight = night(3, outcomes={LV1: "fail", LV2: "fail"}, gain={"lv-4": 0.4}, incidents=(silent,), without=(gone,))
    text = "\n".join(summary(tonight, past))
    assert text.startswith("**! Bench error**")
    assert "Rules that are broken: new_failures 1 tests, still_failing 1 tests" in text
    headings = ["New failures", "Still failing", "The bench's own errors", "Missing", "Drifted"]
    positions = [text.index(f"**{heading}** (") for heading in headings]
    assert positions == sorted(positions)
    assert f"- `{LV2.test}` at lv-2 (rack) [M11]: assert fail" in text
    assert f"- `{LV1.test}` at lv-1 (rack) [M11]: assert fail, 2 nights since `20261103-rack`" in text
    assert "- hv-1: source-1 does not answer, place retired" in text
    assert f"- `{gone.test}` at lv-6 (rack) [M11]: no result at all" in text
    assert re.search(r"- `error` of `[^`]*test_error` at lv-4 \(rack\), \d+ points: \+0\.\d+ to \+0\.\d+ %", text)
    assert text.count("at lv-4") == 1  # one line for all points of a gain that drifts


def test_fixed_and_flaky_tests_and_a_first_night_are_told() -> None:
    text = "\n".join(summary(night(1, flaky=(LV2,)), [night(0, outcomes={LV1: "fail"})]))
    assert f"**Fixed** (1)\n\n- `{LV1.test}` at lv-1 (rack)" in text
    assert f"**Flaky** (1)\n\n- `{LV2.test}` at lv-2 (rack)" in text
    assert "There is no night before it to compare with." in summary(night(0), [])


def test_what_a_message_contains_does_not_become_markup() -> None:
    hostile = Incident(time="t", what="*x* [y](z) <b>\n# h", place="a`b")
    (line,) = [each for each in summary(night(1, incidents=(hostile,)), [night(0)]) if each.startswith("- a")]
    assert "<b>" not in line.replace("\\<b\\>", "")
    assert "](" not in line.replace("\\](", "")
