"""The losses of a run add up to what did not come by itself."""

from __future__ import annotations

from bench.field.losses import Loss, losses
from tests.twins.plans import plan

AREAS = plan((1, 10), (1, 10)).areas
FIGURES = {"lost:a0:collision": 7.0, "lost:a1:coverage": 9.0, "unanswered:a1:coverage": 3.0, "lost:a0:jammed": 0.0}


def test_losses_are_told_by_area_medium_and_cause_most_first() -> None:
    assert losses(FIGURES, AREAS, {"a0": 7, "a1": 9}) == (
        Loss("a1", "cellular", "coverage", 9),
        Loss("a0", "multihop", "collision", 7),
    )


def test_what_no_shard_counted_was_refused_or_missed_while_something_was_down() -> None:
    found = losses(FIGURES, AREAS, {"a0": 13, "a1": 9}, {"a0": 4, "a1": 2})
    assert found[2:] == (Loss("a0", "multihop", "refused", 4), Loss("a0", "multihop", "shard down", 2))
    assert sum(loss.readings for loss in found) == 22


def test_no_more_is_refused_than_is_missing() -> None:
    assert losses(FIGURES, AREAS, {"a0": 8, "a1": 9}, {"a0": 400})[2:] == (Loss("a0", "multihop", "refused", 1),)


def test_without_losses_there_is_nothing_to_tell() -> None:
    assert losses({}, AREAS, {"a0": 0, "a1": 0}) == ()
