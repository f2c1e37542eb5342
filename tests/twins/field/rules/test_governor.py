"""No sender exceeds the sum of any hour, pauses too little, sends too long, or sends into a channel in use."""

from __future__ import annotations

import math
from importlib import resources
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twins.field.checks import FieldError
from twins.field.rules.governor import Governor, Refusal
from twins.field.rules.parameters import MICROSECOND, MILLISECOND, SECOND, Rule, parse, rule

SHORT = rule()
TEXT = resources.files("twins.field.rules").joinpath("data", "air_time.toml").read_text("utf-8")
HOUR = 3600 * SECOND


def send(governor: Governor, duration: int, now: int) -> int:
    """Send as early as the rules let; returns when."""
    begin = governor.earliest(duration, now + governor.rule.sense)
    governor.listen(begin - governor.rule.sense)
    governor.send(duration, begin)
    return begin


def test_the_rules_of_field_network_1_1() -> None:
    assert Rule(128_000, -80.0, 400 * MILLISECOND, 2 * MILLISECOND, 360 * SECOND, HOUR, 2 * MILLISECOND, False) == SHORT
    assert rule("long")[:5] == (5 * MILLISECOND, -80.0, 4 * SECOND, 50 * MILLISECOND, 360 * SECOND)
    assert rule("hopping").limit == 720 * SECOND
    assert [rule("short", width).longest // MILLISECOND for width in (200, 400, 600, 800)] == [400, 200, 100, 100]


def worst_hour(sent: list[tuple[int, int]]) -> int:
    """Air time of the worst window of an hour in a list of (begin, duration); it begins or ends with a frame's edge."""
    begin, duration = np.array(sent, dtype=np.float64).reshape(-1, 2).T
    edges = np.column_stack([begin, begin + duration]).ravel()
    sent_until = np.column_stack([np.cumsum(duration) - duration, np.cumsum(duration)]).ravel()
    starts = np.concatenate([edges, edges - HOUR])
    if not len(starts):
        return 0
    hours = np.interp(starts + HOUR, edges, sent_until) - np.interp(starts, edges, sent_until)
    return round(float(hours.max()))


@pytest.mark.parametrize("kind", ["short", "long", "hopping"])
@given(data=st.data())
@settings(max_examples=25)
def test_random_traffic_keeps_sum_pause_and_length(kind: str, data: st.DataObject) -> None:
    # A limit of a few seconds bites within a few frames; the rule is the same.
    law = rule(kind)._replace(limit=data.draw(st.integers(5, 20)) * SECOND)
    wishes = data.draw(
        st.lists(
            st.tuples(st.integers(0, 1200 * SECOND), st.integers(1, law.longest), st.booleans()),
            max_size=60,
        )
    )
    governor, now, sent = Governor(law), 0, []
    for gap, duration, patient in wishes:
        if patient:
            begin = send(governor, duration, now + gap)
        else:  # an impatient sender tries at once, and is refused where it must be
            begin = now + gap
            governor.listen(begin - law.sense)
            if governor.refusal(duration, begin) is not None:
                with pytest.raises(FieldError):
                    governor.send(duration, begin)
                continue
            governor.send(duration, begin)
        sent.append((begin, duration))
        now = begin + duration
    assert worst_hour(sent) <= law.limit
    assert all(later[0] - sum(frame) >= law.pause for frame, later in pairwise(sent))


def test_at_full_load_an_hour_holds_360_seconds_and_hardly_less() -> None:
    governor, now, sent = Governor(SHORT), 0, []
    while now < 3 * HOUR:
        begin = send(governor, SHORT.longest, now)
        sent.append((begin, SHORT.longest))
        now = begin + SHORT.longest
    assert worst_hour(sent) == SHORT.limit
    assert governor.used(now) <= SHORT.limit
    assert sum(d for b, d in sent if b < HOUR) == 360 * SECOND
    assert len(sent) >= 2.9 * 900


def test_a_frame_over_the_edge_of_a_minute_counts_for_its_hour() -> None:
    governor = Governor(rule("long")._replace(limit=4 * SECOND))
    begin = 60 * SECOND - 10 * MILLISECOND
    assert send(governor, 4 * SECOND, begin - governor.rule.sense) == begin
    end = begin + 4 * SECOND
    assert governor.earliest(1, end + HOUR - 1) > end + HOUR - 1
    assert governor.earliest(4 * SECOND, end) <= end + HOUR + 60 * SECOND


def test_sending_needs_a_free_channel_for_the_whole_window() -> None:
    governor = Governor(SHORT)
    assert governor.refusal(MILLISECOND, SECOND) is Refusal.NOT_LISTENED
    governor.listen(SECOND)
    assert governor.refusal(MILLISECOND, SECOND + 127 * MICROSECOND) is Refusal.NOT_LISTENED
    governor.hear(-80.0)
    assert governor.refusal(MILLISECOND, SECOND + 128 * MICROSECOND) is None
    governor.hear(-79.9)
    assert governor.refusal(MILLISECOND, SECOND + 128 * MICROSECOND) is Refusal.BUSY
    governor.listen(2 * SECOND)
    governor.send(MILLISECOND, 2 * SECOND + SHORT.sense)
    assert governor.refusal(MILLISECOND, 2 * SECOND + SHORT.sense + 2 * MILLISECOND) is Refusal.PAUSE
    assert governor.refusal(MILLISECOND, 2 * SECOND + SHORT.sense + 3 * MILLISECOND) is Refusal.NOT_LISTENED


def test_an_answer_comes_soon_and_costs_nothing() -> None:
    governor = Governor(SHORT)
    assert governor.refusal(5 * MILLISECOND, SECOND + 3 * MILLISECOND, answers=SECOND) is Refusal.LATE
    governor.send(5 * MILLISECOND, SECOND + MILLISECOND, answers=SECOND)
    assert governor.used(2 * SECOND) == 0
    assert governor.refusal(MILLISECOND, SECOND + 2 * MILLISECOND, answers=SECOND + MILLISECOND) is Refusal.BEFORE
    strict = Governor(SHORT._replace(answers_count=True))
    strict.send(5 * MILLISECOND, SECOND + MILLISECOND, answers=SECOND)
    assert strict.used(2 * SECOND) == 5 * MILLISECOND


def test_a_frame_that_is_too_long_is_never_sent() -> None:
    governor = Governor(rule("short", 400))
    governor.listen(0)
    assert governor.refusal(200 * MILLISECOND + 1, SECOND) is Refusal.TOO_LONG
    with pytest.raises(FieldError, match="longer"):
        governor.earliest(200 * MILLISECOND + 1, SECOND)
    with pytest.raises(FieldError):
        governor.earliest(0, SECOND)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sense_us = 128", "sense_us = 0"),
        ("pause_ms = 50", "pause_ms = -1"),
        ("hour_s = 360", "hour_s = 0"),
        ("window_s = 3600", "window_s = 59"),
        ("longest_ms = 4000", "longest_ms = 360001"),
        ("[long]", "[longer]"),
        ("[short]", "[short"),
    ],
)
def test_impossible_rules_are_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(FieldError, match="field: "):
        parse(TEXT.replace(old, new, 1))


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(FieldError, match="short"):
        rule("medium")
    with pytest.raises(FieldError):
        rule("short", 0)


def test_a_sum_that_does_not_allow_a_frame_is_refused() -> None:
    with pytest.raises(FieldError, match="sum"):
        Governor(SHORT._replace(limit=SHORT.longest - 1))


def test_a_level_that_is_no_number_is_refused_and_silence_is_a_free_channel() -> None:
    governor = Governor(SHORT)
    for listening in (False, True):
        if listening:
            governor.listen(0)
        with pytest.raises(FieldError, match="NaN"):
            governor.hear(math.nan)
    governor.hear(-math.inf)
    assert governor.refusal(MILLISECOND, SECOND) is None
