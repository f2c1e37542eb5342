"""Exhibits of a campaign as the report shows them: words stay words, curves and maps become SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from markupsafe import Markup

from bench.record.exhibits import Curve, CurvesExhibit, Exhibit, MapExhibit, Panel, TableExhibit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PER_ROW = 3
_MARKS = ("o", "s", "^", "D", "v")


@dataclass(frozen=True)
class Shown:
    """An exhibit on the page: a table, or a picture."""

    title: str
    caption: str
    table: TableExhibit | None = None
    picture: Markup | None = None


def shown(exhibits: Sequence[Exhibit]) -> list[Shown]:
    """The exhibits of a run in their order; the same data give the same bytes."""
    found = []
    for number, exhibit in enumerate(exhibits):
        match exhibit:
            case TableExhibit():
                found.append(Shown(exhibit.title, exhibit.caption, table=exhibit))
            case CurvesExhibit():
                picture = Markup(_curves(exhibit, f"curves{number}"))
                found.append(Shown(exhibit.title, exhibit.caption, picture=picture))
            case MapExhibit():
                found.append(Shown(exhibit.title, exhibit.caption, picture=_map(exhibit)))
    return found


def _map(exhibit: MapExhibit) -> Markup:
    from bench.field.map import svg

    return Markup(svg(exhibit.table))


def _curves(exhibit: CurvesExhibit, name: str) -> str:
    # matplotlib takes half a second to import: only a page with curves waits for it.
    from bench.report.svg import look, new_figure, to_svg

    with look():
        rows = -(-len(exhibit.panels) // _PER_ROW)
        figure = new_figure(3.4 * rows)
        grid = figure.subplots(rows, min(len(exhibit.panels), _PER_ROW), squeeze=False)
        for axes, panel in zip(grid.flat, exhibit.panels, strict=False):
            _panel(axes, panel)
        for axes in grid.flat[len(exhibit.panels) :]:
            axes.set_axis_off()
        return to_svg(figure, name, exhibit.title)


def _panel(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    from bench.report.svg import DASHES, LINES, RED

    axes.set_title(panel.title)
    axes.set_xscale(panel.x_scale)
    axes.set_yscale(panel.y_scale)
    for scale, axis in ((panel.x_scale, axes.xaxis), (panel.y_scale, axes.yaxis)):
        if scale == "log":  # whose own labels are formulas
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_locator(NullLocator())
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    for curve, color, dash, mark in zip(panel.curves, cycle(LINES), cycle(DASHES), cycle(_MARKS), strict=False):
        _draw(axes, curve, color, dash, mark)
    if panel.limit is not None:
        line = axes.axhline if panel.across else axes.axvline
        line(panel.limit, color=RED, linewidth=1.2, label=panel.limit_label or None)
    if panel.curves:
        axes.legend(fontsize=7.5)


def _draw(axes: Axes, curve: Curve, color: str, dash: object, mark: str) -> None:
    if curve.style == "points":
        axes.plot(curve.x, curve.y, mark, color=color, markersize=4, label=curve.label)
        if curve.low:
            axes.vlines(curve.x, curve.low, curve.high, color=color, linewidth=0.9)
    elif curve.style == "steps":
        axes.step(curve.x, curve.y, where="post", color=color, linestyle=dash, label=curve.label)
    else:
        axes.plot(curve.x, curve.y, color=color, linestyle=dash, label=curve.label)
