"""Where statistics are found: shipped tables by class, in between by number of meters, else in a folder of one's own.

Shipped are the classes as they are, mode 2b, for some numbers of meters (``data/*.json``); between two of them the
figures of the same sites are interpolated over the number. Anything else is fitted when it is first
wanted (:mod:`bench.field.tables`) and kept, by a key over all that it follows from.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

import msgspec
import numpy as np
from numpy.typing import NDArray

from twins.field.settings import NO_TRAFFIC, MeshSetting, TrafficSetting
from twins.field.statistics import burdens
from twins.field.statistics.tables import MeshTable, Way, decode, engine_digest, parameters_digest

SHIPPED_METERS = (5, 25, 60, 120, 250, 500, 1000)
"""Numbers of meters at a concentrator that tables ship for."""

SHIPPED_BURDENS = (25, 120, 250, 500, 1000)
"""The same for what other traffic does."""


@cache
def _of_class(name: str) -> tuple[MeshTable, ...]:
    file = resources.files(__package__).joinpath("data", f"{name}.json")
    return decode(file.read_bytes(), f"{name}.json") if file.is_file() else ()


@cache
def _burdens_of_class(name: str) -> tuple[burdens.BurdenTable, ...]:
    file = resources.files(__package__).joinpath("data", f"{name}-burdens.json")
    return burdens.decode(file.read_bytes(), file.name) if file.is_file() else ()


def shipped_burdens(setting: MeshSetting, meters: int) -> burdens.BurdenTable | None:
    """What other traffic does to a kind of mesh, as it ships, or None; fewer meters are like the least that ship."""
    whole = setting.resolved()
    tables = sorted((t for t in _burdens_of_class(whole.area_class) if t.setting == whole), key=lambda t: t.meters)
    if not tables or meters > tables[-1].meters:
        return None
    above = next(table for table in tables if table.meters >= meters)
    below = next((table for table in reversed(tables) if table.meters <= meters), above)
    return above if above is below else burdens.between(below, above, meters)


def shipped(setting: MeshSetting, meters: int, traffic: TrafficSetting = NO_TRAFFIC) -> MeshTable | None:
    """The shipped statistics of a kind of mesh, beside other traffic, or None.

    Fewer meters than the least that ship are like those.
    """
    found = _alone(setting, meters)
    if found is None or not traffic:
        return found
    heavier = shipped_burdens(setting, meters)
    return None if heavier is None else burdens.loaded(found, heavier, traffic)


def _alone(setting: MeshSetting, meters: int) -> MeshTable | None:
    """Readings and exchanges only."""
    whole = setting.resolved()
    tables = sorted((t for t in _of_class(whole.area_class) if t.setting == whole), key=lambda t: t.meters)
    if not tables or meters > tables[-1].meters:
        return None
    above = next(table for table in tables if table.meters >= meters)
    below = next((table for table in reversed(tables) if table.meters <= meters), above)
    if above is below:
        return above if above.meters == meters else _nearest(above, meters)
    return between(below, above, meters)


def between(few: MeshTable, many: MeshTable, meters: int) -> MeshTable:
    """Statistics for a number of meters between those of two tables of the same sites."""
    part = (meters - few.meters) / (many.meters - few.meters)  # what is lost grows with what is sent
    sites, hops = min(few.sites, many.sites), max(few.deepest, many.deepest) + 1
    causes = tuple(sorted({*few.causes, *many.causes}))
    return MeshTable(
        version=few.version,
        setting=few.setting,
        meters=meters,
        provenance=many.provenance,
        causes=causes,
        depth=_nearest(many, meters).depth[:sites],
        air=tuple(_mix(np.array(few.air[:sites]), np.array(many.air[:sites]), part).tolist()),
        reading=_way_between(few, many, few.reading, many.reading, part, sites, hops, causes),
        exchange=_way_between(few, many, few.exchange, many.exchange, part, sites, hops, causes),
    )


def _nearest(table: MeshTable, meters: int) -> MeshTable:
    """The same sites with only the meters that are nearest to the concentrator."""
    return msgspec.structs.replace(table, meters=meters, depth=tuple(text[:meters] for text in table.depth))


def key(setting: MeshSetting, meters: int) -> str:
    """A name for the statistics of a kind of mesh that changes with all that they follow from."""
    told = msgspec.json.encode((setting.resolved(), meters, parameters_digest(), engine_digest()))
    return hashlib.sha256(told).hexdigest()[:24]


def _way_between(
    few: MeshTable,
    many: MeshTable,
    way_few: Way,
    way_many: Way,
    part: float,
    sites: int,
    hops: int,
    causes: tuple[str, ...],
) -> Way:
    lost = [_lost(t, way, sites, hops, causes) for t, way in ((few, way_few), (many, way_many))]
    delay = [_wider(np.array(way.delay), hops, axis=0) for way in (way_few, way_many)]
    # A depth that only one of them has is as that one says.
    for h in range(1, hops):
        if not delay[0][h].any():
            delay[0][h], lost[0][:, h] = delay[1][h], lost[1][:, h]
        elif not delay[1][h].any():
            delay[1][h], lost[1][:, h] = delay[0][h], lost[0][:, h]
    slowness = _mix(np.array(way_few.slowness[:sites]), np.array(way_many.slowness[:sites]), part)
    return Way(
        lost=tuple(_tuples(site) for site in _mix(lost[0], lost[1], part)),
        delay=_tuples(_mix(delay[0], delay[1], part)),
        slowness=tuple(slowness.tolist()),
        spread=(1 - part) * way_few.spread + part * way_many.spread,
    )


def _lost(table: MeshTable, way: Way, sites: int, hops: int, causes: tuple[str, ...]) -> NDArray[np.float64]:
    own = np.zeros((sites, hops, len(causes)))
    for column, name in enumerate(table.causes):
        own[:, : table.deepest + 1, causes.index(name)] = np.array(way.lost)[:sites, :, column]
    return own


def _mix(one: NDArray[np.float64], other: NDArray[np.float64], part: float) -> NDArray[np.float64]:
    return np.asarray((1 - part) * one + part * other)


def _wider(matrix: NDArray[np.float64], size: int, axis: int) -> NDArray[np.float64]:
    missing = [(0, 0), (0, 0)]
    missing[axis] = (0, size - matrix.shape[axis])
    return np.pad(matrix, missing)


def _tuples(matrix: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
