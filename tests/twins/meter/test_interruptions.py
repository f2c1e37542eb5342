"""A home without supply uses nothing, from the second the supply goes to the second it is back."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.slots import SLOT_SECONDS
from tests.twins.meter.fleets import plan_of_both
from twins.fleet import Fleet
from twins.meter.interruptions import FOREVER, Span
from twins.meter.meters import Meters
from twins.meter.view import MeterView

SLOTS = 6


def meters(slots: int = SLOTS) -> tuple[Meters, int]:
    """The meters of a small fleet that has metered some slots; and the instant at which its first slot began."""
    fleet = Fleet(plan_of_both(per_concentrator=20), 0, 40)
    begin = fleet.slot * SLOT_SECONDS
    fleet.advance_to(fleet.slot + slots)
    return Meters(fleet), begin


seconds = st.integers(0, SLOTS * SLOT_SECONDS)
spans = st.lists(st.tuples(seconds, seconds).map(sorted).map(tuple), max_size=4)


def separate(found: list[tuple[int, int]], begin: int) -> list[Span]:
    """Spans that do not overlap, as a switch makes them."""
    edges = sorted({edge for span in found for edge in span})
    return [Span(begin + a, begin + b) for a, b in zip(edges[::2], edges[1::2], strict=False)]


@settings(max_examples=30)
@given(found=spans, row=st.integers(0, 39), looks=st.lists(seconds, min_size=2, max_size=12))
def test_registers_never_step_back_and_stand_still_without_supply(
    found: list[tuple[int, int]], row: int, looks: list[int]
) -> None:
    some, begin = meters(0)
    cut = separate(found, begin)
    some.interrupt(row, cut)
    some.fleet.advance_to(some.fleet.slot + SLOTS)
    some.forget()
    rows = np.array([row])
    seen = [some.registers(rows, begin + second)[0].tolist() for second in sorted(looks)]
    assert all(a <= b for one, two in itertools.pairwise(seen) for a, b in zip(one, two, strict=True))
    for span in cut:
        middle = (span.begin + int(span.end)) // 2
        assert (some.registers(rows, span.begin) == some.registers(rows, middle)).all()
        assert (some.registers(rows, span.begin) == some.registers(rows, int(span.end))).all()
        if span.begin < span.end:
            assert some.power(rows, span.begin)[0] == 0
    assert (some.registers(rows, float(some.fleet.slot * SLOT_SECONDS)) == some._ledger.now(rows)).all()


def test_the_fleet_ahead_and_the_fleet_behind_agree_on_an_interrupted_day() -> None:
    ahead, begin = meters(0)
    cut = [Span(begin + 1_000, begin + 5_000), Span(begin + 7_777, begin + 9_001)]
    ahead.interrupt(7, cut)
    ends = np.arange(begin + SLOT_SECONDS, begin + SLOTS * SLOT_SECONDS + 1, SLOT_SECONDS)
    rows = np.arange(40)
    before = [ahead.registers(rows, float(end)).tolist() for end in ends]
    ahead.fleet.advance_to(ahead.fleet.slot + SLOTS)
    ahead.forget()
    after = [ahead.registers(rows, float(end)).tolist() for end in ends]
    assert before == after
    assert ahead.profile(rows, SLOT_SECONDS, ends[0], ends[-1], float(ends[-1])).registers_wh.tolist() == [
        [instant[row] for instant in after] for row in range(40)
    ]
    imported, _ = ahead.fleet.registers_at(np.full(SLOTS, 7), np.arange(SLOTS) + begin // SLOT_SECONDS)
    assert imported.tolist() == [instant[7][0] for instant in after]


def test_opening_the_switch_now_does_not_change_what_was_seen_before() -> None:
    some, begin = meters(2)
    view = MeterView(some, 5)
    now = begin + 2 * SLOT_SECONDS + 645
    seen = [view.active(now - back) for back in (0, 1, 59, 600, 644, 1800, 3000)]
    some.interrupt(5, [Span(now, FOREVER)])
    assert [view.active(now - back) for back in (0, 1, 59, 600, 644, 1800, 3000)] == seen
    assert view.active(now + 3 * 86_400) == seen[0]
    assert view.power_w(now) == 0 and view.electric(now).current_r_ma == 0
    assert view.electric(now).voltage_r_mv > 90_000, "the line itself is alive"


def test_other_meters_do_not_notice() -> None:
    alone, begin = meters()
    cut, _ = meters(0)
    cut.interrupt(7, [Span(begin, FOREVER)])
    cut.fleet.advance_to(alone.fleet.slot)
    others = np.arange(40) != 7
    assert (cut.fleet.import_wh[others] == alone.fleet.import_wh[others]).all()
    assert cut.fleet.import_wh[7] < alone.fleet.import_wh[7]
