"""Level (b) against level (a), on sites and seeds that were not used to fit it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.field.tables import table_for
from bench.topology import Topology
from twins.field.causes import CAUSES
from twins.field.interface import Passage
from twins.field.media.base import Place
from twins.field.media.mesh import Mesh
from twins.field.settings import MeshSetting
from twins.field.statistics.tables import MeshTable

HELD_OUT_SITES = range(10_000, 10_024)
"""Numbers of sites that no fit uses."""

HELD_OUT_SEED = 77
ROUNDS = 8
SHARE_BAR, DELAY_BAR = 0.005, 0.20
_CONCENTRATORS, _SLOTS = 480, 4


class Side(msgspec.Struct, frozen=True):
    """What one level says: mean share delivered, its standard deviation between concentrators, delays in s."""

    delivered: float
    between: float
    p50: float
    p99: float
    asked_delivered: float
    asked_p99: float
    causes: dict[str, float]  # share of all messages


class Comparison(msgspec.Struct, frozen=True):
    """One kind of mesh by both levels. Bars: delivered within 0.5 point, p99 delay within 20 %."""

    setting: MeshSetting
    meters: int
    sites: int
    rounds: int
    level_a: Side
    level_b: Side
    share_off: float
    p99_off: float
    holds: bool


def compare(setting: MeshSetting, meters: int, sites: range = HELD_OUT_SITES, rounds: int = ROUNDS) -> Comparison:
    """Run level (a) on held-out sites and set it against level (b)."""
    whole = setting.resolved()
    table = table_for(whole, meters)
    one, other = _level_a(whole, meters, sites, rounds), _level_b(table)
    share_off = other.delivered - one.delivered
    p99_off = other.p99 / one.p99 - 1 if one.p99 else 0.0
    holds = abs(share_off) <= SHARE_BAR and abs(p99_off) <= DELAY_BAR
    return Comparison(whole, meters, len(sites), rounds, one, other, share_off, p99_off, holds)


def usual() -> Iterator[tuple[MeshSetting, int]]:
    """What is compared when nothing is named: the classes at a number that ships and at two between."""
    for name in ("urban", "suburban", "rural"):
        for meters in (90, 250, 400):
            yield MeshSetting(area_class=name), meters


def of_topology(topology: Topology) -> list[tuple[MeshSetting, int]]:
    """The kinds of mesh that a topology has, each once; raises :class:`InputError` when it has none."""
    kinds = {
        (area.field.plan().mesh.resolved(), area.meters_per_concentrator): None
        for area in topology.areas
        if area.medium == "multihop"
    }
    if not kinds:
        raise InputError("no area of this topology has a mesh; there is nothing to compare")
    return list(kinds)


def _level_a(setting: MeshSetting, meters: int, sites: range, rounds: int) -> Side:
    from twins.field.statistics.fit import site_runs  # the compiled engine takes a second to load

    runs = list(site_runs(setting, meters, sites, rounds, HELD_OUT_SEED))
    return _side(
        np.concatenate([run.cause.ravel() for run in runs]),
        np.concatenate([run.delay.ravel() for run in runs]),
        np.array([(run.cause == 0).mean() for run in runs]),
        np.concatenate([run.asked_cause for run in runs]),
        np.concatenate([run.asked_delay for run in runs]),
    )


def _level_b(table: MeshTable) -> Side:
    """The same of many concentrators, without the moment of sending and without what is behind the mesh."""
    at_once = msgspec.structs.replace(table, setting=msgspec.structs.replace(table.setting, window_s=0.0))
    meters = table.meters * _CONCENTRATORS
    place = Place(HELD_OUT_SEED, 0, 0, meters, table.meters, 0, _CONCENTRATORS)
    mesh, rows = Mesh(place, at_once), np.arange(meters, dtype=np.int64)
    keys = place.keys(rows)
    readings = [mesh.reading(rows, keys, slot) for slot in range(_SLOTS)]
    there = rows[mesh.hops(rows) > 0]
    asked = [mesh.exchange(there, keys[there], occasion, 0.0) for occasion in range(_SLOTS)]
    cause, delay = _joined(readings)
    share = (cause == 0).reshape(_SLOTS, _CONCENTRATORS, table.meters).mean(axis=(0, 2))
    return _side(cause, delay, share, *_joined(asked))


def _joined(parts: list[Passage]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    return np.concatenate([part.cause for part in parts]), np.concatenate([part.delay for part in parts])


def _side(
    cause: NDArray[np.uint8],
    delay: NDArray[np.float64],
    shares: NDArray[np.float64],
    asked_cause: NDArray[np.uint8],
    asked_delay: NDArray[np.float64],
) -> Side:
    arrived, asked = delay[cause == 0], asked_delay[asked_cause == 0]
    counts = np.bincount(cause, minlength=len(CAUSES)) / len(cause)
    return Side(
        delivered=float((cause == 0).mean()),
        between=float(shares.std()),
        p50=_quantile(arrived, 0.5),
        p99=_quantile(arrived, 0.99),
        asked_delivered=float((asked_cause == 0).mean()) if len(asked_cause) else 0.0,
        asked_p99=_quantile(asked, 0.99),
        causes={CAUSES[c]: float(share) for c, share in enumerate(counts) if c and share},
    )


def _quantile(values: NDArray[np.float64], share: float) -> float:
    """A quantile; 0 of nothing."""
    return float(np.quantile(values, share)) if len(values) else 0.0
