"""Level (a) in a run: chosen concentrators go frame by frame, half-hour by half-hour, in the event engine.

The concentrators that real radios belong to stand here, with the levels that were measured at those radios in the place
of reckoned ones. All else of the area goes by level (b), the medium behind. A half-hour's readings are one run of the
engine over all nodes of the concentrator; a request is a run of its own, among the readings of that half-hour if they
are still on the air. So an answer depends on seed, meter, slot and request alone, as of any medium, and shards that
share a concentrator find the same. What is left out: requests do not meet each other, and the hour's air time begins
anew with each half-hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.slots import slot_end, slot_of
from twins.field.causes import OUT_OF_REACH
from twins.field.checks import need, numbers
from twins.field.interface import Passage
from twins.field.layouts import layout, link_table
from twins.field.media.base import Keys, Medium, Place, Rows
from twins.field.mesh.codes import ANSWER, NOBODY, READING, REQUEST
from twins.field.mesh.disturbances import Shade
from twins.field.mesh.simulation import Conditions, Traffic, network, readings, simulate
from twins.field.settings import JammerSetting, MeshSetting
from twins.field.statistics.fit import CODES, READING_PSDU, REQUEST_PSDU, TAIL, beside
from twins.field.variations import Variation, steps
from twins.random import salt

_KEPT: Final = 4  # half-hours whose rounds are kept: the shard asks for one several times, chunk by chunk
_PER_FADE: Final = 8  # steps from one draw of a fading loss to the next


class Frames:
    """One concentrator, by its number in the fleet, in the event engine; raises FieldError for what cannot be.

    ``begin``: Unix s at which the fleet's first half-hour begins. ``levels``: (node, other node, dBm) of links as real
    radios measured them, in the place of reckoned ones both ways; node 0 is the concentrator.
    """

    def __init__(
        self,
        seed: int,
        setting: MeshSetting,
        meters: int,
        site: int,
        *,
        number: int = 0,
        begin: float = 0.0,
        levels: Sequence[tuple[int, int, float]] = (),
        jammers: Sequence[JammerSetting] = (),
        variations: Sequence[Variation] = (),
        slowness: float = 1.0,
    ) -> None:
        self._seed, self._setting, self._begin = int(salt(seed, "frames", number)), setting.resolved(), begin
        self._fleet_seed, self._variations, self._slowness = seed, tuple(variations), slowness
        place = layout(self._setting, meters, site)
        dbm = link_table(self._setting, place).received_dbm.copy()
        for node, other, level in levels:
            need(0 <= node <= meters and 0 <= other <= meters and node != other, "a measured level is of a link")
            dbm[node, other] = dbm[other, node] = float(numbers("a measured level", level))
        whole = self._setting
        self._net = network(dbm, place.seed, mode_name=whole.mode, spread=whole.retry_spread_s)
        self._beside = beside(whole, place, jammers)
        self._rounds: dict[int, Passage] = {}
        self.hops: NDArray[np.uint8] = self._net.tree.hops[1:].astype(np.uint8)
        """Depth of each meter; 0 without a way."""
        self._round(slot_of(begin))  # the compiled core is loaded now, not while a half-hour waits for it

    def round(self, slot: int) -> Passage:
        """The readings of a half-hour: of all meters of the concentrator, by rank."""
        if slot not in self._rounds:
            while len(self._rounds) >= _KEPT:
                del self._rounds[next(iter(self._rounds))]
            self._rounds[slot] = self._round(slot)
        return self._rounds[slot]

    def _round(self, slot: int) -> Passage:
        sent, seed = self._readings(slot)
        seconds = self._setting.window_s + TAIL
        found = simulate(self._net, sent, seed, seconds, conditions=self._around(slot_end(slot), seconds))
        rank = sent.origin - 1
        cause, delay = np.empty(len(rank), np.uint8), np.empty(len(rank))
        cause[rank] = CODES[found.outcome]
        delay[rank] = sent.at + np.where(found.delivered, found.delay * self._slowness, 0.0)
        return Passage(cause, delay, self.hops)

    def exchange(self, rank: int, occasion: int, now: float) -> tuple[int, float]:
        """Cause and delay of a request to one meter at ``now`` and of its answer."""
        slot = slot_of(now) - 1
        at, end = now - slot_end(slot), self._setting.window_s + TAIL
        around, _ = self._readings(slot) if at < end else (None, 0)
        begin = slot_end(slot) if at < end else now
        at = at if at < end else 0.0
        traffic, answer = _asked(around, rank + 1, at)
        seconds = at + TAIL
        seed = int(salt(self._seed, "exchange", rank, occasion))
        found = simulate(self._net, traffic, seed, seconds, conditions=self._around(begin, seconds))
        came = float(found.begun[answer] + found.delay[answer]) - at
        return int(CODES[found.outcome[answer]]), came * self._slowness if np.isfinite(came) else 0.0

    def _readings(self, slot: int) -> tuple[Traffic, int]:
        """What all meters send for a half-hour, and the seed of its round."""
        seed = int(salt(self._seed, "round", slot))
        return readings(len(self.hops) + 1, seed, self._setting.window_s, READING_PSDU), seed

    def _around(self, begin: float, seconds: float) -> Conditions:
        """What surrounds the mesh for so long from ``begin`` (Unix s), as the engine's time has it."""
        since, parent = begin - self._begin, self._net.tree.parent
        shades: list[Shade] = []
        for each in self._variations:
            if each.way_up and parent[each.node] == NOBODY:
                continue  # there is no way that anything could stand in
            other = int(parent[each.node]) if each.way_up else None
            losses = steps(each, self._fleet_seed, since, since + seconds, each.fading_s / _PER_FADE)
            shades += [Shade(each.node, it.db, it.begin - since, it.end - since, other) for it in losses]
        return self._beside._replace(shades=shades)


