"""What the classes of traffic beside readings do to a mesh, and how they fare themselves.

Kept is, by class at some rates and by depth, by how much the *hazard* of being lost grows (the negative logarithm of
the share that comes), cause by cause, and the factor by which quantiles of the delay grow. Hazards of several classes
add up, factors of the delay do so beyond 1: classes disturb each other like independent senders. Between rates, and so
between shares of the air time, both are interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from twins.field.causes import code
from twins.field.checks import FieldError, need
from twins.field.settings import MOST_TRAFFIC, MeshSetting, TrafficSetting
from twins.field.statistics.tables import KNOTS, VERSION, Matrix, MeshTable, Provenance, Way, lost_of, site_losses

TRAFFIC_CLASSES = tuple(MOST_TRAFFIC)
"""The classes, as :class:`twins.field.settings.TrafficSetting` names them."""

UPWARD = ("five_minute",)
"""Classes that only meters send; the others are exchanges, but for the flooded one."""

FLOODED = "firmware"

_STAGES = {"joins": 10.0}  # exchanges in one message of a class
_LEAST, _MOST = 0.25, 4.0  # how much better or worse than the mean a site takes a burden

Floats = NDArray[np.float64]


class Burden(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class at one rate. Matrices are by hops and cause; index 0 of hops is for meters without a way."""

    rate: float
    air: float  # share of the time that one of the nodes sends a frame of the class
    busiest: float  # s in an hour that the busiest meter sends more
    reading: Matrix  # hazards that are added
    exchange: Matrix
    reading_delay: tuple[float, ...]  # by quantile: factor of the delay less 1
    exchange_delay: tuple[float, ...]
    own: Matrix  # share of the class itself that is lost, beside readings
    own_delay: Matrix  # by hops and quantile, s


class BurdenTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The burdens of a kind of mesh with so many meters: by class, at rising rates."""

    version: int
    setting: MeshSetting
    meters: int
    provenance: Provenance
    causes: tuple[str, ...]
    classes: dict[str, tuple[Burden, ...]]

    @property
    def hops(self) -> int:
        """Rows of the matrices."""
        return len(next(iter(self.classes.values()))[0].reading)


def check(table: BurdenTable) -> BurdenTable:
    """The same table, if it can be; raises :class:`FieldError`."""
    need(table.version == VERSION, f"a table of burdens has version {table.version}, this bench reads {VERSION}")
    need(sorted(table.classes) == sorted(TRAFFIC_CLASSES), "there are burdens of every class")
    for name in table.causes:
        code(name)
    for burdens in table.classes.values():
        need(bool(burdens) and all(np.diff([0.0, *(each.rate for each in burdens)]) > 0), "rates rise from above 0")
        for each in burdens:
            for matrix in (each.reading, each.exchange, each.own):
                need(np.shape(matrix) == (table.hops, len(table.causes)), "burdens are by hops and cause")
            need(np.shape(each.own_delay) == (table.hops, len(KNOTS)), "delays are by hops and quantile")
            need(len(each.reading_delay) == len(each.exchange_delay) == len(KNOTS), "delays are by quantile")
            need(min(each.air, each.busiest) >= 0, "no time is below 0")
    return table


def decode(data: bytes, name: str) -> tuple[BurdenTable, ...]:
    """Tables of a file's bytes; raises :class:`FieldError` naming the file."""
    try:
        return tuple(check(table) for table in msgspec.json.decode(data, type=tuple[BurdenTable, ...]))
    except (msgspec.DecodeError, FieldError) as error:
        raise FieldError(f"field: {name}: {error}") from error


def encode(tables: Sequence[BurdenTable]) -> bytes:
    """Tables as a file's bytes, one table a line."""
    return b"[\n" + b",\n".join(msgspec.json.encode(table) for table in tables) + b"\n]\n"


