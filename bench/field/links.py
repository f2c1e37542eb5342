"""The link table of one concentrator: who stands where, whom each meter sends through, and how well.

The same site, path loss and shadowing as the statistics are fitted from, and as attenuators are set from.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from bench.errors import InputError
from bench.field.tables import table_for
from bench.topology import Topology
from twins.field.layouts import Layout, layout, link_table, site_of
from twins.field.physics.links import Links
from twins.field.physics.phy import mode
from twins.plan import concentrator_id, meter_id


class MeterLink(msgspec.Struct, frozen=True):
    """One meter: place in m from its concentrator, and its link to its parent; None where it has no way."""

    meter: str
    x: float
    y: float
    around: str
    hops: int
    parent: str | None
    metres: float | None
    loss_db: float | None
    rssi_dbm: float | None
    etx: float | None
    path_etx: float | None


class LinkTable(msgspec.Struct, frozen=True):
    """A concentrator and its meters, nearest first; ``warnings`` name what is not as it should be."""

    concentrator: str
    area: str
    area_class: str
    mode: str
    site: int
    meters: tuple[MeterLink, ...]
    warnings: tuple[str, ...]


class Standing(NamedTuple):
    """A mesh as it stands: the matrices behind a link table."""

    table: LinkTable
    site: Layout
    links: Links


def link_table_of(topology: Topology, concentrator: str | None = None) -> Standing:
    """The link table of a concentrator by its id (``c000007``; the first with a mesh by default).

    Raises :class:`bench.errors.InputError` for one that does not exist or has no mesh.
    """
    from twins.field.mesh.tree import build_tree, link_etx, mrhof  # loads the compiled engine's neighbours

    plan = topology.fleet_plan()
    meshes = [k for k, area in enumerate(topology.areas) if area.medium == "multihop"]
    if not meshes:
        raise InputError("no area of this topology has a mesh; links and maps are of multihop areas")
    number = plan.first_concentrator_of_area(meshes[0]) if concentrator is None else _number(concentrator)
    if not 0 <= number < plan.concentrators:
        last = concentrator_id(plan.concentrators - 1)
        raise InputError(f"{concentrator}: no such concentrator; there are {concentrator_id(0)} to {last}")
    place = max(k for k in range(len(topology.areas)) if plan.first_concentrator_of_area(k) <= number)
    area = topology.areas[place]
    if area.medium != "multihop":
        raise InputError(f"{concentrator}: its area {area.name} is {area.medium}; links and maps are of multihop areas")
    setting, count = area.field.plan().mesh.resolved(), area.meters_per_concentrator
    sites = table_for(setting, count).sites
    own = int(site_of(topology.seed, np.array([number]), sites)[0])
    site = layout(setting, count, own)
    links = link_table(setting, site)
    phy = mode(setting.mode)
    tree = build_tree(links.received_dbm, phy)
    etx = link_etx(links.received_dbm, phy, mrhof().probe_psdu)
    first = plan.first_meter_of_area(place) + (number - plan.first_concentrator_of_area(place)) * count
    name = concentrator_id(number)
    meters = []
    for node in range(1, count + 1):
        parent = int(tree.parent[node])
        reached = parent >= 0
        meters.append(
            MeterLink(
                meter=meter_id(first + node - 1),
                x=_short(site.positions[node, 0]),
                y=_short(site.positions[node, 1]),
                around=site.names[site.around[node]],
                hops=int(tree.hops[node]),
                parent=(name if parent == 0 else meter_id(first + parent - 1)) if reached else None,
                metres=_short(links.metres[node, parent]) if reached else None,
                loss_db=_short(links.loss_db[node, parent]) if reached else None,
                rssi_dbm=_short(links.received_dbm[node, parent]) if reached else None,
                etx=_short(etx[node, parent], 3) if reached else None,
                path_etx=_short(tree.cost[node], 3) if reached else None,
            )
        )
    warnings = _warnings(meters, area.field.fallback)
    table = LinkTable(name, area.name, setting.area_class, setting.mode, own, tuple(meters), warnings)
    return Standing(table, site, links)


def _number(concentrator: str) -> int:
    digits = concentrator.removeprefix("c")
    if not digits.isdecimal():
        raise InputError(f"{concentrator}: not the id of a concentrator; they look like {concentrator_id(7)}")
    return int(digits)


def _warnings(meters: list[MeterLink], fallback: str) -> tuple[str, ...]:
    """Meters without a way, by name as far as that helps."""
    islands = [meter.meter for meter in meters if meter.parent is None]
    if not islands:
        return ()
    named = ", ".join(islands[:5]) + (f" and {len(islands) - 5} more" if len(islands) > 5 else "")
    carried = "are lost, out of reach" if fallback == "none" else f"go over the fallback, {fallback}"
    missed = f"the mesh does not reach {len(islands)} of {len(meters)} meters"
    return (f"unreachable-island: {missed} ({named}); they {carried}",)


def _short(value: float, digits: int = 1) -> float:
    return round(float(value), digits)
