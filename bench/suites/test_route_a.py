"""The A-route: a day of half-hours of a small fleet, collected, asked for again, judged from the head-end's side.

Of the meters in places, what they answer when a head-end asks. That half-hours come by themselves, in time, is judged
by the campaign *collection*: it waits for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.suites.support import HALF_HOUR, held
from protocols.dlms.profile import REGISTER_SPAN
from protocols.slots import slot_of

if TYPE_CHECKING:
    from bench.pytest_plugin.fleet import HeadEnd
    from bench.pytest_plugin.measuring import Measure
    from bench.pytest_plugin.places import Place
    from bench.pytest_plugin.session import BenchSession
    from bench.pytest_plugin.specimen import Specimen

_SLOTS = 96  # two days: a place has no rows of the hours in which others of its group were tested
_ANSWER_S = 30.0


@pytest.mark.requirement("A3", "A5")
def test_all_values_come_in_time(head_end: HeadEnd, measure: Measure) -> None:
    """Every half-hour of every meter within an hour of its end."""
    _held(head_end, measure, "on_time_share")


@pytest.mark.requirement("A3", "A5")
def test_most_values_come_by_themselves(head_end: HeadEnd, measure: Measure) -> None:
    """A meter that sends late is asked before it sends, and its values are in time all the same: this shows it."""
    found = head_end.collected["first_delivery_share"]
    held(measure, "first_delivery_share", found.value, counted=True)


@pytest.mark.requirement("A4", "M1")
def test_what_is_missing_is_asked_for_and_comes(head_end: HeadEnd, measure: Measure) -> None:
    """After re-collection nothing is missing."""
    _held(head_end, measure, "final_share")
    asked = head_end.collected["recollected_values"]
    measure("recollected_values", asked.value, "values", counted=True)


@pytest.mark.requirement("A4")
def test_a_value_that_is_told_again_is_the_same(head_end: HeadEnd, measure: Measure) -> None:
    """Every value is asked for a second time; no two answers differ."""
    _held(head_end, measure, "conflicting_values")


@pytest.mark.requirement("A16")
def test_nothing_is_stored_twice(head_end: HeadEnd, measure: Measure) -> None:
    """However often a value comes, it is there once."""
    _held(head_end, measure, "duplicate_values")


@pytest.mark.requirement("X2", "X3")
def test_no_message_is_altered_repeated_or_foreign(head_end: HeadEnd, measure: Measure) -> None:
    """All messages of a healthy fleet are accepted."""
    _held(head_end, measure, "rejected_messages")


@pytest.mark.requirement("M1", "M11")
def test_no_register_falls_in_a_day(head_end: HeadEnd, measure: Measure) -> None:
    """Each reading is at least the one before it."""
    _held(head_end, measure, "register_falls")


@pytest.mark.requirement("A1", "A2")
def test_values_come_over_every_medium_of_the_field(head_end: HeadEnd, measure: Measure) -> None:
    """Mesh, power line and cellular carry the same messages to the same head-end; none of them keeps any back."""
    needed = head_end.collected["final_share"]
    for medium, share in head_end.by_medium.items():
        measure(f"final_share {medium}", share, "1", low=needed.low, requirement=("A2",))


@pytest.mark.requirement("U2", "A4", "M1")
@pytest.mark.needs("rack", "dlms")
def test_a_place_answers_a_head_end_with_what_its_meter_has(bench: BenchSession, meter: Specimen, place: Place) -> None:
    """Asked for the last days on the bus, as a twin would be: each value is what the meter itself shows."""
    newest = slot_of(meter.now()) - 1
    with bench.collector(place.name) as collector:
        collected = collector.collect(newest - _SLOTS + 1, newest, _ANSWER_S)
        assert not collector.refused, f"messages were refused: {collector.refused}"
    rows = meter.via("dlms").profile(HALF_HOUR, min(collected), max(collected))
    shown = {row.end: tuple((each or 0) % REGISTER_SPAN for each in (row.import_wh, row.export_wh)) for row in rows}
    assert collected == shown, f"collected {collected}, the meter shows {shown}"


def _held(head_end: HeadEnd, measure: Measure, name: str) -> None:
    """A measurement of the collection against the limit that it was judged by."""
    found = head_end.collected[name]
    measure(name, found.value, found.unit, low=found.low, high=found.high, requirement=found.requirements)