def _asked(around: Traffic | None, node: int, at: float) -> tuple[Traffic, int]:
    """A request to a node with its answer, among other traffic; and where the answer stands."""
    none = np.empty(0, np.int64)
    others = Traffic(np.empty(0), none, none, none) if around is None else around
    order = np.argsort(np.append(others.at, at), kind="stable")
    answer = len(order)
    request = np.append(order == answer - 1, False)
    return Traffic(
        at=np.append(np.append(others.at, at)[order], -1.0),
        origin=np.append(np.append(others.origin, 0)[order], node),
        target=np.append(np.append(others.target, node)[order], 0),
        psdu=np.append(np.append(others.psdu, REQUEST_PSDU)[order], READING_PSDU),
        reply=np.where(request, answer, NOBODY),
        group=np.append(np.where(request[:-1], REQUEST, READING), ANSWER),
    ), answer


class _Own(NamedTuple):
    """Rows of one concentrator that goes frame by frame."""

    first: int
    stop: int
    frames: Frames


class PartlyLive:
    """Implements :class:`twins.field.media.base.Medium`: some concentrators frame by frame, all else as ``behind``.

    ``frames`` by number within the area; ``fallback`` carries their meters that have no way.
    """

    def __init__(
        self, place: Place, behind: Medium, frames: Mapping[int, Frames], fallback: Medium | None = None
    ) -> None:
        self._place, self._behind, self._fallback = place, behind, fallback
        before = place.start - place.area_start
        self._own = [
            _Own(number * place.per_concentrator - before, (number + 1) * place.per_concentrator - before, each)
            for number, each in frames.items()
        ]

    def reading(self, rows: Rows, keys: Keys, slot: int) -> Passage:
        """See the protocol."""
        found = self._behind.reading(rows, keys, slot)
        for part, rank, frames in self._live(rows):
            own = frames.round(slot)
            found.cause[part], found.delay[part], found.hops[part] = own.cause[rank], own.delay[rank], own.hops[rank]
            self._rescue(found, part, lambda lost, way: way.reading(rows[lost], keys[lost], slot))
        return found

    def exchange(self, rows: Rows, keys: Keys, occasion: int, now: float) -> Passage:
        """See the protocol."""
        found = self._behind.exchange(rows, keys, occasion, now)
        for part, rank, frames in self._live(rows):
            found.hops[part] = frames.hops[rank]
            for at, each in zip(part.tolist(), rank.tolist(), strict=True):
                if frames.hops[each]:
                    found.cause[at], found.delay[at] = frames.exchange(each, occasion, now)
            self._rescue(found, part, lambda lost, way: way.exchange(rows[lost], keys[lost], occasion, now))
        return found

    def _live(self, rows: Rows) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Frames]]:
        """Concentrator by concentrator: places in ``rows``, ranks of those meters, and their engine."""
        for first, stop, frames in self._own:
            part = np.flatnonzero((rows >= first) & (rows < stop))
            if len(part):
                yield part, rows[part] - first, frames

    def _rescue(
        self, found: Passage, part: NDArray[np.int64], ask: Callable[[NDArray[np.int64], Medium], Passage]
    ) -> None:
        """Meters without a way go over the fallback, or nowhere."""
        lost = part[found.hops[part] == 0]
        if not len(lost):
            return
        if self._fallback is None:
            found.cause[lost] = OUT_OF_REACH
        else:
            found.cause[lost], found.delay[lost], found.hops[lost] = ask(lost, self._fallback)
