"""The radio mesh by level (b): each concentrator does as one of the fitted sites did.

A concentrator stands on a site (:func:`twins.field.layouts.site_of`). Its meters' depths are spread as that site's; a
meter of one depth loses what that site's meters of that depth lost, for the same causes, times a factor of its own
where the table says that meters differ. Meters keep depth and factor; each message is drawn for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twins.field.causes import OUT_OF_REACH, code
from twins.field.interface import Passage
from twins.field.layouts import site_of
from twins.field.media.base import Keys, Medium, Place, Rows, hashes
from twins.field.statistics.tables import KNOTS, MeshTable, Way
from twins.random import TABLE_SHIFT, lognormal_table, mix32, unit

_FINE = 4096  # entries of a delay table: the last covers what is rarer than 1 in 4096
_WINDOW_BITS = np.uint32(20)  # the low bits of a hash choose the moment, the high ones the delay
_WINDOW_MASK = np.uint32((1 << 20) - 1)
_CHUNK = 1 << 18
_WORST = 0.98  # no factor of its own makes a meter lose more


class _Fitted:
    """One way of some tables as arrays for look-up by cell, which is site * depths + hops, table after table."""

    def __init__(
        self, tables: Sequence[MeshTable], ways: Sequence[Way], depths: int, causes: Sequence[str], slowness: float
    ) -> None:
        lost = np.concatenate([_columns(*each, depths, causes) for each in zip(tables, ways, strict=True)])
        sites = [table.sites for table in tables]
        self.lost = lost.sum(axis=1)
        self.lost[::depths] = 1.0  # without a way
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.cumsum(lost, axis=1) / lost.sum(axis=1, keepdims=True)
        self.shares = np.nan_to_num(shares, nan=1.0)
        self.delay = np.concatenate([_fine(way, depths) for way in ways])
        slow = np.concatenate([way.slowness for way in ways]) * slowness
        self.slowness = np.repeat(slow, depths).astype(np.float32)
        self.table = np.repeat(np.arange(len(tables)), [count * depths for count in sites])
        self.first = ((self.table * depths + np.arange(len(self.lost)) % depths) * _FINE).astype(np.int32)
        self.factor = np.array([lognormal_table(way.spread) for way in ways], dtype=np.float64)
        # No meter of the cell is lost at a hash from here on, whatever its own factor is.
        most = np.where(self.lost < 1, np.minimum(self.lost * self.factor[self.table, -1], _WORST), 1.0)
        self.most = np.minimum(most * 2.0**32, 2.0**32 - 1).astype(np.uint32)


def _columns(table: MeshTable, way: Way, depths: int, causes: Sequence[str]) -> NDArray[np.float64]:
    """Losses of a table by cell and by the causes of all tables."""
    own = np.zeros((table.sites, depths, len(causes)))
    for column, name in enumerate(table.causes):
        own[:, : table.deepest + 1, causes.index(name)] = np.array(way.lost)[:, :, column]
    return own.reshape(table.sites * depths, len(causes))


def _fine(way: Way, depths: int) -> NDArray[np.float32]:
    """Delays of a way at even steps of probability, depth after depth."""
    fine = np.interp((np.arange(_FINE) + 0.5) / _FINE, KNOTS, np.arange(len(KNOTS)))
    below = np.minimum(fine.astype(int), len(KNOTS) - 2)
    part = fine - below
    knots = np.zeros((depths, len(KNOTS)))
    knots[: len(way.delay)] = way.delay
    return np.asarray((1 - part) * knots[:, below] + part * knots[:, below + 1], dtype=np.float32).ravel()


class Mesh:
    """Implements :class:`twins.field.media.base.Medium`.

    ``fallback`` carries the meters that have no way. ``special``: concentrators (numbers within the area) that have
    figures of their own, of the one site that they stand on, beside a jammer for instance.
    """

    def __init__(
        self,
        place: Place,
        table: MeshTable,
        slowness: float = 1.0,
        fallback: Medium | None = None,
        special: Mapping[int, MeshTable] | None = None,
    ) -> None:
        apart = {} if special is None else special
        tables = (table, *apart.values())
        causes = sorted({name for each in tables for name in each.causes})
        self._tables, self._causes_of_all, self._slowness = tables, causes, slowness
        self._others: dict[str, _Fitted] = {}  # made when they are first asked for
        self._seed = place.seed
        self._place = place
        self._depths = max(each.deepest for each in tables) + 1
        self._window = table.setting.window_s
        self._codes = np.array([code(name) for name in causes], dtype=np.uint8)
        self._reading = _Fitted(tables, [each.reading for each in tables], self._depths, causes, slowness)
        self._exchange = _Fitted(tables, [each.exchange for each in tables], self._depths, causes, slowness)
        self._fallback = fallback
        number = np.arange(place.concentrators, dtype=np.int64) + place.first_concentrator
        self.site = site_of(place.seed, number, table.sites)
        """The site of each concentrator of the area; special ones come after those of the table."""
        for position, concentrator in enumerate(apart):
            self.site[concentrator] = table.sites + position
        depths = np.concatenate([each.depths() for each in tables])
        kind = np.uint16 if len(depths) * self._depths < 1 << 16 else np.uint32
        self._cell = np.empty(place.stop - place.start, dtype=kind)
        for begin in range(0, len(self._cell), _CHUNK):
            rows = np.arange(begin, min(begin + _CHUNK, len(self._cell)), dtype=np.int64)
            site = self.site[place.concentrator(rows)]
            self._cell[rows] = site * self._depths + depths[site, place.rank(rows)]
        self._hops = np.tile(np.arange(self._depths, dtype=np.uint8), len(depths))
        self._gaps = bool((depths == 0).any())

    def hops(self, rows: Rows) -> NDArray[np.uint8]:
        """Depth of each meter; 0 without a way."""
        return np.asarray(self._hops[self._cell[rows]])

    def reading(self, rows: Rows, keys: Keys, slot: int) -> Passage:
        """See the protocol."""
        found = self._passage(self._reading, rows, keys, "reading", slot, window=self._window)
        return self._rescued(found, rows, lambda part: self._of_fallback().reading(rows[part], keys[part], slot))

    def exchange(self, rows: Rows, keys: Keys, occasion: int, now: float) -> Passage:
        """See the protocol."""
        found = self._passage(self._exchange, rows, keys, "exchange", occasion, window=0.0)
        return self._rescued(
            found, rows, lambda part: self._of_fallback().exchange(rows[part], keys[part], occasion, now)
        )

    def message(self, kind: str, rows: Rows, keys: Keys, occasion: int, now: float) -> Passage:
        """A message of another class; one that the statistics do not know goes as a request and its answer do."""
        if any(kind not in table.others for table in self._tables):
            return self.exchange(rows, keys, occasion, now)
        if kind not in self._others:
            ways = [table.others[kind] for table in self._tables]
            self._others[kind] = _Fitted(self._tables, ways, self._depths, self._causes_of_all, self._slowness)
        found = self._passage(self._others[kind], rows, keys, kind, occasion, window=0.0)
        return self._rescued(
            found, rows, lambda part: self._of_fallback().exchange(rows[part], keys[part], occasion, now)
        )

    def _rescued(self, found: Passage, rows: Rows, ask: Callable[[NDArray[np.int64]], Passage]) -> Passage:
        """The passage with meters that have no way carried by the fallback, if there is one."""
        if not self._gaps:
            return found
        part = np.flatnonzero(found.hops == 0)
        if self._fallback is None or not len(part):
            return found
        found.cause[part], found.delay[part], found.hops[part] = ask(part)
        return found

    def _of_fallback(self) -> Medium:
        assert self._fallback is not None
        return self._fallback

    def _passage(self, way: _Fitted, rows: Rows, keys: Keys, kind: str, occasion: int, window: float) -> Passage:
        cell = self._cell[rows]
        luck = hashes(self._seed, keys, kind, "loss", occasion)
        gone = np.flatnonzero(luck <= way.most[cell])
        # The few that may be lost are looked at closely: does the meter's own factor lose them?
        lost = way.lost[cell[gone]]
        own = way.factor[way.table[cell[gone]], hashes(self._seed, keys[gone], "link") >> TABLE_SHIFT]
        lost = np.where(lost < 1, np.minimum(lost * own, _WORST), 1.0)
        gone = gone[unit(luck[gone]) < lost]
        hashed = hashes(self._seed, keys, kind, "delay", occasion)
        fine = (hashed >> _WINDOW_BITS).astype(np.int32)
        fine += way.first[cell]
        delay = (way.delay[fine] * way.slowness[cell]).astype(np.float64)
        if window:  # a meter chooses its moment to send; an answer is sent when the request comes
            delay += (hashed & _WINDOW_MASK) * (window / (1 << 20))
        cause = np.zeros(len(rows), dtype=np.uint8)
        cause[gone] = self._causes(way, cell[gone], mix32(luck[gone]))
        return Passage(cause, delay, self._hops[cell])

    def _causes(self, way: _Fitted, cell: NDArray[Any], hashed: Keys) -> NDArray[np.uint8]:
        """Why messages of these cells were lost; a meter without a way is out of reach."""
        column = (unit(hashed)[:, None] >= way.shares[cell]).sum(axis=1)
        cause = self._codes[np.minimum(column, len(self._codes) - 1)] if len(self._codes) else np.zeros(len(cell))
        return np.where(cell % self._depths == 0, OUT_OF_REACH, cause).astype(np.uint8)
