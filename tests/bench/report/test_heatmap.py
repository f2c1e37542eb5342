"""What a cell and a row of the completeness map say."""

from __future__ import annotations

import numpy as np
import pytest

from bench.report.figures import Completeness, Concentrator
from bench.report.heatmap import CLASSES, SINGLE_ROWS, classify, rows_of


@pytest.mark.parametrize(
    ("stored", "on_time", "asked", "text"),
    [
        (1000, 1000, 50, "all on time"),
        (1000, 1000, 51, "over 5 % asked again"),
        (1000, 999, 0, "99 % or more on time"),
        (1000, 990, 0, "99 % or more on time"),
        (1000, 989, 0, "95 % or more"),
        (1000, 949, 0, "less than 95 %"),
        (999, 999, 0, "up to 1 % missing"),
        (989, 989, 0, "more missing"),
        (0, 0, 0, "nothing arrived"),
    ],
)
def test_a_cell_is_classed_by_its_worst_trait(stored: int, on_time: int, asked: int, text: str) -> None:
    cell = classify(*(np.array([[count]]) for count in (1000, stored, on_time, asked)))
    assert CLASSES[cell[0, 0]][1] == text


def completeness(count: int, bad: int) -> Completeness:
    stored = np.full((count, 2), 10)
    stored[bad, 1] = 0
    rows = [
        Concentrator(f"c{n:03d}", "suburb", "mesh", 10, 20, int(s.sum()), int(s.sum()), 0, 30.0)
        for n, s in enumerate(stored)
    ]
    return Completeness(rows, stored, stored.copy(), np.zeros_like(stored))


def test_few_concentrators_have_a_row_each_with_the_worst_on_top() -> None:
    rows = rows_of(completeness(SINGLE_ROWS, bad=7))
    assert len(rows.labels) == SINGLE_ROWS
    assert rows.labels[:2] == ["c007", "c000"]
    assert rows.classes[0].tolist() == [0, len(CLASSES) - 1]
    assert rows.groups_from is None


def test_many_concentrators_keep_single_rows_for_the_worst_and_group_the_rest() -> None:
    rows = rows_of(completeness(4000, bad=3999))
    assert rows.groups_from is not None
    assert rows.labels[0] == "c3999"
    grouped = [int(label.split()[0]) for label in rows.labels[rows.groups_from :]]
    assert rows.groups_from + sum(grouped) == 4000
    assert len(rows.labels) <= SINGLE_ROWS
    assert not rows.classes[1:].any()


def test_one_missing_value_in_a_group_is_not_averaged_away() -> None:
    source = completeness(4000, bad=0)
    source.stored[:, 0] = 9  # every concentrator lacks one value in ten
    rows = rows_of(source)
    assert (rows.classes[:, 0] > 0).all()
