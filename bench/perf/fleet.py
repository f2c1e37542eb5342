"""How fast a fleet is metered on one core, and how much memory a twin takes.

The measurement runs in a fresh child process on one processor, so that neither the caller's memory nor another core
flatters it. A repeat is a whole day, because nights (water heaters) and daylight (photovoltaics) cost differently.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import psutil

from bench.errors import InputError
from protocols.slots import SLOTS_PER_DAY, first_slot_of
from twins.fleet import Fleet
from twins.load.model import japanese
from twins.plan import AreaPlan, FleetPlan

REPEATS = 5
_FIRST_DAY = 20454  # 2026-01-01: a winter day has the longest water-heater nights
_METERS_PER_CONCENTRATOR = 250
_AREAS = (
    ("dense", {"household": 0.88, "all_electric": 0.06, "shop": 0.06}, 0.03),
    ("suburb", {"household": 0.78, "all_electric": 0.18, "shop": 0.04}, 0.14),
    ("village", {"household": 0.70, "all_electric": 0.26, "shop": 0.04}, 0.20),
)


def measure_fleet(twins: int, slots: int | None = None) -> dict[str, Any]:
    """Build a fleet of ``twins`` and meter ``slots`` half-hours (default a day) several times; the figures by name.

    ``twin_slots_per_second`` is the median over the repeats, ``seconds`` and ``cpu_seconds`` are of the median repeat;
    ``resident_bytes_per_twin`` is the growth of the process's resident set from before the fleet was built until after
    the last repeat, everything included. Raises :class:`InputError` unless both are positive.
    """
    slots = SLOTS_PER_DAY if slots is None else slots
    if twins < 1 or slots < 1:
        raise InputError("twins and slots must be positive")
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as child:
        return child.submit(_measure_here, twins, slots).result()


def _measure_here(twins: int, slots: int) -> dict[str, Any]:
    """The measurement itself, in the child process."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    japanese()  # shared by all fleets of a process and of constant size: compiled before the count begins
    before, started = _resident_bytes(), time.perf_counter()
    fleet = Fleet(plan_of(twins), 0, twins)
    build_seconds = time.perf_counter() - started
    fleet.counter.fill(0)  # a shard writes this column; fresh zero pages would not be counted
    repeats = sorted(_timed_advance(fleet, slots) for _ in range(REPEATS))
    resident = _resident_bytes() - before
    seconds, cpu_seconds = repeats[len(repeats) // 2]
    return {
        "twins": twins,
        "slots": slots,
        "repeats": REPEATS,
        "twin_slots_per_second": twins * slots / seconds,
        "twin_slots_per_cpu_second": twins * slots / statistics.median(cpu for _, cpu in repeats),
        "resident_bytes_per_twin": resident / twins,
        "column_bytes_per_twin": fleet.nbytes / twins,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "build_seconds": build_seconds,
    }


def _timed_advance(fleet: Fleet, slots: int) -> tuple[float, float]:
    """Wall and processor seconds of some slots."""
    wall, cpu = time.perf_counter(), time.process_time()
    fleet.advance_to(fleet.slot + slots)
    return time.perf_counter() - wall, time.process_time() - cpu


def _resident_bytes() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def plan_of(twins: int) -> FleetPlan:
    """A mixed plan with at least this many meters."""
    concentrators = -(-twins // (_METERS_PER_CONCENTRATOR * len(_AREAS)))
    areas = tuple(
        AreaPlan(
            name=name,
            utility="TEPCO",
            medium="radio",
            concentrators=concentrators,
            meters_per_concentrator=_METERS_PER_CONCENTRATOR,
            generation_mix={"current": 1.0},
            load_mix=load_mix,
            pv_share=pv_share,
        )
        for name, load_mix, pv_share in _AREAS
    )
    return FleetPlan(seed=1, first_slot=first_slot_of(_FIRST_DAY), areas=areas)
