"""The field of a plan: every area on its medium, its concentrators on their wide-area links.

Shards ask it through :class:`twins.field.interface.Field`. Nothing here draws in order: any meters may be asked about,
at any time, by any process, and the answer is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocols.slots import slot_end
from twins.field.causes import IMPOSED
from twins.field.checks import FieldError, is_positive, known, need
from twins.field.dark import Dark, Spell
from twins.field.interface import Passage
from twins.field.layouts import site_of
from twins.field.media.base import Keys, Medium, Place, Rows, draw
from twins.field.media.cellular import Cellular
from twins.field.media.direct import Direct
from twins.field.media.mesh import Mesh
from twins.field.media.parameters import media
from twins.field.media.plc import Plc
from twins.field.media.shading import Shaded, Shading
from twins.field.media.wide_area import WideArea
from twins.field.settings import NO_TRAFFIC, JammerSetting, MeshSetting, TrafficSetting, WideAreaSetting
from twins.field.statistics.burdens import TRAFFIC_CLASSES
from twins.field.statistics.store import shipped
from twins.field.statistics.tables import MeshTable
from twins.field.variations import Variation, of_concentrator
from twins.plan import FleetPlan
from twins.random import keys, salt

MediumName: TypeAlias = Literal["multihop", "cellular", "plc", "direct"]

_CHUNK = 1 << 15  # meters at once: their columns stay in the processor's cache


class Jammed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A concentrator beside jammers, by its number within the area; ``table``: what its site does then."""

    concentrator: int
    jammers: tuple[JammerSetting, ...]
    table: MeshTable | None = None


