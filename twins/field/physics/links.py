"""The link table of a layout: who hears whom how loud (``field-network`` §6.1 formula 1).

P_rx = P_tx + gain - L(d) - X_i - X_j - S_ij, the same both ways. Distances below :data:`NEAREST` between different
nodes are refused: the formulas have no value at 0 m.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twins.field.checks import MOST_DBM, known, need, numbers, one_or_each, places
from twins.field.physics.parameters import path_loss_parameters, radio
from twins.field.physics.path_loss import median_loss, shadowing_db
from twins.field.physics.shadowing import Shadowing

NEAREST = 0.1
"""m; nearer antennas are in each other's near field."""


class Links(NamedTuple):
    """Matrices (n, n) over the nodes of a layout; the diagonals are infinite loss and no power."""

    metres: NDArray[np.float64]
    loss_db: NDArray[np.float64]
    received_dbm: NDArray[np.float64]


def links(
    area: str,
    positions: ArrayLike,
    seed: int,
    *,
    extra_db: ArrayLike = 0.0,
    power_dbm: float | None = None,
) -> Links:
    """Links between nodes at ``positions`` (n, 2 or 3; m) of an area class.

    ``extra_db``: what stands around each node (one number, or one a node).
    Raises :class:`twins.field.checks.FieldError` for nodes on top of each other, unknown areas, negative losses or more
    than one a node, and powers above :data:`twins.field.checks.MOST_DBM`.
    """
    p = path_loss_parameters()
    where = places(positions)
    need(len(where) > 0, "a layout has at least one node")
    around = one_or_each("extra loss", extra_db, len(where), least=0.0)
    sender = radio().sender
    own = sender.power_dbm if power_dbm is None else power_dbm
    power = float(numbers("power in dBm", own, most=MOST_DBM)) + sender.gain_dbi
    chosen = p.area[known(area, list(p.area))]
    metres = distances(where)
    loss = median_loss(chosen.model, metres) + around[:, None] + around[None, :]
    loss += shadowing_db(chosen.model, metres) * Shadowing(seed, chosen.correlation_m).between(where)
    np.fill_diagonal(loss, np.inf)
    return Links(metres, loss, power - loss)


def distances(where: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances (n, n) in m; the diagonal, which is no link, is :data:`NEAREST`. Two nodes at one place are refused."""
    apart: NDArray[np.float64] = np.linalg.norm(where[:, None, :] - where[None, :, :], axis=-1)
    np.fill_diagonal(apart, np.inf)
    if len(where) > 1:
        nearest = float(apart.min())
        need(nearest >= NEAREST, f"two nodes stand {nearest:g} m apart; the least is {NEAREST} m")
    np.fill_diagonal(apart, NEAREST)
    return apart


def extra_db(name: str) -> float:
    """The extra loss of a surrounding (``meter_box``, ``pipe_shaft``, ``underground`` …) in dB."""
    table = path_loss_parameters().extra
    return table[known(name, list(table))].db
