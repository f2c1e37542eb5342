"""Link table and attenuator matrix: what a place's attenuator takes so that its radio sees what its twin sees."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.field.links import LinkTable, Standing, link_table_of
from bench.rack.inventory import Inventory
from bench.topology import Topology
from bench.topology.defects import index_of
from bench.topology.rack import Place
from twins.field.physics.parameters import radio
from twins.plan import concentrator_id


class Wanted(msgspec.Struct, frozen=True):
    """A place with an attenuator whose meter has a way in its mesh: loss in dB and level in dBm of that link.

    The link is that between the nodes ``node`` and ``other`` (0: the concentrator) of concentrator ``number`` of area
    ``area``, both counted from 0. ``described_dbm``: the level at 0 dB by the topology's ``loss``; None without one.
    """

    place: str
    meter: str
    concentrator: str
    parent: str
    loss_db: float
    level_dbm: float
    area: int
    number: int
    node: int
    other: int
    described_dbm: float | None = None


def wanted_links(topology: Topology, inventory: Inventory) -> dict[str, Wanted]:
    """The links of the places, by place; a place without an attenuator or outside of every mesh has none."""
    plan = topology.fleet_plan()
    table = cache(lambda concentrator: link_table_of(topology, concentrator).table)
    found = {}
    for name, place in inventory.places.items():
        index = index_of(place.meter)
        if place.wiring.attenuator is None or index is None or index >= plan.meters:
            continue
        area = int(plan.area_of(np.array([index]))[0])
        if plan.areas[area].medium != "multihop":
            continue
        number = int(plan.concentrator_of(np.array([index]))[0])
        meters = table(concentrator_id(number)).meters
        nodes = {each.meter: node for node, each in enumerate(meters, 1)} | {concentrator_id(number): 0}
        link = meters[nodes[place.meter] - 1]
        if link.parent is not None and link.loss_db is not None and link.rssi_dbm is not None:
            found[name] = Wanted(
                place=name,
                meter=place.meter,
                concentrator=concentrator_id(number),
                parent=link.parent,
                loss_db=link.loss_db,
                level_dbm=link.rssi_dbm,
                area=area,
                number=number - plan.first_concentrator_of_area(area),
                node=nodes[place.meter],
                other=nodes[link.parent],
                described_dbm=described_level(place),
            )
    return found


def described_level(place: Place) -> float | None:
    """The level in dBm at 0 dB of a place's attenuator by the loss that its topology describes; None without one."""
    tap = place.wiring.attenuator
    if tap is None or tap.loss is None:
        return None
    sender = radio().sender
    return sender.power_dbm + sender.gain_dbi - tap.loss


def setting_for(link: Wanted, level_at_zero_dbm: float) -> float:
    """The attenuation in dB that makes a radio as loud as its twin; ``level_at_zero_dbm``: how loud it is at 0 dB.

    May be below 0, where the rack's cables alone take more than the link.
    """
    return level_at_zero_dbm - link.level_dbm


def measured(table: LinkTable, levels_dbm: Mapping[str, float]) -> LinkTable:
    """The link table with levels of real radios, by meter, in the place of reckoned ones.

    ETX and parents are the reckoned ones: whoever wants them anew builds a mesh of :func:`received`.
    """
    sent = radio().sender.power_dbm + radio().sender.gain_dbi
    meters = tuple(
        msgspec.structs.replace(
            each, rssi_dbm=round(levels_dbm[each.meter], 1), loss_db=round(sent - levels_dbm[each.meter], 1)
        )
        if each.meter in levels_dbm and each.parent is not None
        else each
        for each in table.meters
    )
    return msgspec.structs.replace(table, meters=meters)


def received(standing: Standing, levels_dbm: Mapping[str, float]) -> NDArray[np.float64]:
    """Levels between all nodes with those of real radios, by meter, at the links to their parents, both ways.

    What :func:`twins.field.mesh.concentrator.build_mesh` takes as ``received_dbm``.
    """
    table, dbm = standing.table, standing.links.received_dbm.copy()
    node = {each.meter: number for number, each in enumerate(table.meters, 1)} | {table.concentrator: 0}
    for each in table.meters:
        if each.meter in levels_dbm and each.parent is not None:
            here, there = node[each.meter], node[each.parent]
            dbm[here, there] = dbm[there, here] = levels_dbm[each.meter]
    return dbm
