"""Error curves of the campaign ``metrology``: error of every meter over current, a panel for each power factor.

A place that passes is a thin line among its like; one that does not has its own dashes and its name. What lies far
beyond the limits is drawn at the edge, with its value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.campaigns.metrology.points import Kind, factor_name
from bench.campaigns.metrology.record import Row
from bench.report.svg import BLUE, DASHES, INK, ORANGE, RED, look, new_figure, note, to_svg

_COLORS = {"pass": BLUE, "inconclusive": ORANGE, "fail": RED}
_WORDS = {"pass": "passes", "inconclusive": "not proved", "fail": "fails"}
_BAND = "#3f8f6b"
_ROOM = 2.2  # the axes reach so many times the widest limit
_APART = 0.035  # decades between places, so that their bars do not hide each other
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


def error_curves(rows: Sequence[Row]) -> str:
    """Rows of a campaign as SVG; only errors of meters are drawn, the rows' limits are the band."""
    drawn = [row for row in rows if row.kind == Kind.ERROR and not math.isnan(row.value)]
    with look():
        symbols = sorted({_symbol(row) for row in drawn})
        figure = new_figure(3.1 * max(1, len(symbols)) + 0.4)
        if not drawn:
            note(figure.subplots(), "no error of a meter was measured")
            return to_svg(figure, "errors", "Error curves without values")
        factors = sorted({row.power_factor for row in drawn}, key=lambda factor: (factor < 0, -factor))
        grid = figure.subplots(len(symbols), len(factors), squeeze=False)
        for line, symbol in enumerate(symbols):
            of_symbol = [row for row in drawn if _symbol(row) == symbol]
            for column, factor in enumerate(factors):
                panel = grid[line, column]
                _panel(panel, [row for row in of_symbol if row.power_factor == factor], of_symbol)
                panel.set_title(factor_name(factor) if line == 0 else "")
                panel.set_xlabel(f"current in multiples of {symbol}")
            grid[line, 0].set_ylabel("error of the meter, %")
        figure.legend(handles=_legend(drawn), loc="outside upper right", ncols=5)
        return to_svg(figure, "errors", "Error of each meter over current, by power factor")


def _symbol(row: Row) -> str:
    """What a row's current is a multiple of: meters behind transformers have points of their own."""
    return "In" if "In" in row.point else "Ib" if "Ib" in row.point else _of_maximum(row)


def _of_maximum(row: Row) -> str:
    """A point at Imax does not name Ib or In; behind transformers, Imax is hardly above In."""
    return "In" if row.multiple < 3 and row.point.startswith("Imax") else "Ib"


def _panel(axes: Axes, rows: list[Row], all_rows: list[Row]) -> None:
    edge = _ROOM * max(row.high or 0.0 for row in all_rows)
    _current_axis(axes, all_rows)
    axes.set_ylim(-edge, edge)
    axes.axhline(0, color=INK, linewidth=0.8)
    _band(axes, rows)
    places = list(dict.fromkeys(row.place for row in all_rows))
    sick = [place for place in places if _verdict(rows, place) != "pass"]
    for number, place in enumerate(places):
        mine = sorted((row for row in rows if row.place == place), key=lambda row: row.multiple)
        if mine:
            shift = 10 ** (_APART * (number - (len(places) - 1) / 2))
            dash = DASHES[1 + sick.index(place) % (len(DASHES) - 1)] if place in sick else "-"
            _curve(axes, mine, shift, edge, dash)


def _band(axes: Axes, rows: list[Row]) -> None:
    """The limits as steps: each holds from its current up to the next one."""
    limits = sorted({(row.multiple, row.high) for row in rows if row.high is not None})
    if not limits:
        return
    currents = np.array([current for current, _ in limits] + [axes.get_xlim()[1]])
    high = np.array([limit for _, limit in limits] + [limits[-1][1]])
    axes.fill_between(currents, -high, high, step="post", color=_BAND, alpha=0.12, linewidth=0)
    for sign in (-1, 1):
        axes.step(currents, sign * high, where="post", color=_BAND, linewidth=1.1)


def _curve(axes: Axes, rows: list[Row], shift: float, edge: float, dash: object) -> None:
    verdict = _verdict(rows, rows[0].place)
    color = _COLORS[verdict]
    currents = np.array([row.multiple * shift for row in rows])
    values = np.array([row.value for row in rows])
    bounds = np.array([min(row.bound, 2 * edge) for row in rows])
    shown = np.clip(values, -0.97 * edge, 0.97 * edge)
    axes.plot(currents, shown, linestyle=dash, color=color, linewidth=1.0 if verdict == "pass" else 1.7)
    inside = shown == values
    axes.errorbar(
        currents[inside],
        values[inside],
        bounds[inside],
        fmt="o",
        color=color,
        markersize=2.5,
        elinewidth=0.9,
        capsize=2,
    )
    for current, value in zip(currents[~inside], values[~inside], strict=True):
        axes.plot([current], [math.copysign(0.97 * edge, value)], "^" if value > 0 else "v", color=color, markersize=5)
    if verdict != "pass":
        worst = rows[int(np.argmax(np.abs(values)))]
        below = worst.value < 0
        axes.annotate(
            _label(worst),
            (worst.multiple * shift, float(np.clip(worst.value, -0.97 * edge, 0.97 * edge))),
            xytext=(0, 7 if below else -7),
            textcoords="offset points",
            ha="right" if worst.multiple * 2 > rows[-1].multiple and len(rows) > 1 else "left",
            va="bottom" if below else "top",
            color=color,
            fontsize=7.5,
            weight="bold",
        )


def _label(row: Row) -> str:
    return f"{row.place} {'−' if row.value < 0 else '+'}{abs(row.value):.3g} %"


def _verdict(rows: list[Row], place: str) -> str:
    """The worst verdict of a place in these rows."""
    order = list(_COLORS)
    return max((row.verdict for row in rows if row.place == place), key=order.index, default="pass")


def _current_axis(axes: Axes, rows: list[Row]) -> None:
    lowest, highest = min(row.multiple for row in rows), max(row.multiple for row in rows)
    axes.set_xscale("log")
    axes.set_xlim(lowest / 1.6, highest * 1.6)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if lowest / 1.6 <= tick <= highest * 1.6]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _legend(rows: list[Row]) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = []
    for verdict, color in _COLORS.items():
        if any(row.verdict == verdict for row in rows):
            dash: Any = "-" if verdict == "pass" else DASHES[1]
            handles.append(Line2D([], [], color=color, marker="o", markersize=3, linestyle=dash, label=_WORDS[verdict]))
    return [*handles, Patch(facecolor=_BAND, alpha=0.25, label="limits of the class; bars: bound on the measurement")]
