"""The pictures of a report: figures in, SVG text out. What is counted is decided in :mod:`bench.report.figures`."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from bench.report import numbers
from bench.report.figures import AreaLoad, Delays, Figures, Window
from bench.report.svg import BLUE, DASHES, INK, LINES, MUTED, ORANGE, RED, look, new_figure, note, to_svg
from protocols.slots import SLOT_SECONDS, jst

_DELAY_TICKS = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3600: "60 min", 21_600: "6 h", 86_400: "1 day"}
_CLASS = 0.1  # decades, width of a class of the delay distribution
_FLOOR = 0.5  # foot of its columns: no logarithm of nothing
_MAX_AREAS = 5  # more lines than this cannot be told apart


def arrival_curve(figures: Figures) -> str:
    """Share of all due values that had arrived, and that had not, by delay from the end of their interval."""
    delays, window = figures.delays, figures.window
    with look():
        figure = new_figure(3.7)
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        grid = _delay_grid(delays, window)
        total = _cumulative(delays, delays.total, grid) / window.due
        own = _cumulative(delays, delays.own, grid) / window.due
        for axes, all_values, own_values in ((left, total, own), (right, 1 - total, 1 - own)):
            axes.plot(grid, 100 * all_values, color=BLUE, label="all values, asked again included")
            axes.plot(grid, 100 * own_values, color=ORANGE, linestyle="--", label="values that came by themselves")
            _delay_axis(axes, grid, window.on_time_seconds)
        _arrived_axis(left, figures)
        _not_arrived_axis(right, window)
        figure.legend(handles=left.get_lines()[:2], loc="outside upper right", ncols=2)
        return to_svg(figure, "arrival", "Share of due values arrived by delay, with the limit")


def delay_distribution(figures: Figures) -> str:
    """How many values had which delay, on logarithmic axes, with the median, the 99th percentile and the longest."""
    delays, window = figures.delays, figures.window
    with look():
        figure = new_figure(3.0)
        axes = figure.subplots()
        axes.set_yscale("log")
        edges = 10 ** np.arange(0, np.log10(_last_delay(delays, window)) + _CLASS, _CLASS)
        own, asked = (_histogram(delays, counts, edges) for counts in (delays.own, delays.asked))
        for label, counts, color, line in (("came by itself", own, BLUE, "-"), ("asked again", asked, ORANGE, "--")):
            shown = np.maximum(counts, _FLOOR)
            axes.stairs(shown, edges, baseline=_FLOOR, fill=True, color=color, alpha=0.13)
            axes.stairs(shown, edges, baseline=_FLOOR, color=color, linestyle=line, linewidth=1.6, label=label)
        axes.set_ylim(_FLOOR, 25.0 * (own + asked).max(initial=1))  # room for the labels above the columns
        _delay_axis(axes, edges, window.on_time_seconds)
        for share, label in ((0.5, "median"), (0.99, "99 %")):
            _mark_delay(axes, delays.quantile(share), label)
        _mark_delay(axes, delays.longest, "longest")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.count(value) if value >= 1 else ""))
        axes.set_ylabel("values (logarithmic)")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
        return to_svg(figure, "delay", "Number of values by delay")


def load_curve(figures: Figures) -> str:
    """Mean power of a twin over the run: import above zero, export below."""
    with look():
        figure = new_figure(3.2)
        axes = figure.subplots()
        loads = figures.loads
        if not loads:
            note(axes, "no interval is known: it takes two neighbouring values of a meter")
            return to_svg(figure, "load", "Load curve without values")
        edges = np.arange(figures.window.slots + 1)
        exports = any(np.nanmax(load.export_kw) > 0 for load in loads)
        for load, color, line in zip(loads[:_MAX_AREAS], LINES, DASHES, strict=False):
            _load_steps(axes, load, edges, color, line, exports)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_ylabel("mean kW per meter")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):.2g}"))
        if exports:
            axes.text(0.008, 0.96, "import ▲", transform=axes.transAxes, color=MUTED, va="top")
            axes.text(0.008, 0.04, "export ▼", transform=axes.transAxes, color=MUTED, va="bottom")
        slot_axis(axes, figures.window)
        axes.grid(visible=False, axis="x")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=_MAX_AREAS)
        return to_svg(figure, "load", "Mean import and export per meter by half-hour")


def slot_axis(axes: Axes, window: Window) -> None:
    """A time axis in Japanese time for x = slots since the first one; the date stands at midnight and at the start."""
    step = next((s for s in (1, 2, 4, 6, 12, 24, 48) if window.slots / s <= 13), 48 * -(-window.slots // (48 * 13)))
    start = window.first_slot
    local = (start * SLOT_SECONDS + 9 * 3600) // SLOT_SECONDS % 48
    ticks = [tick for tick in range(window.slots + 1) if (tick + local) % step == 0]
    labels = []
    for tick in ticks:
        time = jst((start + tick) * SLOT_SECONDS)
        midnight = (time.hour, time.minute) == (0, 0)
        labels.append(f"{time:%H:%M}\n{time:%Y-%m-%d}" if midnight or tick == ticks[0] else f"{time:%H:%M}")
    axes.set_xticks(ticks, labels)
    axes.set_xlim(0, window.slots)


def _last_delay(delays: Delays, window: Window) -> float:
    """Right end of the delay axes in seconds: the limit is always well inside."""
    return max(2.5 * window.on_time_seconds, 1.3 * (delays.longest or 0.0))


def _delay_grid(delays: Delays, window: Window) -> NDArray[np.float64]:
    """Delays in seconds at which the curves are drawn: evenly on a logarithmic axis, and exactly at the limit."""
    return np.union1d(np.geomspace(1.0, _last_delay(delays, window), 400), [float(window.on_time_seconds)])


def _cumulative(delays: Delays, counts: NDArray[np.int64], at: NDArray[np.float64]) -> NDArray[np.int64]:
    """Values with a delay up to each of ``at`` (seconds)."""
    sums = np.concatenate([[0], np.cumsum(counts)])
    result: NDArray[np.int64] = sums[np.searchsorted(delays.upper, at, side="right")]
    if at[-1] > delays.upper[-1]:
        result[-1] = sums[-1]
    return result


def _histogram(delays: Delays, counts: NDArray[np.int64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Values between neighbouring edges (seconds); what is below the first edge counts into the first class."""
    below = _cumulative(delays, counts, edges)
    below[0] = 0
    return np.diff(below)


