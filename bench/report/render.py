"""The page: a run folder in, one self-contained HTML file out. It asks nothing of any network, now or later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from bench.record.atomic import write_text
from bench.record.columns import Columns
from bench.record.exhibits import Exhibit
from bench.record.exhibits import read as read_exhibits
from bench.record.folder import RunFolder, state_of
from bench.record.model import RunRecord
from bench.report import numbers, words
from bench.report.exhibits import shown
from bench.report.figures import Figures, figures, rejections
from bench.report.places import sides

if TYPE_CHECKING:
    from bench.campaigns.metrology.record import Row

_LISTED_METERS = 50
_LISTED_EVENTS = 100
_WORST_CONCENTRATORS = 10


def render(folder: RunFolder) -> Path:
    """Write ``report.html`` of a run, finished or not, and return its path. The same run gives the same bytes.

    Raises :class:`bench.errors.InputError` when the record or the columns cannot be read.
    """
    record = folder.load()
    with folder.columns() as columns:
        html = page(record, columns, state_of(record), _points(folder, record), read_exhibits(folder.path))
    write_text(folder.report_path, html)
    return folder.report_path


def page(
    record: RunRecord, columns: Columns, state: str, points: Sequence[Row] = (), exhibits: Sequence[Exhibit] = ()
) -> str:
    """The HTML text for a record, its columns, the run's state (``running``, ``finished``, ``interrupted``), the points
    of a metrology run, and what its campaign shows besides."""
    found = figures(record, columns)
    by_reason, by_meter = rejections(columns)
    return (
        page_environment()
        .get_template("template.html.j2")
        .render(
            record=record,
            standing=words.standing(record, state),
            tested=words.tested(record, found),
            outcome=words.outcome(record, found, state),
            shortfalls=words.shortfalls(record),
            figures=found,
            tiles=_tiles(record, found),
            sides=sides(record, found),
            worst_concentrators=_worst_concentrators(found),
            unrecovered=record.unrecovered[:_LISTED_METERS],
            unrecovered_more=len(record.unrecovered[_LISTED_METERS:]),
            rejected_by_reason=by_reason,
            rejected_by_meter=by_meter,
            events=record.events[:_LISTED_EVENTS],
            events_more=len(record.events[_LISTED_EVENTS:]),
            pictures=_pictures(found),
            points=points,
            curves=_curves(points),
            exhibits=shown(exhibits),
            field_alone=record.campaign in words.FIELD_ALONE,
            provenance=_provenance(record),
            command=record.command or f"bench run {record.topology.path}",
        )
    )


def page_environment() -> jinja2.Environment:
    """The templates of this package, with the words and numbers that all pages use; what they show is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=numbers.count, share=numbers.share, seconds=numbers.seconds, missing_slots=words.missing_slots
    )
    environment.globals.update(
        quantity=numbers.quantity, limit=numbers.limit, headlines=words.HEADLINES, symbols=words.SYMBOLS
    )
    return environment


def _tiles(record: RunRecord, found: Figures | None) -> list[tuple[str, str]]:
    """The key figures under the verdict: (label, value)."""
    tiles: list[tuple[str, str]] = []
    if found is not None:
        window, due = found.window, found.window.due
        tiles = [
            (f"{words.meters_of(record)}s", numbers.count(window.meters)),
            ("values due", numbers.count(due)),
            ("stored", numbers.share(found.stored / due)),
            (f"within {window.on_time_seconds // 60} min", numbers.share(found.on_time / due)),
            ("asked again", numbers.count(int(found.delays.asked.sum()))),
        ]
    if isinstance(rate := record.summary.get("readings_per_second"), int | float):
        tiles.append(("readings a second", numbers.count(rate)))
    if isinstance(wall := record.summary.get("wall_seconds"), int | float):
        tiles.append(("duration of the run", numbers.seconds(wall)))
    return tiles


def _worst_concentrators(found: Figures | None) -> list[Any]:
    if found is None:
        return []
    map_ = found.completeness
    return [map_.concentrators[row] for row in map_.worst_first()[:_WORST_CONCENTRATORS]]


def _pictures(found: Figures | None) -> dict[str, Markup]:
    """The SVG texts by name; they are drawn here, so they are the one thing that is not escaped."""
    if found is None:
        return {}
    # matplotlib takes half a second to import: only a command that draws waits for it.
    from bench.report import draw, heatmap

    drawn = {
        "arrival": draw.arrival_curve(found),
        "map": heatmap.completeness_map(found),
        "delay": draw.delay_distribution(found) if found.stored else "",
        "load": draw.load_curve(found) if found.stored else "",
    }
    return {name: Markup(svg) for name, svg in drawn.items() if svg}


def _points(folder: RunFolder, record: RunRecord) -> Sequence[Row]:
    """What a metrology run has found. The campaign takes long to import: only its own report waits for it."""
    if record.campaign != "metrology":
        return ()
    from bench.campaigns.metrology.record import read_rows

    return read_rows(folder.path)


def _curves(points: Sequence[Row]) -> Markup:
    """Error curves of a metrology run."""
    if not points:
        return Markup()
    from bench.report.error_curves import error_curves

    return Markup(error_curves(points))


def _provenance(record: RunRecord) -> list[tuple[str, str]]:
    """What one must know to repeat the run: (label, value)."""
    clock, host = record.clock, record.host
    scale = f" × {numbers.significant(clock.scale)}" if clock.scale is not None else ""
    rows = [
        ("Run", record.run_id),
        ("Started, ended", f"{record.started} – {record.ended or 'not ended'}"),
        ("Topology", record.topology.path),
        ("Topology SHA-256", record.topology.sha256),
        ("Seed", str(record.seed)),
        ("Clock", f"{clock.mode}{scale}, {clock.start or '?'} – {clock.end or '?'}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
        ("Commit of the bench", record.git or "not from a checkout with commits"),
    ]
    facts = [str(host[key]) for key in ("name", "os", "cpu") if host.get(key)]
    facts += [f"{host['cores']} cores"] if "cores" in host else []
    facts += [f"{numbers.byte_size(host['memory_bytes'])} memory"] if "memory_bytes" in host else []
    return [*rows, ("Host", ", ".join(facts) or "unknown")]
