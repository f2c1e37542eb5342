"""Level (b) against level (a) with other traffic on the air: mixes that no fit has seen, on sites that none has used.

Burdens are fitted class by class; here all classes come together, at rates between the fitted ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.field.compare import DELAY_BAR, HELD_OUT_SEED, SHARE_BAR
from bench.field.tables import burdens_for, table_for
from twins.field.interface import Passage
from twins.field.layouts import layout, link_table
from twins.field.media.base import Place
from twins.field.media.mesh import Mesh
from twins.field.settings import NO_TRAFFIC, MeshSetting, TrafficSetting
from twins.field.statistics.burdens import TRAFFIC_CLASSES, air_shares, loaded
from twins.field.statistics.tables import MeshTable
from twins.random import salt

SITES: Final = range(10_000, 10_016)
ROUNDS: Final = 4
_ASKED = 12  # exchanges in a round: few, as they are traffic themselves
_CONCENTRATORS, _OCCASIONS = 240, 4

_KINDS: Final = (("urban", 180), ("suburban", 250), ("suburban", 400), ("rural", 180), ("rural", 500), ("urban", 1000))

MIXES: Final = {
    "everyday": TrafficSetting(five_minute=0.03, polls=0.5, controls=0.1, joins=0.01),
    "busy": TrafficSetting(five_minute=0.5, polls=2.0, controls=1.0, joins=0.1),
    "rollout": TrafficSetting(five_minute=0.1, polls=1.0, controls=0.2, firmware=120.0, joins=0.05),
}


class ClassSides(msgspec.Struct, frozen=True):
    """One class by both levels: messages of level (a), share delivered, p99 of the delay in s."""

    name: str
    offered: int
    delivered_a: float
    delivered_b: float
    p99_a: float
    p99_b: float
    air: float  # share of the time that one of the nodes sends a frame of it, by level (b)'s tables


class TrafficComparison(msgspec.Struct, frozen=True):
    """One mix in one kind of mesh. Judged are the readings; ``alone``: what level (a) delivers without the mix."""

    mix: str
    setting: MeshSetting
    meters: int
    classes: tuple[ClassSides, ...]  # readings and exchanges first
    alone: float
    share_off: float
    p99_off: float
    holds: bool


def usual_mixes() -> Iterator[tuple[str, MeshSetting, int]]:
    """What is compared when nothing is named."""
    for mix in MIXES:
        for name, meters in _KINDS:
            yield mix, MeshSetting(area_class=name), meters


def compare_traffic(
    mix: str, setting: MeshSetting, meters: int, sites: range = SITES, rounds: int = ROUNDS
) -> TrafficComparison:
    """Run level (a) with a mix on held-out sites, and set it against level (b)."""
    whole, traffic = setting.resolved(), MIXES[mix]
    heavier = burdens_for(whole, meters)
    table = loaded(table_for(whole, meters), heavier, traffic)
    found_a, alone = _level_a(whole, meters, traffic, sites, rounds)
    found_b, shares = _level_b(table), air_shares(heavier, traffic)
    classes = tuple(
        ClassSides(name, len(cause), *_pair(0, found_a[name], found_b[name]), *_pair(1, found_a[name], found_b[name]),
                   shares.get(name, 0.0))
        for name, (cause, _) in found_a.items()
        if len(cause)
    )  # fmt: skip
    reading = classes[0]
    share_off, p99_off = reading.delivered_b - reading.delivered_a, reading.p99_b / reading.p99_a - 1
    holds = abs(share_off) <= SHARE_BAR and abs(p99_off) <= DELAY_BAR
    return TrafficComparison(mix, whole, meters, classes, alone, share_off, p99_off, holds)


_Found = tuple[NDArray[np.uint8], NDArray[np.float64]]


def _pair(what: int, one: _Found, other: _Found) -> tuple[float, float]:
    """Share delivered (0) or p99 of the delay (1) of two levels."""
    if what == 0:
        return float((one[0] == 0).mean()), float((other[0] == 0).mean())
    return _p99(one), _p99(other)


def _p99(found: _Found) -> float:
    came = found[1][found[0] == 0]
    return float(np.quantile(came, 0.99)) if len(came) else 0.0


def _level_a(
    setting: MeshSetting, meters: int, traffic: TrafficSetting, sites: range, rounds: int
) -> tuple[dict[str, _Found], float]:
    from twins.field.mesh.simulation import network  # the compiled engine takes a second to load
    from twins.field.statistics.compete import Messages, run_with

    parts: dict[str, list[Messages]] = {name: [] for name in ("readings", "requests", *TRAFFIC_CLASSES)}
    quiet: list[NDArray[np.uint8]] = []
    for number in sites:
        site = layout(setting, meters, number)
        received = link_table(setting, site).received_dbm
        net = network(received, site.seed, mode_name=setting.mode, spread=setting.retry_spread_s)
        for turn in range(rounds):
            own = int(salt(HELD_OUT_SEED, "traffic", number, turn))
            run = run_with(setting, net, traffic, own, _ASKED)
            alone = run_with(setting, net, NO_TRAFFIC, own, 0).reading
            quiet.append(alone.cause[alone.hops > 0])
            for name, each in {"readings": run.reading, "requests": run.exchange, **run.others}.items():
                parts[name].append(each)
    found = {}
    for name, all_of_it in parts.items():
        there = np.concatenate([each.hops for each in all_of_it]) > 0
        cause, delay = (np.concatenate([getattr(each, what) for each in all_of_it]) for what in ("cause", "delay"))
        found[name] = (cause[there], delay[there])
    return found, float((np.concatenate(quiet) == 0).mean())


def _level_b(table: MeshTable) -> dict[str, _Found]:
    at_once = msgspec.structs.replace(table, setting=msgspec.structs.replace(table.setting, window_s=0.0))
    meters = table.meters * _CONCENTRATORS
    place = Place(HELD_OUT_SEED, 0, 0, meters, table.meters, 0, _CONCENTRATORS)
    mesh = Mesh(place, at_once)
    rows = np.flatnonzero(mesh.hops(np.arange(meters)) > 0)
    keys = place.keys(rows)
    found = {
        "readings": _joined([mesh.reading(rows, keys, occasion) for occasion in range(_OCCASIONS)]),
        "requests": _joined([mesh.exchange(rows, keys, occasion, 0.0) for occasion in range(_OCCASIONS)]),
    }
    for name in TRAFFIC_CLASSES:
        found[name] = _joined([mesh.message(name, rows, keys, occasion, 0.0) for occasion in range(_OCCASIONS)])
    return found


def _joined(parts: list[Passage]) -> _Found:
    return np.concatenate([part.cause for part in parts]), np.concatenate([part.delay for part in parts])
