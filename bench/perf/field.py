"""How fast the field is: one round of level (a) for a concentrator, one round of level (b) for millions of meters.

Measured in a child process on one core. Level (a): readings of a 30-minute round through the event engine on several
sites, the mesh set up beforehand. Level (b): the way of a reading of every meter, in three classes of areas, links
behind the concentrators included; memory is the growth of the largest resident set from before the field was built,
left out where the system does not tell it of the process alone.
"""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import InputError
from twins.field.areas import AreaField, FieldOfAreas
from twins.field.classes import AREA_CLASSES
from twins.field.layouts import layout, link_table
from twins.field.settings import MOST_METERS, MeshSetting
from twins.plan import AreaPlan, FleetPlan

REPEATS = 5
_SITES = 3
_PER_CONCENTRATOR = 250


def measure_field(meters: int, mesh: int = 500) -> dict[str, Any]:
    """Both levels: ``mesh`` meters at one concentrator by (a), ``meters`` altogether by (b); figures by name.

    Raises :class:`InputError` unless both are positive and ``mesh`` is one concentrator's.
    """
    if meters < 1 or not 1 <= mesh <= MOST_METERS:
        raise InputError(f"meters must be positive, and a mesh has 1 to {MOST_METERS}")
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as child:
        level_b = child.submit(_level_b, meters).result()
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as child:
        level_a = child.submit(_level_a, mesh).result()
    return {"level_a": level_a, "level_b": level_b}


def _level_a(mesh: int) -> dict[str, Any]:
    from twins.field.mesh.simulation import network, readings, simulate
    from twins.field.statistics.fit import READING_PSDU, TAIL

    seconds, cpu, events, built = [], [], [], []
    for number in range(_SITES):
        setting = MeshSetting(area_class="suburban").resolved()
        site = layout(setting, mesh, number)
        began = time.perf_counter()
        net = network(link_table(setting, site).received_dbm, site.seed, mode_name=setting.mode)
        built.append(time.perf_counter() - began)
        for repeat in range(REPEATS + 1):
            traffic = readings(mesh + 1, repeat, setting.window_s, READING_PSDU)
            began, used = time.perf_counter(), time.process_time()
            found = simulate(net, traffic, repeat, setting.window_s + TAIL)
            if repeat:  # the first loads the compiled core
                seconds.append(time.perf_counter() - began)
                cpu.append(time.process_time() - used)
                events.append(found.events)
    middle = statistics.median(seconds)
    return {
        "meters": mesh,
        "rounds": len(seconds),
        "seconds_per_round": middle,
        "cpu_seconds_per_round": statistics.median(cpu),
        "events_per_round": statistics.median(events),
        "events_per_second": sum(events) / sum(seconds),
        "build_seconds": statistics.median(built),
    }


def _level_b(meters: int) -> dict[str, Any]:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    plan = _plan(meters)
    before, began = _peak_bytes(), time.perf_counter()
    field = FieldOfAreas(plan, [AreaField(mesh=MeshSetting(area_class=name)) for name in AREA_CLASSES])
    build = time.perf_counter() - began
    index = np.arange(plan.meters, dtype=np.int64)
    seconds, cpu, delivered = [], [], 0.0
    for slot in range(REPEATS):
        began, used = time.perf_counter(), time.process_time()
        found = field.reading(index, slot)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
        delivered += float(found.arrives.mean()) / REPEATS
        del found  # two rounds at a time are no part of what one takes
    middle, after = statistics.median(seconds), _peak_bytes()
    memory = {} if before is None or after is None else {"bytes": after - before}
    return {
        "meters": plan.meters,
        "concentrators": plan.concentrators,
        "rounds": REPEATS,
        "seconds_per_round": middle,
        "cpu_seconds_per_round": statistics.median(cpu),
        "meters_per_second": plan.meters / middle,
        **memory,
        "build_seconds": build,
        "delivered": delivered,
    }


def _peak_bytes() -> int | None:
    """Largest resident set so far, of Linux; None elsewhere. What ``getrusage`` calls so began at the size of the
    process that started this one, and hides all that stays below it."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), None)


def _plan(meters: int) -> FleetPlan:
    """At least so many meters, in equal shares of the three classes."""
    concentrators = -(-meters // (_PER_CONCENTRATOR * len(AREA_CLASSES)))
    areas = tuple(
        AreaPlan(
            name=name,
            utility="tepco",
            medium="multihop",
            concentrators=concentrators,
            meters_per_concentrator=_PER_CONCENTRATOR,
            generation_mix={"current": 1.0},
            load_mix={"household": 1.0},
            pv_share=0.0,
        )
        for name in AREA_CLASSES
    )
    return FleetPlan(seed=1, first_slot=0, areas=areas)