class _At:
    """A class at some rate, with the causes and hops of a mesh's table."""

    def __init__(self, table: BurdenTable, name: str, rate: float, hops: int, causes: Sequence[str]) -> None:
        burdens = table.classes[name]
        rates = [0.0, *(each.rate for each in burdens)]
        top = int(np.clip(np.searchsorted(rates, rate), 1, len(burdens)))
        part = (rate - rates[top - 1]) / (rates[top] - rates[top - 1])
        above, below = burdens[top - 1], burdens[max(top - 2, 0)]
        least = 0.0 if top == 1 else 1.0  # at no rate at all there is no burden, but messages fare as at the lowest

        def mixed(field: str, empty: float) -> Floats:
            one, other = np.array(getattr(below, field)), np.array(getattr(above, field))
            return np.asarray((1 - part) * empty * one + part * other)

        def placed(matrix: Floats) -> Floats:
            wide = np.zeros((hops, len(causes)))
            for column, cause in enumerate(table.causes):
                wide[:, causes.index(cause)] = _rows(matrix[:, column : column + 1], hops)[:, 0]
            return wide

        self.reading, self.exchange = placed(mixed("reading", least)), placed(mixed("exchange", least))
        self.reading_delay, self.exchange_delay = mixed("reading_delay", least), mixed("exchange_delay", least)
        self.busiest = float(mixed("busiest", least))
        self.air = float(mixed("air", least))
        self.own, self.own_delay = placed(mixed("own", 1.0)), _rows(mixed("own_delay", 1.0), hops)


def _rows(matrix: Floats, hops: int) -> Floats:
    """A matrix with so many rows: what is deeper than was ever fitted is like the deepest."""
    return np.asarray(matrix[np.minimum(np.arange(hops), len(matrix) - 1)])


def between(few: BurdenTable, many: BurdenTable, meters: int) -> BurdenTable:
    """Burdens for a number of meters between those of two tables with the same rates."""
    part = (meters - few.meters) / (many.meters - few.meters)
    hops, causes = max(few.hops, many.hops), sorted({*few.causes, *many.causes})
    classes: dict[str, tuple[Burden, ...]] = {}
    for name in TRAFFIC_CLASSES:
        rates = [each.rate for each in many.classes[name]]
        need(rates == [each.rate for each in few.classes[name]], "burdens are interpolated between the same rates")
        pairs = [[_At(table, name, rate, hops, causes) for table in (few, many)] for rate in rates]
        classes[name] = tuple(_mixed(rate, pair[0], pair[1], part) for rate, pair in zip(rates, pairs, strict=True))
    return msgspec.structs.replace(many, meters=meters, causes=tuple(causes), classes=classes)


def _mixed(rate: float, one: _At, other: _At, part: float) -> Burden:
    def mix(name: str) -> Floats:
        return np.asarray((1 - part) * getattr(one, name) + part * getattr(other, name))

    return Burden(
        rate=rate,
        air=float(mix("air")),
        busiest=float(mix("busiest")),
        reading=_tuples(mix("reading")),
        exchange=_tuples(mix("exchange")),
        reading_delay=tuple(mix("reading_delay").tolist()),
        exchange_delay=tuple(mix("exchange_delay").tolist()),
        own=_tuples(mix("own")),
        own_delay=_tuples(mix("own_delay")),
    )


def air_shares(table: BurdenTable, traffic: TrafficSetting) -> dict[str, float]:
    """By class that there is: share of the time that one of a concentrator's nodes sends a frame of it."""
    rates = {name: getattr(traffic, name) for name in TRAFFIC_CLASSES}
    return {name: _At(table, name, rate, table.hops, table.causes).air for name, rate in rates.items() if rate}


