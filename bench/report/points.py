"""A handful of values over something, each against the same limits: the picture that a test attaches to its result."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.svg import BLUE, INK, RED, look, new_figure, note, standalone, to_svg

_HEIGHT = 2.6
_BAND = "#3f8f6b"


def points_picture(
    points: Sequence[str], values: Sequence[float | None], low: float, high: float, label: str, unit: str
) -> str:
    """Values at named points as an SVG file of its own; one beyond ``low`` to ``high`` is red, with its number."""
    with look():
        figure = new_figure(_HEIGHT)
        axes = figure.subplots()
        known = [(number, value) for number, value in enumerate(values) if value is not None]
        if not known:
            note(axes, "nothing was measured")
            return standalone(to_svg(figure, "points", f"{label}, without values"))
        axes.axhspan(low, high, color=_BAND, alpha=0.12, linewidth=0)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.plot([number for number, _ in known], [value for _, value in known], color=BLUE, linewidth=1.0)
        for number, value in known:
            sound = low <= value <= high
            axes.plot([number], [value], marker="o" if sound else "X", color=BLUE if sound else RED)
            if not sound:
                axes.annotate(f"{value:.3g} {unit}", (number, value), xytext=(6, 0), textcoords="offset points")
        axes.set_xticks(range(len(points)), points)
        axes.set_ylabel(f"{label}, {unit}")
        return standalone(to_svg(figure, "points", f"{label} at {', '.join(points)}"))