class Live(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A concentrator, by its number within the area, that goes frame by frame (:mod:`twins.field.media.frames`).

    ``levels``: (node, other node, dBm) of links as real radios measured them; node 0 is the concentrator.
    """

    concentrator: int
    levels: tuple[tuple[int, int, float], ...] = ()


class AreaField(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The field of one area.

    ``medium`` is the plan's where it is empty. ``table``: the mesh's statistics; None for those that ship.
    ``fallback``: meters that the mesh does not reach have a 1:N link. ``deep_share``: 1:N meters with deep coverage;
    below 0: as usual. ``loss``: mean share that single sendings lose on top, unevenly between concentrators;
    ``slowness``: factor on all delays but the meters' own choice of when to send. ``dark``: spells without network.
    ``traffic``: what else is on the mesh's air; in ``table`` and those of ``jammed`` it is reckoned in.
    ``live``: concentrators of a mesh at level (a); ``variations``: loss that comes and goes at nodes of the mesh;
    ``shaded``: what these do at the concentrators that go by their statistics.
    """

    medium: MediumName | Literal[""] = ""
    mesh: MeshSetting = MeshSetting()
    table: MeshTable | None = None
    jammed: tuple[Jammed, ...] = ()
    traffic: TrafficSetting = NO_TRAFFIC
    fallback: bool = True
    deep_share: float = -1.0
    wide_area: WideAreaSetting = WideAreaSetting()
    loss: float = 0.0
    slowness: float = 1.0
    dark: tuple[Dark, ...] = ()
    live: tuple[Live, ...] = ()
    variations: tuple[Variation, ...] = ()
    shaded: tuple[Shaded, ...] = ()

    def __post_init__(self) -> None:
        need(0 <= self.loss < 1, "a share of messages that are lost lies between 0 and 1")
        need(is_positive(self.slowness), "a factor on delays is above 0")
        need(self.deep_share <= 1, "a share of meters is at most 1")


class FieldOfAreas:
    """Implements :class:`twins.field.interface.Field` for the meters ``start … stop - 1`` of a plan."""

    def __init__(self, plan: FleetPlan, areas: Sequence[AreaField], start: int = 0, stop: int | None = None) -> None:
        self._seed = plan.seed
        last = plan.meters if stop is None else stop
        need(len(areas) == len(plan.areas), "every area has a field")
        need(0 <= start <= last <= plan.meters, "a field is for meters of its plan")
        self._begins: list[int] = []
        self._parts: list[_Area] = []
        for number, area in enumerate(areas):
            first = plan.first_meter_of_area(number)
            own = plan.areas[number]
            begin, end = max(start, first), min(last, first + own.meters)
            if begin < end:
                place = Place(
                    seed=plan.seed,
                    area_start=first,
                    start=begin,
                    stop=end,
                    per_concentrator=own.meters_per_concentrator,
                    first_concentrator=plan.first_concentrator_of_area(number),
                    concentrators=own.concentrators,
                )
                since = slot_end(plan.first_slot - 1)
                self._begins.append(begin)
                self._parts.append(_Area(place, area, area.medium or own.medium, own.name, since))
        self._stop = last

    def reading(self, index: NDArray[np.int64], occasion: int) -> Passage:
        """The way of a periodic reading of each meter in slot ``occasion``; see the interface."""
        found = _empty(len(index))
        for part, at, those in self._of(index):
            _put(found, at, part.reading(those, occasion))
        return found

    def exchange(self, index: NDArray[np.int64], occasion: int, now: float) -> Passage:
        """The way of a request and its answer; see the interface."""
        found = _empty(len(index))
        for part, at, those in self._of(index):
            _put(found, at, part.exchange(those, occasion, now))
        return found

    def message(self, kind: str, index: NDArray[np.int64], occasion: int, now: float) -> Passage:
        """The way of a message of another class to or from each meter, sent at ``now``.

        ``kind`` is one of :data:`twins.field.statistics.burdens.TRAFFIC_CLASSES`: of a 5-minute value up, of a flooded
        block down, of the others there and back. Where a medium knows no classes they go as readings and requests do.
        """
        known(kind, TRAFFIC_CLASSES)
        found = _empty(len(index))
        for part, at, those in self._of(index):
            _put(found, at, part.message(kind, those, occasion, now))
        return found

    def _of(self, index: NDArray[np.int64]) -> Iterator[tuple[_Area, slice | NDArray[np.int64], NDArray[np.int64]]]:
        """Area by area and chunk by chunk: the area, the places in ``index``, and the meters there."""
        if not len(index):
            return
        in_order = bool((index[1:] >= index[:-1]).all())
        order = np.empty(0, np.int64) if in_order else np.argsort(index, kind="stable")
        meters = index if in_order else index[order]
        need(
            meters[0] >= (self._begins[0] if self._begins else self._stop) and meters[-1] < self._stop, "no such meter"
        )
        cuts = [*np.searchsorted(meters, self._begins).tolist(), len(meters)]
        for part, low, high in zip(self._parts, cuts, cuts[1:], strict=False):
            for begin in range(low, high, _CHUNK):
                end = min(begin + _CHUNK, high)
                yield part, slice(begin, end) if in_order else order[begin:end], meters[begin:end]


class _Area:
    """One area: a medium, and what comes behind and on top of it."""

    def __init__(self, place: Place, field: AreaField, medium: str, name: str, since: float) -> None:
        self._place = place
        self._medium = _medium(place, field, medium, name, since)
        live = {each.concentrator for each in field.live}  # these go frame by frame, variations included
        shaded = [each for each in field.shaded if each.variation.concentrator not in live]
        self._shading = Shading(place, shaded, since) if shaded and medium == "multihop" else None
        self._behind = None
        if medium in ("multihop", "plc"):
            self._behind = WideArea(place, media().wide_area, field.wide_area, field.slowness)
        self.imposed = _imposed(place, field.loss, name)
        self._spells = [Spell(place, dark, number) for number, dark in enumerate(field.dark)]

    def reading(self, index: NDArray[np.int64], slot: int) -> Passage:
        rows, own = index - self._place.start, keys(self._place.seed, index)
        found = self._medium.reading(rows, own, slot)
        if self._shading:
            self._shading.reading(found, rows, own, slot)
        if self._behind:
            self._behind.reading(found, rows, own, slot)
        if self.imposed is not None:
            luck = draw(self._place.seed, own, "imposed", "reading", slot)
            self._impose(found, luck < self.imposed[self._place.concentrator(rows)])
        for spell in self._spells:
            spell.reading(found, rows, slot)
        return found

    def exchange(self, index: NDArray[np.int64], occasion: int, now: float) -> Passage:
        rows, own = index - self._place.start, keys(self._place.seed, index)
        found = self._medium.exchange(rows, own, occasion, now)
        return self._onward(found, rows, own, occasion, now)

    def message(self, kind: str, index: NDArray[np.int64], occasion: int, now: float) -> Passage:
        rows, own = index - self._place.start, keys(self._place.seed, index)
        if isinstance(self._medium, Mesh):
            found = self._medium.message(kind, rows, own, occasion, now)
        else:
            found = self._medium.exchange(rows, own, occasion, now)
        return self._onward(found, rows, own, occasion, now)

    def _onward(self, found: Passage, rows: Rows, own: Keys, occasion: int, now: float) -> Passage:
        """What comes behind and on top of the way of something that is asked for."""
        if self._shading:
            self._shading.exchange(found, rows, own, occasion, now)
        if self._behind:
            self._behind.exchange(found, rows, own, occasion, now)
        if self.imposed is not None:
            luck = draw(self._place.seed, own, "imposed", "exchange", occasion)
            self._impose(found, luck < 1 - (1 - self.imposed[self._place.concentrator(rows)]) ** 2)
        for spell in self._spells:
            spell.exchange(found, rows, now)
        return found

    @staticmethod
    def _impose(found: Passage, lost: NDArray[np.bool_]) -> None:
        found.cause[lost & (found.cause == 0)] = IMPOSED


def _medium(place: Place, field: AreaField, medium: str, name: str, since: float) -> Medium:
    """``since``: Unix s at which the fleet's first half-hour begins."""
    figures, slowness = media(), field.slowness
    if medium == "direct":
        return Direct(place, slowness)
    if medium == "plc":
        return Plc(place, figures.plc, slowness)
    cell = place.per_concentrator * place.concentrators
    cellular = Cellular(place, figures.cellular, field.deep_share, slowness, cell)
    if medium == "cellular":
        return cellular
    if medium != "multihop":
        raise FieldError(f"field: area {name}: there is no medium {medium!r}")
    table = field.table or shipped(field.mesh, place.per_concentrator, field.traffic)
    if table is None:
        raise FieldError(f"field: area {name}: no statistics for this kind of mesh; bench field calibrate makes them")
    apart = {}
    for each in field.jammed:
        if each.table is None:
            raise FieldError(f"field: area {name}: no statistics for the jammed concentrator {each.concentrator}")
        apart[each.concentrator] = each.table
    fallback = cellular if field.fallback else None
    mesh = Mesh(place, table, slowness, fallback, apart)
    live = [each for each in field.live if place.holds(each.concentrator)]
    return _partly_live(place, field, mesh, table.sites, live, fallback, since) if live else mesh


def _partly_live(
    place: Place, field: AreaField, mesh: Mesh, sites: int, live: list[Live], fallback: Medium | None, since: float
) -> Medium:
    """The mesh with some of its concentrators frame by frame."""
    from twins.field.media.frames import Frames, PartlyLive  # the compiled engine takes a second to load

    frames, beside = {}, {each.concentrator: each.jammers for each in field.jammed}
    for each in live:
        number = place.first_concentrator + each.concentrator
        frames[each.concentrator] = Frames(
            place.seed,
            field.mesh,
            place.per_concentrator,
            int(site_of(place.seed, np.array([number]), sites)[0]),
            number=number,
            begin=since,
            levels=each.levels,
            jammers=beside.get(each.concentrator, ()),
            variations=of_concentrator(field.variations, each.concentrator),
            slowness=field.slowness,
        )
    return PartlyLive(place, mesh, frames, fallback)


def _imposed(place: Place, loss: float, name: str) -> NDArray[np.float64] | None:
    """Mean share that each concentrator of the area loses on top; None for none."""
    if loss == 0:
        return None
    spread = media().imposed.spread
    # Drawn for all concentrators of the area: no shard cut can change a draw.
    draws = np.random.Generator(np.random.PCG64(int(salt(place.seed, "imposed loss", name))))
    return draws.beta(spread * loss, spread * (1 - loss), place.concentrators)


def _empty(count: int) -> Passage:
    return Passage(np.empty(count, np.uint8), np.empty(count, np.float64), np.empty(count, np.uint8))


def _put(found: Passage, at: slice | NDArray[np.int64], part: Passage) -> None:
    found.cause[at], found.delay[at], found.hops[at] = part
