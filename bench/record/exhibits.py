"""What a campaign shows in its report beside its measurements: tables, curves and maps, as data in ``exhibits.json``.

A campaign writes them when it judges; the report draws them. So a picture's numbers can always be looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from bench.errors import InputError
from bench.field.links import LinkTable
from bench.record.atomic import write_text

FILE = "exhibits.json"


class TableExhibit(msgspec.Struct, frozen=True, kw_only=True, tag="table"):
    """Rows of words; columns numbered in ``right`` are numbers."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()
    caption: str = ""


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a picture, or its points alone; ``low`` and ``high`` are the ends of bars at them."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: Literal["line", "points", "steps"] = "line"
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """Axes with curves. ``limit``: a value of y (``across``) or of x that must be kept, with its name."""

    curves: tuple[Curve, ...]
    x_label: str
    y_label: str
    title: str = ""
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    limit: float | None = None
    limit_label: str = ""
    across: bool = True


class CurvesExhibit(msgspec.Struct, frozen=True, kw_only=True, tag="curves"):
    """Panels side by side, at most three in a row."""

    title: str
    panels: tuple[Panel, ...]
    caption: str = ""


class MapExhibit(msgspec.Struct, frozen=True, kw_only=True, tag="map"):
    """The mesh of a concentrator."""

    title: str
    table: LinkTable
    caption: str = ""


Exhibit: TypeAlias = TableExhibit | CurvesExhibit | MapExhibit


def write(folder: Path, exhibits: Sequence[Exhibit]) -> None:
    """Put them into a run folder."""
    write_text(folder / FILE, msgspec.json.encode(list(exhibits)).decode() + "\n")


def read(folder: Path) -> list[Exhibit]:
    """Those of a run folder, none where there is no file; raises InputError for one that cannot be read."""
    file = folder / FILE
    if not file.is_file():
        return []
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Exhibit])
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{file}: {error}") from error
