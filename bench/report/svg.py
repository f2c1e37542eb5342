"""Pictures as inline SVG: one look for all of them, and the same bytes every time.

Text stays text (it takes the page's font, can be searched and scales); ids are prefixed with the picture's name,
because all pictures share one HTML document. The palette is told apart in greyscale and with colour-blind eyes;
whatever a colour says, a line style, an order or a label says too.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#1b2733"
MUTED = "#5d6b79"
GRID = "#e3e8ed"
BLUE = "#1f5f8b"
ORANGE = "#d9730d"
RED = "#a3123a"
LINES = ("#1f5f8b", "#d9730d", "#3f8f6b", "#8a4f9e", "#6b6b6b")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (9, 2)))

WIDTH = 10.4  # inches; the page scales a picture to its own width, so this only sets the size of the text

_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],  # measured with the font that comes with matplotlib, shown in the page's
    "font.size": 9.0,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.color": INK,
    "axes.edgecolor": "#aab4be",
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlepad": 10.0,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": "#aab4be",
    "ytick.color": "#aab4be",
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@contextmanager
def look() -> Iterator[None]:
    """Draw inside of this, so that nobody else's matplotlib settings reach the pictures, nor these theirs."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def new_figure(height: float) -> Figure:
    """A figure of the report's width; height in inches."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def to_svg(figure: Figure, name: str, label: str) -> str:
    """The figure as an ``<svg>`` element with a text alternative, free of anything that varies or points elsewhere."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")), transparent=True
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)  # would apply to the whole page
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"<svg[^>]*?(viewBox=\"[^\"]+\")[^>]*>", _opening(label), text, count=1, flags=re.DOTALL)
    return text.replace("xlink:href=", "href=").strip()


def standalone(picture: str) -> str:
    """The same as the text of a file of its own: outside of a page, an SVG has to say what it is."""
    return picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _opening(label: str) -> str:
    escaped = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\\", r"\\")
    return rf'<svg \1 role="img" aria-label="{escaped}">'


def note(axes: Axes, text: str) -> None:
    """A sentence in the middle of axes that have nothing to show."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=MUTED)