def loaded(table: MeshTable, burdens: BurdenTable, traffic: TrafficSetting) -> MeshTable:
    """A mesh's statistics with other traffic on its air, and with that of its classes.

    Sites that lose more of their readings than others suffer more in the same ratio, within bounds.
    """
    hops = max(table.deepest + 1, burdens.hops)
    causes = sorted({*table.causes, *burdens.causes})
    at = {name: _At(burdens, name, getattr(traffic, name), hops, causes) for name in TRAFFIC_CLASSES}
    weight = _weights(table)
    every = list(at.values())
    single = _At(burdens, "polls", 0.0, hops, causes).own_delay
    # A request waits its turn at the concentrator first: what gets slower is its way, which is that of a poll.
    slower = single * _slowness([each.exchange_delay for each in every])
    return msgspec.structs.replace(
        table,
        causes=tuple(causes),
        air=tuple(own + sum(each.busiest for each in at.values()) / 2 for own in table.air),  # rounds are half-hours
        reading=msgspec.structs.replace(
            table.reading,
            lost=_tuples3(_with(table, table.reading, hops, causes, weight, [each.reading for each in every])),
            delay=_rising(_wide(table.reading, hops) * (1 + _slowness([each.reading_delay for each in every]))),
        ),
        exchange=msgspec.structs.replace(
            table.exchange,
            lost=_tuples3(_with(table, table.exchange, hops, causes, weight, [each.exchange for each in every])),
            delay=_rising(_wide(table.exchange, hops) + slower),
        ),
        others={name: _own(name, at, weight) for name in at},
    )


def _own(name: str, at: dict[str, _At], weight: Floats) -> Way:
    """How a class fares beside the others. A flood has the broadcast dwell to itself: readings do not hold it up."""
    own, beside = at[name], [other for kind, other in at.items() if kind != name]
    added, slow = np.zeros_like(own.own), np.zeros(len(KNOTS))
    if name != FLOODED:
        way = "reading" if name in UPWARD else "exchange"
        stages = _STAGES.get(name, 1.0)
        added = stages * np.sum([getattr(other, way) for other in beside], axis=0)
        slow = _slowness([getattr(other, f"{way}_delay") for other in beside])
        if stages > 1:  # of many delays one after the other the mean grows, not the largest
            slow = np.full_like(slow, np.trapezoid(slow, KNOTS))
    hazard = np.maximum(_hazards(own.own) + added, 0.0)[None] * weight[:, None, None]
    delay = _rising(own.own_delay * (1 + slow))
    return Way(lost=_tuples3(_shares(hazard)), delay=delay, slowness=(1.0,) * len(weight), spread=0.0)


def _slowness(parts: Sequence[Floats]) -> Floats:
    """By how much delays grow with several classes together, as a factor less 1, by quantile."""
    return np.asarray(np.sum(parts, axis=0))


def _weights(table: MeshTable) -> Floats:
    """How each site takes a burden: as much more than the mean as it loses more of its readings."""
    own = site_losses(table)
    mean = own.mean()
    return np.clip(own / mean, _LEAST, _MOST) if mean > 0 else np.ones(table.sites)


def _with(
    table: MeshTable, way: Way, hops: int, causes: Sequence[str], weight: Floats, burdens: list[Floats]
) -> Floats:
    """Losses of a way (sites, hops, causes) with burdens on top."""
    base = np.zeros((table.sites, hops, len(causes)))
    for column, name in enumerate(table.causes):
        base[:, : table.deepest + 1, causes.index(name)] = lost_of(way)[:, :, column]
    added = weight[:, None, None] * np.sum(burdens, axis=0)[None]
    found = _shares(np.maximum(_hazards(base) + added, 0.0))
    found[:, 0] = 0.0
    return found


def _hazards(lost: Floats) -> Floats:
    """Shares lost by cause (last axis) as hazards."""
    total = lost.sum(axis=-1, keepdims=True)
    whole = -np.log1p(-np.minimum(total, 1 - 1e-6))
    return np.asarray(np.divide(lost * whole, total, out=np.zeros_like(lost), where=total > 0))


def _shares(hazards: Floats) -> Floats:
    """Hazards by cause (last axis) as shares lost."""
    total = hazards.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(-np.expm1(-total) * hazards, total, out=np.zeros_like(hazards), where=total > 0))


def _wide(way: Way, hops: int) -> Floats:
    """Delays of a way with so many rows."""
    return _rows(np.array(way.delay), hops)


def _rising(delay: Floats) -> Matrix:
    return _tuples(np.maximum.accumulate(np.maximum(delay, 0.0), axis=1))


def _tuples(matrix: Floats) -> Matrix:
    return tuple(tuple(row) for row in matrix.tolist())


def _tuples3(lost: Floats) -> tuple[Matrix, ...]:
    return tuple(_tuples(site) for site in lost)
