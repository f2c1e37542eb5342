"""What a loss that comes and goes does to the meters of a concentrator, by its dB: level (a) with and without it.

Nodes keep their parents meanwhile, as those of the fitted statistics do: a network that finds another way within
minutes suffers less than this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twins.field.checks import need
from twins.field.layouts import layout, link_table
from twins.field.media.shading import Shaded
from twins.field.mesh.codes import NOBODY
from twins.field.mesh.disturbances import Shade
from twins.field.mesh.simulation import Network, network
from twins.field.settings import JammerSetting, MeshSetting
from twins.field.statistics.fit import TAIL, beside, run_rounds
from twins.field.variations import Variation
from twins.random import salt

ROUNDS: Final = 64  # of each loss: a shaded meter sends one reading in each
_DRIFT: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)  # losses for drifts, in deviations


def fit_shade(
    setting: MeshSetting,
    meters: int,
    site: int,
    variation: Variation,
    jammers: Sequence[JammerSetting] = (),
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Shaded:
    """How a variation shades the meters of one site: its node, and those whose way goes through it.

    Raises :class:`twins.field.checks.FieldError` for a node that the site does not have.
    """
    whole = setting.resolved()
    place = layout(whole, meters, site)
    received = link_table(whole, place).received_dbm
    net = network(received, place.seed, mode_name=whole.mode, spread=whole.retry_spread_s)
    need(variation.node <= meters, f"{variation.name}: a concentrator of {meters} meters has no node {variation.node}")
    group = _groups(net, variation.node)
    losses = tuple(variation.db * part for part in (_DRIFT if variation.fading_s else (0.0, 1.0)))
    other = int(net.tree.parent[variation.node]) if variation.way_up else None
    hazard = np.zeros((group.max() + 1, len(losses)))
    if other == NOBODY or not len(hazard):
        return Shaded(variation=variation, group=(-1,) * meters, db=(0.0,), hazard=())
    around = beside(whole, place, jammers)
    for column, db in enumerate(losses):
        shades = [Shade(variation.node, db, 0.0, whole.window_s + TAIL + 1.0, other)]
        run = run_rounds(whole, net, int(salt(seed, "shade", site)), rounds, around._replace(shades=shades))
        for number in range(len(hazard)):
            lost = run.cause[:, group == number] != 0
            hazard[number, column] = -np.log(max(lost.size - lost.sum(), 0.5) / lost.size)
    more = np.maximum.accumulate(np.maximum(hazard - hazard[:, :1], 0.0), axis=1)
    return Shaded(
        variation=variation,
        group=tuple(group.tolist()),
        db=losses,
        hazard=tuple(tuple(round(float(value), 5) for value in row) for row in more),
    )


def _groups(net: Network, node: int) -> NDArray[np.int64]:
    """By meter: the group it suffers with, -1 for none: the node, those behind it; of the root those of each depth."""
    parent, hops = net.tree.parent, net.tree.hops
    if node == 0:
        return np.asarray(hops[1:] - 1)
    behind = np.zeros(len(parent), dtype=np.bool_)
    for each in np.argsort(hops, kind="stable").tolist():
        above = int(parent[each])
        behind[each] = above == node or (above > 0 and behind[above])
    group = np.where(behind, 1, -1)
    group[node] = 0 if hops[node] > 0 else -1
    return np.asarray(group[1:])
