"""Readings, live 5-minute values and records of them in one mesh; the same over other media; twins that keep them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.campaigns.mesh import BABBLE_EVERY, collect
from bench.field.errands import Worker
from bench.field.ground import Ground, Result, run_work
from bench.field.tables import with_tables
from bench.head_end.spec import RecollectionPolicy
from bench.topology import Topology
from protocols.slots import SLOT_SECONDS
from twins.chosen import ChosenTwins
from twins.field.areas import FieldOfAreas
from twins.plan import FleetPlan
from twins.random import salt

ASKED_AGAIN: Final = (120.0, 240.0, 360.0)
"""s after the end of its 5 minutes at which a live value is asked for again; our own choice."""

_FIVE, _DAY_ROWS = 300, 288
_RECORD_TRIES = 8  # over the simulated time: every three quarters of an hour in 6 hours; our own choice
_TAIL = 3600.0


class Shares(NamedTuple):
    """Which part of the meters is wanted live, and which by record."""

    live: float
    record: float


def chosen(meters: int, share: float, seed: int, what: str) -> NDArray[np.int64]:
    """So large a share of nodes 1 … ``meters``, one at least, by the seed."""
    draw = np.random.Generator(np.random.PCG64(int(salt(seed, "five-minute", what))))
    count = max(1, int(np.ceil(share * meters)))
    return np.sort(draw.choice(meters, count, replace=False) + 1)


def run_ground(
    ground: Ground,
    shares: Shares,
    hours: float,
    policy: RecollectionPolicy,
    within: float,
    seed: int,
    *,
    late: Sequence[int] = (),
    late_by: float = 0.0,
    lawless: Sequence[int] = (),
) -> Result:
    """All of it at one concentrator for so many hours. ``late``, ``lawless``: meters with planted defects."""
    seconds = hours * 3600.0
    tardy, heedless = ground.nodes(late), ground.nodes(lawless)
    worker = Worker(ground.meters, int(salt(seed, "ground", ground.first)))
    collect(worker, ground.meters, ground.setting.window_s, int(seconds // SLOT_SECONDS), policy, within)
    live = np.union1d(chosen(ground.meters, shares.live, seed, "live"), tardy)
    worker.five_minute(live, seconds, ASKED_AGAIN, tardy, late_by)
    worker.records(chosen(ground.meters, shares.record, seed, "record"), seconds, _RECORD_TRIES)
    if len(heedless):
        worker.babble(heedless, seconds, BABBLE_EVERY)
    return run_work(ground.mesh(), worker.work(), seed, seconds + _TAIL, lawless=bool(len(heedless)))


def other_media(topology: Topology, share: float, within: float, seed: int) -> dict[str, float]:
    """Of areas without a mesh: share of live 5-minute values in time, by the statistics of their medium.

    Two hours of them. Each is asked for as soon as it is there, and again as in a mesh.
    """
    plan = topology.fleet_plan()
    field = FieldOfAreas(plan, with_tables(topology.field_plan(), plan))
    found = {}
    for number, area in enumerate(plan.areas):
        if area.medium == "multihop":
            continue
        index = plan.first_meter_of_area(number) + chosen(area.meters, share, seed, area.name) - 1
        in_time = 0
        times = range(0, 7200, _FIVE)
        for at in times:
            done = np.zeros(len(index), dtype=np.bool_)
            for number_of_try, asked in enumerate((0.0, *ASKED_AGAIN)):
                now = plan.first_slot * SLOT_SECONDS + at + asked
                came = field.exchange(index, at + number_of_try, now)
                done |= came.arrives & (asked + came.delay <= within)
            in_time += int(done.sum())
        found[area.name] = in_time / (len(index) * len(times))
    return found


def kept_share(plan: FleetPlan, most: int) -> float | None:
    """Share of a day's 5-minute rows that twins of the next generation hold and that add up to their half-hours.

    None for a fleet without such twins. ``most`` of them are looked at.
    """
    indices = [i for i in range(min(plan.meters, 50 * most)) if plan.class_of(i) == "LV"]
    twins = ChosenTwins(plan, indices)
    views = [view for view in twins.views if view.generation == "next"][:most]
    if not views:
        return None
    twins.advance_to(plan.first_slot + 48)
    begin, end = plan.first_slot * SLOT_SECONDS, (plan.first_slot + 48) * SLOT_SECONDS
    held = 0
    for view in views:
        rows = {row.end: row.active for row in view.record(_FIVE, begin + _FIVE, end, end)}
        wanted = range(begin + _FIVE, end + 1, _FIVE)
        halves = [at for at in wanted if at % SLOT_SECONDS == 0]
        agree = all(at not in rows or rows[at] == view.ended(at) for at in halves)
        held += sum(at in rows for at in wanted) if agree else 0
    return held / (len(views) * _DAY_ROWS)
