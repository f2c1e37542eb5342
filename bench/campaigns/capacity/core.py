"""How many meters a concentrator bears: numbers are tried from small to large, each on several sites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
import numpy as np

from bench.campaigns.mesh import BABBLE_EVERY, collect
from bench.field.errands import Worker
from bench.field.ground import Ground, Result, medium_of, run_work
from bench.head_end.spec import RecollectionPolicy
from protocols.slots import SLOT_SECONDS
from twins.field.layouts import layout, link_table
from twins.field.mesh.concentrator import Mesh, build_mesh
from twins.field.settings import MeshSetting
from twins.random import salt

_TAIL: Final = 3600.0


class Load(NamedTuple):
    """What is asked of a concentrator: s to send in, share of meters with 5-minute values, whether one asks again."""

    name: str
    window: float
    five_minute: float
    asks: bool


LOADS: Final = (
    Load("readings", 300.0, 0.0, True),
    Load("readings within a minute", 60.0, 0.0, True),
    Load("readings, nobody asks again", 300.0, 0.0, False),
    Load("readings and everybody's 5-minute values", 300.0, 1.0, True),
)
"""The loads that are tried; our own choice."""


class Trial(msgspec.Struct, frozen=True):
    """One number of meters under one load: the worst site's share in time, and the most that a node sent in an hour."""

    area_class: str
    mode: str
    load: str
    meters: int
    on_time: float
    worst_hour: float
    without_way: int


def try_meters(
    setting: MeshSetting, meters: int, sites: int, rounds: int, policy: RecollectionPolicy, within: float, seed: int
) -> list[Trial]:
    """All loads at one number of meters."""
    meshes = [_mesh(setting, meters, site) for site in range(sites)]
    found = []
    for load in LOADS:
        results = [_run(mesh, meters, load, rounds, policy, within, seed) for mesh in meshes]
        found.append(
            Trial(
                setting.area_class,
                setting.mode,
                load.name,
                meters,
                min(result.within(within) for result in results),
                round(max(float(result.worst_hour.max()) for result in results), 3),
                sum(int((result.hops[1:] == 0).sum()) for result in results),
            )
        )
    return found


def capacities(trials: Iterable[Trial]) -> dict[tuple[str, str, str], int]:
    """The largest number up to which all was in time, by class, mode and load."""
    found: dict[tuple[str, str, str], int] = {}
    broken: set[tuple[str, str, str]] = set()
    for trial in sorted(trials, key=lambda each: each.meters):
        key = (trial.area_class, trial.mode, trial.load)
        found.setdefault(key, 0)
        if trial.on_time < 1.0:
            broken.add(key)
        elif key not in broken:
            found[key] = trial.meters
    return found


def run_planned(
    ground: Ground, rounds: int, policy: RecollectionPolicy, within: float, seed: int, lawless: Iterable[int] = ()
) -> Result:
    """A concentrator as the topology has it, under readings alone. ``lawless``: meters that heed no air-time rule."""
    heedless = ground.nodes(tuple(lawless))
    worker = Worker(ground.meters, int(salt(seed, "planned", ground.first)))
    collect(worker, ground.meters, ground.setting.window_s, rounds, policy, within)
    seconds = rounds * SLOT_SECONDS
    if len(heedless):
        worker.babble(heedless, seconds, BABBLE_EVERY)
    return run_work(ground.mesh(), worker.work(), seed, seconds + _TAIL, lawless=bool(len(heedless)))


def _mesh(setting: MeshSetting, meters: int, number: int) -> Mesh:
    whole = setting.resolved()
    site = layout(whole, meters, number)
    received = link_table(whole, site).received_dbm
    return build_mesh(site.positions, medium_of(whole), site.seed, received_dbm=received)


def _run(
    mesh: Mesh, meters: int, load: Load, rounds: int, policy: RecollectionPolicy, within: float, seed: int
) -> Result:
    worker = Worker(meters, int(salt(seed, load.name, meters)))
    asking = policy if load.asks else msgspec.structs.replace(policy, tries=0)
    collect(worker, meters, load.window, rounds, asking, within)
    if load.five_minute:
        count = max(1, round(load.five_minute * meters))
        none = np.empty(0, np.int64)
        worker.five_minute(np.arange(1, count + 1), rounds * SLOT_SECONDS, (), none, 0.0)
    return run_work(mesh, worker.work(), seed, rounds * SLOT_SECONDS + _TAIL)
