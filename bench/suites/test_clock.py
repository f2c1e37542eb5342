"""The meter's own clock: how far it is off, and that it can be set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.suites.support import held

if TYPE_CHECKING:
    from bench.pytest_plugin.measuring import Measure
    from bench.pytest_plugin.specimen import Specimen


_STEP = 120


@pytest.mark.requirement("M10")
@pytest.mark.needs("dlms")
def test_the_clock_is_right(meter: Specimen, measure: Measure) -> None:
    """Its distance from true time, less what lies between question and answer."""
    reader = meter.via("dlms")
    reader.clock()  # associated: the next question takes one round trip
    before = meter.now()
    told = reader.clock()
    after = meter.now()
    early, late = told.time + told.resolution_s - before, told.time - after
    offset = late if late > 0 else min(early, 0.0)
    held(measure, "clock_offset", offset, resolution=told.resolution_s + after - before)


@pytest.mark.requirement("M10")
@pytest.mark.needs("dlms")
def test_the_clock_is_set_and_set_back(meter: Specimen) -> None:
    """Set two minutes ahead, it goes on from there; then it is set right."""
    reader = meter.via("dlms")
    offset = reader.clock().time - meter.now()
    try:
        asked = meter.now()
        reader.set_clock(int(asked + offset) + _STEP)
        moved = reader.clock().time - meter.now() - offset
        slack = 2 + meter.now() - asked
        assert abs(moved - _STEP) <= slack, f"set {_STEP} s ahead, it is {moved:.0f} s ahead"
    finally:
        reader.set_clock(round(meter.now()))


@pytest.mark.requirement("M10", "B1")
@pytest.mark.needs("LV", "dlms", "echonet")
def test_the_home_is_told_the_same_time(meter: Specimen) -> None:
    """The B-route shows the clock to the minute."""
    before = meter.via("dlms").clock().time
    told = meter.via("echonet").clock()
    after = meter.via("dlms").clock().time
    assert before - told.resolution_s <= told.time <= after, f"{told.time}, by DLMS {before} to {after}"
