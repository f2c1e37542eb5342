"""The A-route: a day of half-hours of a small fleet, collected, asked for again, judged from the head-end's side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.suites.support import held

if TYPE_CHECKING:
    from bench.pytest_plugin.fleet import HeadEnd
    from bench.pytest_plugin.measuring import Measure


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


def _held(head_end: HeadEnd, measure: Measure, name: str) -> None:
    """A measurement of the collection against the limit that it was judged by."""
    found = head_end.collected[name]
    measure(name, found.value, found.unit, low=found.low, high=found.high, requirement=found.requirements)