def _delay_axis(axes: Axes, grid: NDArray[np.float64], limit: int) -> None:
    axes.set_xscale("log")
    axes.set_xlim(grid[0], grid[-1])
    ticks = [tick for tick in _DELAY_TICKS if grid[0] <= tick <= grid[-1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _DELAY_TICKS[round(value)]))
    axes.axvline(limit, color=RED, linewidth=1.3)
    axes.axvspan(limit, grid[-1], color=RED, alpha=0.06, linewidth=0)
    axes.set_xlabel("delay from the end of the interval")


def _arrived_axis(axes: Axes, figures: Figures) -> None:
    axes.set_title("Arrived")
    axes.set_ylim(0, 108)
    axes.set_yticks(range(0, 101, 20))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} %"))
    axes.set_ylabel("of all due values")
    limit = figures.window.on_time_seconds
    share = figures.on_time / figures.window.due
    axes.plot([limit], [100 * share], "o", color=BLUE, markersize=5, clip_on=False)
    axes.annotate(
        f"{numbers.share(share)}\nwithin {limit // 60} min",
        (limit, 100 * share),
        xytext=(-7, -8),
        textcoords="offset points",
        ha="right",
        va="top",
        color=INK,
        weight="bold",
    )


def _not_arrived_axis(axes: Axes, window: Window) -> None:
    """The same turned round and stretched: on a linear axis one value in a thousand cannot be seen."""
    axes.set_title("Not yet arrived (logarithmic)")
    axes.set_yscale("log")
    lowest = 10.0 ** np.floor(np.log10(100 / window.due))
    axes.set_ylim(lowest, 150)
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10f}".rstrip("0").rstrip(".") + " %"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.annotate(
        f"limit\n{window.on_time_seconds // 60} min",
        (window.on_time_seconds, 100),
        xytext=(-6, 2),
        textcoords="offset points",
        ha="right",
        va="top",
        color=RED,
    )


def _mark_delay(axes: Axes, value: float | None, label: str) -> None:
    if value is None or value < 1.0:
        return
    top = axes.get_ylim()[1]
    axes.axvline(value, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)), ymax=0.86)
    axes.text(value, top, f"{label}\n{numbers.seconds(value)}", ha="center", va="top", color=INK, fontsize=8)


def _load_steps(axes: Axes, load: AreaLoad, edges: NDArray[np.int64], color: str, line: object, exports: bool) -> None:
    axes.stairs(
        load.import_kw, edges, baseline=None, color=color, linestyle=line, linewidth=1.8, label=f"area {load.area}"
    )
    if exports:
        axes.stairs(-load.export_kw, edges, baseline=None, color=color, linestyle=line, linewidth=1.2)
