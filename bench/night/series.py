"""The measurements of nights as series, and those of them that drifted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.night.drift import Series, drift_rules, find_moves
from bench.night.model import Key, Night, SeriesKey, Value


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement that moved: by ``moved`` from ``centre``, the median of ``compared`` nights, where ``threshold`` is
    usual. ``better``: away from its only limit. ``nights``: for how many in a row."""

    test: str
    kind: str
    place: str
    name: str
    unit: str
    value: float
    centre: float
    moved: float
    threshold: float
    compared: int
    nights: int
    better: bool

    @property
    def key(self) -> Key:
        """The test that it belongs to."""
        return Key(self.test, self.kind, self.place)


def find_drifts(night: Night, window: Sequence[Night]) -> tuple[tuple[Drift, ...], int, int]:
    """What drifted in a night against those before it (newest first), how many measurements could be judged for it, and
    how many not yet."""
    values = list(sound_values(night).values())
    if not values or not window:
        return (), 0, len(values)
    past = past_of([value.series for value in values], window)
    moves = find_moves(series_of(values, past, np.array([value.value for value in values])), drift_rules())
    compared = (~np.isnan(past)).sum(axis=1)
    found = tuple(
        Drift(
            test=value.test,
            kind=value.kind,
            place=value.place,
            name=value.name,
            unit=value.unit,
            value=value.value,
            centre=float(moves.centre[row]),
            moved=float(moves.moved[row]),
            threshold=float(moves.threshold[row]),
            compared=int(compared[row]),
            nights=int(moves.nights[row]),
            better=bool(moves.better[row]),
        )
        for row, value in enumerate(values)
        if moves.drifted[row]
    )
    judged = int(moves.judged.sum())
    return found, judged, len(values) - judged


def sound_values(night: Night) -> dict[SeriesKey, Value]:
    """The values of tests that passed: what a failed test measured is told by its failure, and measures no other."""
    passed = {result.key for result in night.results if result.outcome == "pass"}
    return {value.series: value for value in night.values if value.key in passed and np.isfinite(value.value)}


def past_of(names: Sequence[SeriesKey], window: Sequence[Night]) -> NDArray[np.float64]:
    """A row a series, a column a night, the oldest first; NaN where a night has no sound value."""
    past = np.full((len(names), len(window)), np.nan)
    rows = {name: row for row, name in enumerate(names)}
    for column, night in enumerate(reversed(window)):
        for name, value in sound_values(night).items():
            if (row := rows.get(name)) is not None:
                past[row, column] = value.value
    return past


def series_of(values: Sequence[Value], past: NDArray[np.float64], now: NDArray[np.float64]) -> Series:
    """Measurements as drift takes them: limits and resolution are those of ``values``, a row each."""
    # The parameters of a test (the points of a curve, say) make kin of each other.
    kin = [(value.test.partition("[")[0], value.kind, value.unit, value.low, value.high) for value in values]
    places = [(value.kind, value.place) for value in values]
    return Series(
        past=past,
        now=now,
        low=np.array([np.nan if value.low is None else value.low for value in values]),
        high=np.array([np.nan if value.high is None else value.high for value in values]),
        resolution=np.array([value.resolution for value in values]),
        counted=np.array([value.counted for value in values]),
        kin=_numbered(kin),
        place=_numbered(places),
    )


def _numbered(names: Sequence[tuple[object, ...]]) -> NDArray[np.int64]:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)
