"""What the pictures of the night show: a measurement over the nights with its drift band, and the outcomes of the tests
night by night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.night.drift import drift_rules, find_moves
from bench.night.model import BAD, Key, Night, Result, SeriesKey, day_of
from bench.night.series import past_of, series_of, sound_values

CELLS: Final = ("pass", "flaky", "did not pass", "bench error", "skipped", "not there")
"""What a cell of the matrix can be; its code is its position."""

_NOT_RUN: Final = CELLS.index("skipped")
"""From this code on, the test did not run."""


@dataclass(frozen=True)
class Trend:
    """A measurement over the nights, oldest first. NaN: no sound value that night, or no band yet. ``days`` are the
    nights' dates, ``11-21``.

    ``centre`` and ``threshold`` are what each night's value was held against: by the series' own nights alone, so the
    band begins where there are enough of them.
    """

    series: SeriesKey
    days: tuple[str, ...]
    values: NDArray[np.float64]
    low: float | None
    high: float | None
    centre: NDArray[np.float64]
    threshold: NDArray[np.float64]

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Which nights lie outside of their band."""
        return np.abs(self.values - self.centre) > self.threshold


@dataclass(frozen=True)
class Matrix:
    """Outcomes: a row a test, a column a night (oldest first, ``days`` are their dates), codes of :data:`CELLS`. Tests
    that passed in every night are only counted, in ``steady``, and those that never ran not at all; ``hidden`` counts
    rows beyond the kept ones."""

    days: tuple[str, ...]
    tests: tuple[Key, ...]
    cells: NDArray[np.int64]
    steady: int
    hidden: int


def trend_of(series: SeriesKey, nights: Sequence[Night]) -> Trend:
    """The trend of a measurement; ``nights`` newest first, as a history gives them.

    Raises KeyError when no night has a sound value of it.
    """
    rules = drift_rules()
    known = next((found[series] for night in nights if series in (found := sound_values(night))), None)
    if known is None:
        raise KeyError(f"no night has a value of {series.name} of {series.key}")
    values = past_of([series], nights)
    centre, threshold = (np.full(len(nights), np.nan) for _ in range(2))
    for column in range(len(nights)):
        if not np.isnan(values[0, column]):
            past = values[:, max(0, column - rules.nights) : column]
            moves = find_moves(series_of([known], past, now=values[:, column]), rules)
            if moves.judged[0]:
                centre[column], threshold[column] = moves.centre[0], moves.threshold[0]
    return Trend(series, _days(nights), values[0], known.low, known.high, centre, threshold)


def matrix_of(nights: Sequence[Night], rows: int = 60) -> Matrix:
    """The outcomes of all tests in some nights (newest first), those that failed most and last on top."""
    columns = [night.by_key() for night in reversed(nights)]
    everybody = list(dict.fromkeys(key for column in columns for key in column))
    cells = np.array([[_cell(column.get(key)) for column in columns] for key in everybody], dtype=np.int64)
    cells = cells.reshape(len(everybody), len(columns))
    told = [row for row in range(len(everybody)) if (cells[row] < _NOT_RUN).any()]  # the others never ran
    restless = [row for row in told if cells[row].any()]
    # Failing tonight first, then by how often; among equals by name.
    restless.sort(key=lambda row: (-int(cells[row, -1] == 2), -int((cells[row] == 2).sum()), everybody[row]))
    kept = restless[:rows]
    return Matrix(
        days=_days(nights),
        tests=tuple(everybody[row] for row in kept),
        cells=cells[kept],
        steady=len(told) - len(restless),
        hidden=len(restless) - len(kept),
    )


def _days(nights: Sequence[Night]) -> tuple[str, ...]:
    return tuple(f"{day_of(night):%m-%d}" for night in reversed(nights))


def _cell(result: Result | None) -> int:
    match result:
        case None:
            return 5
        case Result(outcome="skip"):
            return 4
        case Result(outcome="error"):
            return 3
        case Result(outcome=outcome) if outcome in BAD:
            return 2
        case _:
            return int(result.flaky)
