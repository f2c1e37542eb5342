"""The completeness map: concentrators down, half-hours across, worst on top.

A cell falls into one of a few classes, from pale (nothing to see) to black (nothing arrived), so that a page of
thousands of cells shows its bad ones at once, in print without colour too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bench.report.draw import slot_axis
from bench.report.figures import Completeness, Figures
from bench.report.svg import INK, MUTED, look, new_figure, to_svg

# Within late and within missing, darker is worse; what is missing has a hue of its own.
CLASSES = (
    ("#eaf2ed", "all on time"),
    ("#cbdfd2", "over 5 % asked again"),
    ("#ecb94a", "99 % or more on time"),
    ("#d98a1f", "95 % or more"),
    ("#a4560f", "less than 95 %"),
    ("#bd6f95", "up to 1 % missing"),
    ("#7a1f4b", "more missing"),
    ("#1c1320", "nothing arrived"),
)
_ASKED_OFTEN = 0.05
SINGLE_ROWS = 120  # up to here every concentrator has a row of its own
_WORST_ROWS = 80  # beyond: so many single rows …
_GROUP_ROWS = 40  # … and the rest in so many groups


@dataclass(frozen=True)
class Rows:
    """What the map shows: a class a cell, a label a row, and where the groups begin (None: no groups)."""

    classes: NDArray[np.int64]
    labels: list[str]
    groups_from: int | None


def rows_of(completeness: Completeness) -> Rows:
    """Rows worst first; of many concentrators, the best share rows in groups of about equal size."""
    order = completeness.worst_first()
    single = order if len(order) <= SINGLE_ROWS else order[:_WORST_ROWS]
    rest = order[len(single) :]
    groups = np.array_split(rest, min(_GROUP_ROWS, len(rest))) if len(rest) else []
    members = [np.array([row]) for row in single] + groups
    meters = np.array([c.meters for c in completeness.concentrators], dtype=np.int64)
    due = np.array([meters[rows].sum() for rows in members])[:, None]
    stored, on_time, asked = (
        np.stack([grid[rows].sum(axis=0) for rows in members])
        for grid in (completeness.stored, completeness.on_time, completeness.asked)
    )
    several = len({c.area for c in completeness.concentrators}) > 1
    labels = [f"{c.area} {c.name}" if several else c.name for c in (completeness.concentrators[row] for row in single)]
    labels += [f"{len(rows)} concentrators" for rows in groups]
    return Rows(classify(due, stored, on_time, asked), labels, len(single) if groups else None)


def classify(
    due: NDArray[np.int64], stored: NDArray[np.int64], on_time: NDArray[np.int64], asked: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Class (position in :data:`CLASSES`) of each cell from its counts; arrays broadcast."""
    due = np.broadcast_to(due, stored.shape)
    conditions = [
        stored == 0,
        (due - stored) * 100 > due,
        stored < due,
        on_time * 100 < due * 95,
        on_time * 100 < due * 99,
        on_time < due,
        asked > _ASKED_OFTEN * due,
    ]
    return np.select(conditions, [7, 6, 5, 4, 3, 2, 1], default=0)


def completeness_map(figures: Figures) -> str:
    """The map as SVG; the cells are one small raster image inside of it."""
    rows = rows_of(figures.completeness)
    count = len(rows.labels)
    with look():
        height = float(np.clip(0.15 * count, 0.5, 6.2))
        figure = new_figure(height + 1.1)
        axes = figure.subplots()
        colors = ListedColormap([color for color, _ in CLASSES])
        axes.imshow(
            rows.classes,
            cmap=colors,
            vmin=-0.5,
            vmax=len(CLASSES) - 0.5,
            aspect="auto",
            interpolation="none",
            extent=(0, figures.window.slots, count, 0),
        )
        _row_labels(axes, rows, height)
        slot_axis(axes, figures.window)
        axes.grid(visible=False)
        axes.legend(
            handles=[Patch(facecolor=color, edgecolor="#aab4be", linewidth=0.5, label=text) for color, text in CLASSES],
            loc="lower center",
            bbox_to_anchor=(0.45, 1.0),
            ncols=len(CLASSES),
            fontsize=7.5,
            handlelength=1.0,
            handleheight=1.0,
            columnspacing=1.0,
        )
        return to_svg(figure, "map", "Completeness by concentrator and half-hour")


def _row_labels(axes: Axes, rows: Rows, height: float) -> None:
    every = max(1, round(len(rows.labels) * 0.13 / height))
    ticks = list(range(0, len(rows.labels), every))
    axes.set_yticks([tick + 0.5 for tick in ticks], [rows.labels[tick] for tick in ticks], fontsize=7)
    axes.tick_params(axis="y", labelcolor=MUTED)
    if rows.groups_from is not None:
        axes.axhline(rows.groups_from, color=INK, linewidth=1.2)
