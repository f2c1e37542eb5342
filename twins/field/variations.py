"""Loss that comes and goes: a door that closes, a truck that stops, fading. One function of time, :func:`extra_db`.

The event engine, the statistics of level (b) and the attenuators of a rack all ask here, so that one list in a topology
plays on all of them. Nothing is drawn in order: the loss of a link at a time is a pure function of seed, node and time.

Nodes are numbered by concentrator: 0 is the concentrator itself, ``k + 1`` its meter of rank ``k``. Times are Unix s.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from twins.field.checks import FieldError, is_positive, known, need
from twins.field.media.base import normal
from twins.random import salt, salts
from twins.tables import Table, converted

MOST_DB = 200.0
"""More than this no link loses; the range of everything that is added to a link table."""


class Kind(Table, frozen=True, kw_only=True):
    """One kind of ``data/variations.toml``; see the file's head."""

    way_up: bool
    db: float
    fading_s: float


class Variation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One variation at a concentrator (its number within the area), from ``begin`` to ``end`` seconds after the fleet's
    first half-hour begins.

    ``node`` loses ``db`` more at all its links, with ``way_up`` only at that to its parent. Where ``fading_s`` is above
    0 the loss drifts: ``db`` is the deviation, ``fading_s`` the time from draw to draw.
    """

    name: str
    kind: str
    concentrator: int
    node: int
    begin: float
    end: float
    db: float
    fading_s: float = 0.0
    way_up: bool = False

    def __post_init__(self) -> None:
        need(math.isfinite(self.begin) and self.begin >= 0 and self.end > self.begin, f"{self.name} begins and ends")
        need(0 <= self.db <= MOST_DB, f"{self.name}: a loss lies between 0 and {MOST_DB:g} dB")
        need(self.fading_s == 0 or is_positive(self.fading_s), f"{self.name}: fading takes some time")
        need(self.concentrator >= 0 and self.node >= 0, f"{self.name}: there is no such node")
        need(self.node > 0 or not self.way_up, f"{self.name}: a concentrator has no way up")


@cache
def kinds() -> dict[str, Kind]:
    """The kinds that there are, by name; raises :class:`twins.field.checks.FieldError` for a faulty file."""
    text = resources.files(__package__).joinpath("data", "variations.toml").read_text("utf-8")
    try:
        found = converted(tomllib.loads(text), dict[str, Kind])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise FieldError(f"variations: {error}") from error
    need(all(0 <= kind.db <= MOST_DB and kind.fading_s >= 0 for kind in found.values()), "variations: impossible loss")
    return found


def kind_of(name: str) -> Kind:
    """A kind by its name; raises :class:`twins.field.checks.FieldError` for others."""
    return kinds()[known(name, list(kinds()))]


def of_concentrator(variations: Iterable[Variation], concentrator: int) -> tuple[Variation, ...]:
    """Those at one concentrator of an area."""
    return tuple(each for each in variations if each.concentrator == concentrator)


def loss_db(variation: Variation, seed: int, seconds: ArrayLike) -> NDArray[np.float64]:
    """What a variation takes at times (s after the first half-hour begins, any shape) in dB, 0 or more.

    Drift: normal numbers at even times, mixed in between so that the deviation stays; only losses count.
    """
    at = np.asarray(seconds, dtype=np.float64)
    there = (at >= variation.begin) & (at < variation.end)
    if not variation.fading_s:
        return np.where(there, variation.db, 0.0)
    turns = np.atleast_1d(np.maximum(at - variation.begin, 0.0) / variation.fading_s)
    turn = np.floor(turns).astype(np.int64)
    part = turns - turn
    base = salt(seed, "variation", variation.name, variation.concentrator, variation.node)
    before, after = (normal(salts(base, turn + k)).astype(np.float64) for k in (0, 1))
    drift = ((1 - part) * before + part * after) / np.sqrt((1 - part) ** 2 + part**2)
    return np.where(there, np.clip(variation.db * drift, 0.0, MOST_DB).reshape(at.shape), 0.0)


def extra_db(
    variations: Iterable[Variation], seed: int, seconds: ArrayLike, node: int, parent: int
) -> NDArray[np.float64]:
    """What the variations of one concentrator take from the link of a node to its parent, at times, in dB."""
    total = np.zeros(np.shape(seconds))
    for each in variations:
        if each.node == node or (each.node == parent and not each.way_up):
            total = total + loss_db(each, seed, seconds)
    return total


class Step(msgspec.Struct, frozen=True):
    """A loss of so many dB from ``begin`` to ``end``, in seconds after the first half-hour begins."""

    begin: float
    end: float
    db: float


def steps(variation: Variation, seed: int, begin: float, end: float, width: float) -> Sequence[Step]:
    """A variation between two times as steps: one where the loss is even, else one for each ``width`` seconds."""
    first, last = max(begin, variation.begin), min(end, variation.end)
    if first >= last:
        return ()
    if not variation.fading_s:
        return (Step(first, last, variation.db),)
    begins = np.arange(first, last, width)
    edges = np.append(begins[begins < last], last)  # by rounding the last one may pass the end
    middle = (edges[:-1] + edges[1:]) / 2
    found = zip(edges[:-1], edges[1:], loss_db(variation, seed, middle), strict=True)
    return tuple(Step(float(a), float(b), float(db)) for a, b, db in found if db > 0)
