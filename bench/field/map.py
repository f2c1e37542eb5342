"""The map of a concentrator's mesh as one SVG: depth by colour and by mark, the link to the parent by its width."""

from __future__ import annotations

import math
from collections import Counter
from html import escape

from bench.field.links import LinkTable, MeterLink

_SIZE, _MARGIN, _LEGEND = 900.0, 40.0, 190.0
_COLORS = ("#1f5f8b", "#d9730d", "#3f8f6b", "#8a4f9e", "#b08900", "#5d6b79")
_INK, _MUTED, _RED = "#1b2733", "#5d6b79", "#a3123a"
_WEAK_ETX = 1.5


def svg(table: LinkTable) -> str:
    """The map; north is up. Ids stand in tooltips, so a thousand meters can be told apart too."""
    reach = max([math.hypot(meter.x, meter.y) for meter in table.meters] + [1.0])
    scale = (_SIZE / 2 - _MARGIN) / reach
    centre = _SIZE / 2

    def at(x: float, y: float) -> tuple[float, float]:
        return round(centre + x * scale, 1), round(centre - y * scale, 1)

    places = {table.concentrator: at(0, 0)} | {meter.meter: at(meter.x, meter.y) for meter in table.meters}
    size = max(2.2, min(6.0, 90 / math.sqrt(len(table.meters))))
    lines = [_link(meter, places) for meter in table.meters if meter.parent is not None]
    marks = [_mark(meter, places[meter.meter], size) for meter in table.meters]
    label = f"Mesh of {table.concentrator}: {len(table.meters)} meters, {table.area_class}, mode {table.mode}"
    x, y = places[table.concentrator]
    square = f'<rect x="{x - 7}" y="{y - 7}" width="14" height="14" fill="{_INK}">'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE + _LEGEND:g} {_SIZE:g}" role="img" '
            f'aria-label="{escape(label)}" font-family="system-ui, sans-serif" font-size="13">',
            f'<rect width="{_SIZE + _LEGEND:g}" height="{_SIZE:g}" fill="#ffffff"/>',
            *lines,
            *marks,
            f"{square}<title>{table.concentrator}</title></rect>",
            *_legend(table),
            _ruler(scale, reach),
            "</svg>",
        ]
    )


def page(table: LinkTable) -> str:
    """The map as a page that stands alone, with its warnings."""
    title = f"Mesh of {table.concentrator}"
    warnings = "".join(f"<p class='warning'>{escape(text)}</p>" for text in table.warnings)
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        "<style>body{font-family:system-ui,sans-serif;color:#1b2733;margin:1.5rem;max-width:70rem}"
        "svg{width:100%;height:auto}.warning{color:#a3123a}</style>"
        f"<h1>{title}</h1><p>Area {escape(table.area)}, {table.area_class}, mode {table.mode}, site {table.site}: "
        f"{len(table.meters)} meters. Point at a mark for its meter.</p>{warnings}{svg(table)}</html>\n"
    )


def _color(hops: int) -> str:
    return _COLORS[min(hops, len(_COLORS)) - 1]


def _link(meter: MeterLink, places: dict[str, tuple[float, float]]) -> str:
    assert meter.parent is not None and meter.etx is not None
    (x, y), (to_x, to_y) = places[meter.meter], places[meter.parent]
    weak = ' stroke-dasharray="4 3"' if meter.etx > _WEAK_ETX else ""
    return (
        f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="{_color(meter.hops)}" '
        f'stroke-width="0.8" stroke-opacity="0.45"{weak}/>'
    )


def _mark(meter: MeterLink, place: tuple[float, float], size: float) -> str:
    x, y = place
    if meter.parent is None:
        told = f"{meter.meter}: no way; {meter.around}"
        cross = f"M{x - size:.1f} {y - size:.1f}l{2 * size} {2 * size}m0 {-2 * size}l{-2 * size} {2 * size}"
        return f'<path d="{cross}" stroke="{_RED}" stroke-width="2" fill="none"><title>{told}</title></path>'
    told = f"{meter.meter}: {meter.hops} hops by {meter.parent}, {meter.rssi_dbm} dBm, ETX {meter.etx}; {meter.around}"
    fill = _color(meter.hops) if meter.hops % 2 else "#ffffff"  # odd depths are filled, even ones are rings
    return (
        f'<circle cx="{x}" cy="{y}" r="{size:.1f}" fill="{fill}" stroke="{_color(meter.hops)}" stroke-width="1.5">'
        f"<title>{told}</title></circle>"
    )


def _legend(table: LinkTable) -> list[str]:
    depths = Counter(meter.hops for meter in table.meters)  # 0: no way
    found, y = [f'<text x="{_SIZE:g}" y="40" font-weight="bold" fill="{_INK}">Hops</text>'], 64.0
    for hops, count in sorted(depths.items()):
        example = MeterLink("", 0, 0, "", hops, "x" if hops else None, 0, 0, 0, 1, 1)
        found.append(_mark(example, (_SIZE + 8, y - 4), 6.0))
        text = f"{hops}: {count} meters" if hops else f"no way: {count}"
        found.append(f'<text x="{_SIZE + 24:g}" y="{y:g}" fill="{_INK}">{text}</text>')
        y += 22
    notes = ("■ the concentrator", f"dashed: ETX above {_WEAK_ETX:g}")
    for note in notes:
        y += 20
        found.append(f'<text x="{_SIZE:g}" y="{y:g}" fill="{_MUTED}">{note}</text>')
    return found


def _ruler(scale: float, reach: float) -> str:
    decade = 10 ** math.floor(math.log10(reach))
    metres = max(step * decade for step in (0.5, 1, 2, 5) if step * decade <= reach)
    wide, y = metres * scale, _SIZE - 16
    return (
        f'<path d="M20 {y - 5:g}v5h{wide:.1f}v-5" stroke="{_MUTED}" fill="none"/>'
        f'<text x="{28 + wide:.1f}" y="{y:g}" fill="{_MUTED}">{metres:g} m</text>'
    )
