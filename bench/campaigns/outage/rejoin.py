"""How long meters take to be back in their network: meshes in the event engine, other media by figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.campaigns.mesh import collect
from bench.field.errands import Worker
from bench.field.ground import Ground, Result, run_work
from bench.head_end.spec import RecollectionPolicy
from protocols.slots import SLOT_SECONDS
from twins.field.media.cellular import attach_wait
from twins.field.media.parameters import media
from twins.field.mesh.disturbances import Outage
from twins.field.rules.parameters import SECOND
from twins.plan import AreaPlan
from twins.random import salt

KNOTS: Final = 101
_BEGIN: Final = 60.0
_LONGEST: Final = 1800.0  # s of darkness in the engine: meters keep their keys however long it lasts


class Rejoin(NamedTuple):
    """One mesh after its outage: s until each meter was back, infinite for those that were not; what else happened."""

    ground: Ground
    seconds: NDArray[np.float64]
    result: Result


def rejoin_mesh(
    ground: Ground, dark_s: float, hours: float, policy: RecollectionPolicy, within: float, seed: int
) -> Rejoin:
    """All meters of a concentrator lose their power at once, and get it back at once; readings go on all the time."""
    dark = min(dark_s, _LONGEST)
    end = _BEGIN + dark
    whole = end + hours * 3600.0
    worker = Worker(ground.meters, int(salt(seed, "rejoin", ground.first)))
    collect(worker, ground.meters, ground.setting.window_s, int(whole // SLOT_SECONDS), policy, within)
    mesh = ground.mesh([Outage(tuple(range(1, ground.meters + 1)), _BEGIN, end)], living=True)
    result = run_work(mesh, worker.work(), seed, whole)
    back = result.outcome.nodes["joined_at"][1:] / SECOND - end
    seconds = np.where(back > 0, back, np.inf)
    seconds[mesh.tree.hops[1:] == 0] = np.nan  # a meter that no mesh reaches has another way
    return Rejoin(ground, seconds, result)


def quantiles(found: list[Rejoin], longest: float) -> tuple[float, ...]:
    """What fields draw from; meters that did not come back in the simulation do so at ``longest``."""
    seconds = np.concatenate([each.seconds for each in found])
    seconds = np.where(np.isfinite(seconds), seconds, longest)[~np.isnan(seconds)]
    return tuple(np.round(np.quantile(seconds, np.linspace(0, 1, KNOTS)), 1).tolist())


def of_medium(area: AreaPlan) -> tuple[float, ...]:
    """Other media: cells attach so many a second; over a power line a meter is back at once (no model)."""
    if area.medium != "cellular":
        return ()
    figures = media().cellular
    place = np.linspace(0, 1, KNOTS)
    wait = attach_wait(place, min(area.meters, figures.cell_meters), 0.0, figures.attach_rate)
    return tuple(np.round(wait, 1).tolist())


def dark_concentrators(areas: tuple[AreaPlan, ...], most: int | None) -> Mapping[int, tuple[int, ...]]:
    """Which concentrators of each area go dark: all, or whole ones in turn until ``most`` meters are dark."""
    left = sum(area.meters for area in areas) if most is None else most
    found = {}
    for number, area in enumerate(areas):
        count = min(area.concentrators, left // area.meters_per_concentrator)
        if count:
            found[number] = tuple(range(count))
            left -= count * area.meters_per_concentrator
    return found
