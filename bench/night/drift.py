"""Drift: which measurements moved further tonight than they ever do, by robust statistics over the nights before.

All series at once, as arrays; nothing here knows of tests or files. The figures are data (``limits/night.toml``).

- A series with enough nights is judged by its own spread: the median absolute deviation (MAD) from its median.
- A younger one is judged by how much its *kin* (the same test, kind, unit and limits: other points of it, other places)
  change from one night to the next, and against the range of its own nights. While not even kin can tell the spread,
  the series is not judged.
- However still a series was, it has to move by more than a floor, which comes from its limits and its resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.measure import load_parameters

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_NORMAL = 1.4826  # standard deviation of normal noise over its median absolute deviation


class DriftRules(NamedTuple):
    """The parameters of ``limits/night.toml`` that drift is judged by; explained there."""

    nights: int
    sample: int
    k: float
    floor_share: float
    floor_steps: float
    floor_relative: float


def drift_rules() -> DriftRules:
    """The rules that ship."""
    figures = {name: parameter.value for name, parameter in load_parameters("night").items()}
    return DriftRules(
        int(figures["nights"]), int(figures["sample"]), *(figures[name] for name in DriftRules._fields[2:])
    )


@dataclass(frozen=True)
class Series:
    """Measurements over the nights, a row each.

    ``past``: values of the nights before, oldest first, NaN where there is none; ``now``: tonight's. ``low`` and
    ``high``: limits, NaN where there is none; ``resolution``: 0 where it is not known. ``counted``: counts of what
    comes by chance, which scatter at least as a Poisson process does. ``kin`` and ``place``: small numbers, equal for
    rows of the same test, kind, unit and limits, and of the same place.
    """

    past: Floats
    now: Floats
    low: Floats
    high: Floats
    resolution: Floats
    counted: Flags
    kin: NDArray[np.int64]
    place: NDArray[np.int64]


@dataclass(frozen=True)
class Moves:
    """What came of it, a row a series: ``moved`` from ``centre`` (for a young series: out of the range of its nights),
    held against ``threshold`` (NaN where nothing could be judged).

    ``nights``: for how many nights in a row it has been there. ``better``: it moved away from its only limit.
    """

    centre: Floats
    moved: Floats
    threshold: Floats
    nights: NDArray[np.int64]
    better: Flags

    @property
    def judged(self) -> Flags:
        """Where enough is known to say anything."""
        return ~np.isnan(self.threshold)

    @property
    def drifted(self) -> Flags:
        """Where the move is larger than its threshold."""
        return self.judged & (np.abs(self.moved) > self.threshold)


def find_moves(series: Series, rules: DriftRules) -> Moves:
    """Hold tonight's values against the nights before."""
    if not series.past.shape[1]:
        series = replace(series, past=np.full((len(series.now), 1), np.nan))
    known = ~np.isnan(series.past)
    count = known.sum(axis=1)
    past = series.past[count > 0]
    centre, lowest, highest, own = (np.full(len(count), np.nan) for _ in range(4))
    if past.size:
        centre[count > 0] = np.nanmedian(past, axis=1)
        lowest[count > 0], highest[count > 0] = np.nanmin(past, axis=1), np.nanmax(past, axis=1)
        own[count > 0] = _NORMAL * np.nanmedian(np.abs(past - centre[count > 0, None]), axis=1)
    mature = count >= rules.sample
    spread = np.where(mature, own, _spread_of_kin(series, ~mature, rules.sample))
    spread = np.where(series.counted, np.maximum(spread, np.sqrt(np.maximum(centre, 1.0))), spread)
    threshold = np.maximum(rules.k * spread, _floor(series, centre, rules))
    inside = np.clip(series.now, lowest, highest)
    moved = series.now - np.where(mature, centre, inside)
    one_sided = np.isnan(series.low) != np.isnan(series.high)
    better = one_sided & np.where(np.isnan(series.high), moved > 0, moved < 0)
    return Moves(centre, moved, threshold, _nights_there(series.past, centre, moved, threshold), better)


def _floor(series: Series, centre: Floats, rules: DriftRules) -> Floats:
    """What a value has to move at least; the width of a single limit is its distance from the median."""
    width = np.where(np.isnan(series.low), series.high - centre, centre - series.low)
    width = np.where(np.isnan(series.low) | np.isnan(series.high), np.abs(width), series.high - series.low)
    blind = np.isnan(width) & (series.resolution == 0)
    share = np.where(blind, rules.floor_relative * np.abs(centre), rules.floor_share * np.nan_to_num(width))
    return np.maximum(share, rules.floor_steps * series.resolution)


def _spread_of_kin(series: Series, wanted: Flags, sample: int) -> Floats:
    """Spread by the changes from night to night among kin; NaN where fewer than ``sample`` changes are known.

    The changes of the nights before count, of all places. Where they are too few, tonight's of the *other* places join:
    a place that drifts must not excuse itself.
    """
    seen = _last_seen(series.past)
    # A night without a value repeats the one before it: that is no change that was measured.
    before = np.where(np.isnan(series.past[:, 1:]), np.nan, np.diff(seen, axis=1))
    tonight = series.now - seen[:, -1]
    spread = np.full(len(series.now), np.nan)
    for kin in np.unique(series.kin[wanted]):
        rows = series.kin == kin
        pool = before[rows][~np.isnan(before[rows])]
        for place in np.unique(series.place[rows & wanted]):
            others = tonight[rows & (series.place != place)]
            told = pool if pool.size >= sample else np.concatenate([pool, others[~np.isnan(others)]])
            if told.size >= sample:
                spread[rows & wanted & (series.place == place)] = _NORMAL * np.median(np.abs(told)) / np.sqrt(2)
    return spread


def _last_seen(past: Floats) -> Floats:
    """The same with every gap filled by the value before it."""
    filled = past.copy()
    for column in range(1, past.shape[1]):
        filled[:, column] = np.where(np.isnan(past[:, column]), filled[:, column - 1], past[:, column])
    return filled


def _nights_there(past: Floats, centre: Floats, moved: Floats, threshold: Floats) -> NDArray[np.int64]:
    """For how many nights in a row, tonight included, the value has been beyond the threshold on the same side."""
    nights = np.ones(len(moved), dtype=np.int64)
    still = np.ones(len(moved), dtype=bool)
    for column in reversed(range(past.shape[1])):
        gap = np.isnan(past[:, column])
        still &= gap | ((past[:, column] - centre) * np.sign(moved) > threshold)
        nights += still & ~gap
    return nights
