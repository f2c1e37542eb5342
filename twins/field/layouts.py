"""Where the meters of a concentrator stand: sites, drawn by class of area, each a pure function of its number.

A site is an endless neighbourhood around one concentrator; ``n`` meters are the n nearest to it. So the same site with
more meters is the same neighbourhood, wider. Concentrators of a topology stand on these sites (:func:`site_of`), the
statistics of level (b) are fitted from them, and maps show them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.checks import need
from twins.field.classes import area_class
from twins.field.physics.links import Links, extra_db, links
from twins.field.settings import MOST_METERS, MeshSetting
from twins.random import mix32, salt

CONCENTRATOR_CLEAR_M = 2.0
"""No meter hangs nearer to its concentrator."""


class Layout(NamedTuple):
    """Nodes of one concentrator; node 0 is the concentrator, meter k is node k + 1, nearest first."""

    positions: NDArray[np.float64]  # (n + 1, 2) m east and north of the concentrator
    around: NDArray[np.int64]  # (n + 1,) place in `names`
    names: tuple[str, ...]
    seed: int

    @property
    def extra_db(self) -> NDArray[np.float64]:
        """What stands around each node, in dB."""
        return np.array([extra_db(name) for name in self.names])[self.around]


def layout(setting: MeshSetting, meters: int, site: int, seed: int = 0) -> Layout:
    """Site number ``site`` of a kind of mesh, with so many meters. ``seed`` tells families of sites apart.

    Raises :class:`twins.field.checks.FieldError` for what cannot be.
    """
    need(1 <= meters <= MOST_METERS, f"a concentrator has 1 to {MOST_METERS} meters here")
    whole = setting.resolved()
    number = int(salt(seed, "site", whole.area_class, site))
    place = _places(whole, meters, number)
    chosen = np.zeros(meters + 1, dtype=np.int64)
    names = ("open", *(name for name, _ in whole.around))
    shares = np.cumsum([share for _, share in whole.around])
    # By the meter's rank on its site: a wider site does not change what stands around the nearer meters.
    draw = np.random.Generator(np.random.PCG64(number ^ 0x5EED)).random(MOST_METERS)[:meters]
    chosen[1:] = 1 + np.minimum(np.searchsorted(shares, draw, side="right"), len(shares) - 1)
    return Layout(np.vstack([[0.0, 0.0], place]), chosen, names, number)


def link_table(setting: MeshSetting, site: Layout) -> Links:
    """Links between all nodes of a site."""
    return links(area_class(setting.area_class).model, site.positions, site.seed, extra_db=site.extra_db)


def site_of(seed: int, concentrator: NDArray[np.int64], sites: int) -> NDArray[np.int64]:
    """On which of so many sites concentrators stand, by their fleet-wide numbers."""
    hashed = mix32(mix32(concentrator.astype(np.uint32)) ^ salt(seed, "site of concentrator"))
    return np.asarray(hashed.astype(np.int64) % sites)


def _places(setting: MeshSetting, meters: int, number: int) -> NDArray[np.float64]:
    """Plots on a grid that is turned and shifted, some of them vacant, houses somewhere on their plot."""
    table = area_class(setting.area_class)
    draw = np.random.Generator(np.random.PCG64(number))
    side = setting.spacing_m * math.sqrt(1 - table.vacancy)  # a vacant plot leaves more room to the others
    reach = math.ceil(math.sqrt(MOST_METERS / (1 - table.vacancy) / math.pi)) + 6
    grid = np.arange(-reach, reach + 1, dtype=np.float64)
    plots = np.array(np.meshgrid(grid, grid)).reshape(2, -1).T + draw.uniform(-0.5, 0.5, 2)
    plots += draw.uniform(-table.jitter, table.jitter, plots.shape)
    turn = draw.uniform(0, math.pi / 2)
    turned = plots @ np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) * side
    away = np.hypot(*turned.T)
    taken = (draw.random(len(turned)) >= table.vacancy) & (away >= CONCENTRATOR_CLEAR_M)
    order = np.argsort(away[taken], kind="stable")[:meters]
    need(len(order) == meters, "the site is too small for its meters")
    return np.asarray(turned[taken][order])
