"""The routing tree of a settled mesh: each node's parent by the least sum of ETX (MRHOF), reckoned from the link table.

ETX of a link is 1 / (p_f p_r): the chances that a frame and its acknowledgement get through in noise alone. The tree is
what the nodes would settle on; how they come to know ETX, and the hysteresis of changing, are not in it.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from twins.field.checks import MOST_DBM, FieldError, need
from twins.field.mesh.codes import NOBODY
from twins.field.mesh.records import CANDIDATE
from twins.field.mesh.state import CANDIDATES, Records
from twins.field.physics.fsk import packet_error_rate, penalty_db
from twins.field.physics.noise import noise_dbm
from twins.field.physics.parameters import Mode, phy_modes
from twins.tables import Table


class Mrhof(Table, frozen=True, kw_only=True):
    """The limits of ``data/tree.toml``."""

    max_link_etx: float
    max_path_etx: float
    weakest_parent_dbm: float
    max_hops: int
    probe_psdu: int


class Tree(NamedTuple):
    """Arrays over the nodes; node 0 is the root. A node without a way has parent -1, no hops and infinite cost."""

    parent: NDArray[np.int64]
    hops: NDArray[np.int64]
    cost: NDArray[np.float64]  # sum of ETX to the root

    @property
    def island(self) -> NDArray[np.int64]:
        """The nodes that have no way to the root."""
        return np.flatnonzero((self.parent == NOBODY) & (np.arange(len(self.parent)) > 0))


def parse(text: str) -> Mrhof:
    """Limits of TOML text; raises :class:`FieldError` when something is missing or impossible."""
    try:
        limits = msgspec.convert(tomllib.loads(text), dict[str, Mrhof])["mrhof"]
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, KeyError) as error:
        raise FieldError(f"field: tree.toml: {error}") from error
    need(limits.max_link_etx >= 1 and limits.max_path_etx >= 1, "an ETX is at least 1")
    need(limits.max_hops >= 1 and limits.probe_psdu >= 1, "a tree has a hop, and a probe a byte")
    return limits


@cache
def mrhof() -> Mrhof:
    """The limits that ship."""
    return parse(resources.files(__package__).joinpath("data", "tree.toml").read_text("utf-8"))


def eb_n0(received_dbm: NDArray[np.float64], mode: Mode) -> NDArray[np.float64]:
    """Energy of a bit over the noise density (linear) at received powers, the mode's penalty counted in."""
    noise = noise_dbm(mode.rate_kbps * 1000) + penalty_db(mode)
    return np.asarray(10 ** ((received_dbm - noise) / 10))


def link_etx(received_dbm: NDArray[np.float64], mode: Mode, psdu: int) -> NDArray[np.float64]:
    """ETX (n, n) of all links; infinite where nothing gets through."""
    frame = phy_modes().frame
    ratio = np.minimum(eb_n0(received_dbm, mode), 1e6)
    there = 1 - packet_error_rate(ratio, psdu + frame.fcs_bytes)
    back = 1 - packet_error_rate(ratio.T, frame.ack_bytes + frame.fcs_bytes)
    with np.errstate(divide="ignore"):
        return np.asarray(1 / (there * back))


def build_tree(received_dbm: NDArray[np.float64], mode: Mode, limits: Mrhof | None = None) -> Tree:
    """The tree over a link table (n, n) in dBm (minus infinity for no link), by Dijkstra's method from the root.

    Raises :class:`FieldError` for a table with NaN or powers above :data:`twins.field.checks.MOST_DBM`.
    """
    limits = mrhof() if limits is None else limits
    n = len(received_dbm)
    need(n > 0 and received_dbm.shape == (n, n), "a link table is a square matrix with at least one node")
    need(not np.isnan(received_dbm).any(), "a link table holds no NaN")
    need((received_dbm <= MOST_DBM).all(), f"a link table holds no power above {MOST_DBM:g} dBm")
    etx = link_etx(received_dbm, mode, limits.probe_psdu)
    usable = (etx <= limits.max_link_etx) & (limits.weakest_parent_dbm <= received_dbm.T)
    etx = np.where(usable, etx, np.inf)
    parent, hops = np.full(n, NOBODY, dtype=np.int64), np.zeros(n, dtype=np.int64)
    cost, open_ = np.full(n, np.inf), np.ones(n, dtype=np.bool_)
    cost[0] = 0.0
    for _ in range(n):
        node = int(np.where(open_, cost, np.inf).argmin())
        if not open_[node] or cost[node] == np.inf:
            break
        open_[node] = False
        if hops[node] == limits.max_hops:
            continue
        through = cost[node] + etx[:, node]
        better = open_ & (through < cost) & (through <= limits.max_path_etx)
        cost[better], parent[better], hops[better] = through[better], node, hops[node] + 1
    return Tree(parent, hops, cost)


def candidates(tree: Tree, received_dbm: NDArray[np.float64], mode: Mode) -> Records:
    """The best neighbours of each node of a settled mesh, nearer to the root, as CANDIDATE records (n, places)."""
    limits, n = mrhof(), len(tree.parent)
    etx = link_etx(received_dbm, mode, limits.probe_psdu)
    usable = (etx <= limits.max_link_etx) & (limits.weakest_parent_dbm <= received_dbm.T)
    usable &= tree.cost[None, :] < tree.cost[:, None]
    way = np.where(usable, tree.cost[None, :] + np.where(usable, etx, 0.0), np.inf)
    best = np.argsort(way, axis=1, kind="stable")[:, :CANDIDATES]
    found = np.zeros((n, CANDIDATES), dtype=CANDIDATE)
    found["who"] = NOBODY
    row = np.arange(n)[:, None]
    there = np.isfinite(way[row, best])
    width = best.shape[1]  # fewer nodes than places
    level = 10 ** (received_dbm.T[row, best] / 10)
    for name, values in (("cost", tree.cost[best]), ("etx", etx[row, best]), ("level_mw", level)):
        found[name][:, :width] = np.where(there, values, 0.0)
    found["who"][:, :width] = np.where(there, best, NOBODY)
    found["measured"][:, :width] = there
    return found
