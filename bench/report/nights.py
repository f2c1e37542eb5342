"""The pictures of the night: a measurement over the nights with its drift band, and the matrix of outcomes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from bench.night.trends import CELLS, Matrix, Trend
from bench.report.svg import BLUE, INK, MUTED, RED, look, new_figure, note, to_svg

# Pale for what is well, dark for what is not, a hue of its own for the bench's own errors; told apart in greyscale too.
_COLORS = ("#e1ede5", "#ecb94a", "#a3123a", "#6a2c85", "#c3ccd5", "#ffffff")
_LABELS = 16  # nights that get a label on the axis
_NAME = 70  # characters of a test's name; its end tells more than its beginning
_LIMITS_SHOWN = 1.0  # limits further away than this many heights of the data are told in words


def trend_picture(trend: Trend, name: str) -> str:
    """A measurement over the nights as SVG: values, the band that each was held against, and what lies outside.

    ``name`` makes the ids of the picture its own within a page.
    """
    with look():
        figure = new_figure(2.6)
        axes = figure.subplots()
        key, x = trend.series.key, np.arange(len(trend.days))
        axes.set_title(f"{trend.series.name} of {_short(key.test)} at {key.place} ({key.kind})")
        low, high = trend.centre - trend.threshold, trend.centre + trend.threshold
        axes.fill_between(x, low, high, color=BLUE, alpha=0.12, linewidth=0, step="mid", label="usual")
        axes.plot(x, trend.values, "o-", color=BLUE, markersize=3.5, linewidth=1.2, label="each night")
        out = trend.outside
        if out.any():
            axes.plot(x[out], trend.values[out], "D", color=RED, markersize=5.5, linestyle="", label="drifted")
        _limits(axes, trend)
        axes.set_ylabel(trend.series.unit)
        axes.set_xlim(-0.6, len(x) - 0.4)
        _night_axis(axes, trend.days, 0.0)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, fontsize=8)
        return to_svg(figure, name, f"{trend.series.name} at {key.place} over {len(trend.days)} nights")


def matrix_picture(matrix: Matrix, name: str = "matrix") -> str:
    """The outcomes as SVG: a row a test that did not pass every night, a column a night."""
    count = len(matrix.tests)
    with look():
        height = float(np.clip(0.19 * count, 0.6, 11.0))
        figure = new_figure(height + 1.0)
        axes = figure.subplots()
        rest = f"{matrix.steady:,} tests passed in every night"
        if not count:
            note(axes, f"All {rest}." if matrix.steady else "There are no tests.")
            return to_svg(figure, name, "Outcomes of all tests by night")
        axes.imshow(
            matrix.cells,
            cmap=ListedColormap(list(_COLORS)),
            vmin=-0.5,
            vmax=len(CELLS) - 0.5,
            aspect="auto",
            interpolation="none",
            extent=(0, len(matrix.days), count, 0),
        )
        axes.set_yticks(
            [row + 0.5 for row in range(count)],
            [f"{_short(key.test)} @ {key.place}" + (" twin" if key.kind == "twin" else "") for key in matrix.tests],
            fontsize=7,
        )
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set_xticks(range(len(matrix.days) + 1), minor=True)
        axes.grid(visible=False)
        axes.grid(which="minor", axis="x", color="#ffffff", linewidth=1.0)
        axes.hlines(range(1, count), 0, len(matrix.days), color="#ffffff", linewidth=1.0)
        _night_axis(axes, matrix.days, 0.5)
        more = f"; {matrix.hidden:,} more did not" if matrix.hidden else ""
        axes.set_xlabel(f"{rest}{more}", loc="right", color=MUTED, fontsize=8)
        axes.legend(
            handles=[
                Patch(facecolor=color, edgecolor="#aab4be", linewidth=0.5, label=text)
                for color, text in zip(_COLORS, CELLS, strict=True)
            ],
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=len(CELLS),
            fontsize=7.5,
            handlelength=1.0,
            handleheight=1.0,
        )
        return to_svg(figure, name, f"Outcomes of {count} tests in {len(matrix.days)} nights")


def _limits(axes: Axes, trend: Trend) -> None:
    """The limits as lines where they are near; told in words where a line would press the data flat."""
    bottom, top = axes.get_ylim()
    reach = _LIMITS_SHOWN * (top - bottom)
    far = []
    for limit, word in ((trend.low, "at least"), (trend.high, "at most")):
        if limit is None:
            continue
        if bottom - reach <= limit <= top + reach:
            axes.axhline(limit, color=RED, linewidth=1.0, linestyle=(0, (5, 2)))
        else:
            far.append(f"{word} {limit:g} {trend.series.unit}")
    if far:
        axes.text(
            1.0,
            -0.2,
            f"limit: {', '.join(far)}",
            transform=axes.transAxes,
            ha="right",
            va="top",
            color=MUTED,
            fontsize=8,
        )


def _night_axis(axes: Axes, days: tuple[str, ...], shift: float) -> None:
    every = max(1, -(-len(days) // _LABELS))
    # Counted from the newest, so that tonight always has its label.
    shown = range((len(days) - 1) % every, len(days), every)
    axes.set_xticks([position + shift for position in shown], [days[position] for position in shown], fontsize=8)


def _short(test: str) -> str:
    name = test.rpartition("/")[2]
    return name if len(name) <= _NAME else "…" + name[-_NAME + 1 :]
