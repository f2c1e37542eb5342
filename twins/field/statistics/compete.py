"""Fit what classes of traffic do to a mesh: runs on some sites, without and with each class at some rates.

Every run holds a round of readings and some exchanges, the same in all of them; what differs is the class beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.causes import CAUSES, code
from twins.field.checks import need
from twins.field.layouts import layout, link_table
from twins.field.mesh.codes import CONTROL, FIVE_MINUTE, FLOOD, JOIN, POLL, REQUEST
from twins.field.mesh.concentrator import NOT_HEARD
from twins.field.mesh.loads import Errand, Load, Plan, plan
from twins.field.mesh.simulation import Network, Outcome, network, simulate
from twins.field.physics.phy import frame_seconds
from twins.field.settings import MOST_TRAFFIC, MeshSetting, TrafficSetting
from twins.field.statistics.burdens import FLOODED, TRAFFIC_CLASSES, Burden, BurdenTable
from twins.field.statistics.fit import CODES, READING_PSDU, REQUEST_PSDU, TAIL
from twins.field.statistics.tables import KNOTS, VERSION, Matrix, Provenance, engine_digest, parameters_digest
from twins.random import salt

PARTS: Final = (0.25, 1.0)
"""At which parts of the largest rate a class is fitted."""

ASKED = 60  # exchanges in a run
QUIET = 4  # runs without other traffic beside one with: every class is set against them, so their chance counts in all
SCARCE = 3  # a flood's run takes fifty times as long, and is made in one round of so many
LEAN = 300.0  # messages: a depth with fewer leans on all depths
_ROUND = 300.0  # s; a run is a whole number of them, as 5-minute values are

_GROUP = {"five_minute": FIVE_MINUTE, "polls": POLL, "controls": CONTROL, "joins": JOIN}


class Messages(NamedTuple):
    """Messages of one kind: node's depth, cause (0: it came), delay in s."""

    hops: NDArray[np.int64]
    cause: NDArray[np.uint8]
    delay: NDArray[np.float64]


class Run(NamedTuple):
    """What a run did: readings, exchanges, messages of the other classes; air times in s and the run's own length."""

    reading: Messages
    exchange: Messages
    others: dict[str, Messages]
    air: dict[str, float]
    busiest: float
    seconds: float


def load_of(setting: MeshSetting, meters: int, traffic: TrafficSetting, seconds: float) -> Load:
    """A mesh's traffic as a load of level (a): one round of readings, and the other classes all through it."""
    return Load(
        window=setting.window_s,
        psdu=READING_PSDU,
        period=seconds,
        five_minute=traffic.five_minute,
        polls_per_hour=traffic.polls * meters,
        controls_per_hour=traffic.controls * meters,
        firmware_blocks=round(traffic.firmware * seconds / 3600),
        joins_per_hour=traffic.joins * meters,
        request_psdu=REQUEST_PSDU,
    )


def run_with(setting: MeshSetting, net: Network, traffic: TrafficSetting, seed: int, asked: int = ASKED) -> Run:
    """One round of readings and ``asked`` exchanges beside other traffic."""
    meters = len(net.tree.parent) - 1
    seconds = -(-setting.window_s // _ROUND) * _ROUND
    load = load_of(setting, meters, traffic, seconds)._replace(asked=min(asked, meters))
    planned = plan(load, meters, seed, 1)
    found = simulate(net, planned.traffic, seed, seconds + TAIL)
    reading = planned.readings.ravel()
    origin = planned.traffic.origin[reading]
    first = Messages(net.tree.hops[origin], CODES[found.outcome[reading]], found.delay[reading])
    others = {name: _messages(net, found, planned.others[group]) for name, group in _GROUP.items()}
    others[FLOODED] = _blocks(net, planned, found)
    frame = frame_seconds(net.mode, planned.traffic.psdu)
    group = np.broadcast_to(planned.traffic.group, len(frame))
    air = {name: float((found.tries * frame)[group == number].sum()) for name, number in _GROUP.items()}
    air[FLOODED] = float(found.spent[FLOOD])
    busiest = float(found.air[1:].max())
    return Run(first, _messages(net, found, planned.others[REQUEST]), others, air, busiest, seconds)


def _messages(net: Network, found: Outcome, errand: Errand) -> Messages:
    """From the first packet's begin to the last one's end."""
    delay = found.begun[errand.last] + found.delay[errand.last] - found.begun[errand.first]
    return Messages(net.tree.hops[errand.node], CODES[found.outcome[errand.last]], delay)


def _blocks(net: Network, planned: Plan, found: Outcome) -> Messages:
    """Flooded blocks by meter that has a way."""
    there = np.flatnonzero(net.tree.hops > 0)
    begun = np.sort(found.begun[planned.blocks])
    delay = (found.flooded - begun[:, None])[:, there].ravel()
    cause = np.where(np.isfinite(delay), 0, code(NOT_HEARD)).astype(np.uint8)
    return Messages(np.tile(net.tree.hops[there], len(begun)), cause, delay)


def fit_burdens(
    setting: MeshSetting,
    meters: int,
    *,
    made: str,
    sites: int = 12,
    rounds: int = 4,
    seed: int = 0,
    step: Callable[[], None] = lambda: None,
) -> BurdenTable:
    """The burdens of a kind of mesh; ``step`` is called after each site. Same arguments, same table.

    ``rounds``: runs of a class on a site; :data:`QUIET` times as many have none beside them, and one in :data:`SCARCE`
    a flood.
    """
    need(sites >= 1 and rounds >= 1, "statistics need a site and a round")
    whole = setting.resolved()
    kinds = {(name, part): _only(name, part) for name in TRAFFIC_CLASSES for part in PARTS}
    quiet: list[Run] = []
    runs: dict[tuple[str, float], list[Run]] = {kind: [] for kind in kinds}
    for number in range(sites):
        site = layout(whole, meters, number)
        received = link_table(whole, site).received_dbm
        net = network(received, site.seed, mode_name=whole.mode, spread=whole.retry_spread_s)
        for turn in range(rounds):
            own = int(salt(seed, "burden", number, turn))
            seeds = (own, *(int(salt(own, "quiet", again)) for again in range(1, QUIET)))
            quiet += [run_with(whole, net, TrafficSetting(), each) for each in seeds]
            for kind, traffic in kinds.items():
                if kind[0] != FLOODED or turn % SCARCE == 0:
                    runs[kind].append(run_with(whole, net, traffic, own))
        step()
    every = [*quiet, *(run for those in runs.values() for run in those)]
    hops = 1 + max(int(run.reading.hops.max()) for run in every)
    found = [each for run in every for each in (run.reading, run.exchange, *run.others.values())]
    codes = sorted({int(c) for each in found for c in np.unique(each.cause[each.hops > 0])} - {0})
    classes = {
        name: tuple(_burden(name, part, quiet, runs[name, part], hops, codes) for part in PARTS)
        for name in TRAFFIC_CLASSES
    }
    provenance = Provenance(
        made=made, parameters=parameters_digest(), engine=engine_digest(), sites=sites, rounds=rounds, seed=seed
    )
    return BurdenTable(
        version=VERSION,
        setting=whole,
        meters=meters,
        provenance=provenance,
        causes=tuple(CAUSES[c] for c in codes),
        classes=classes,
    )


def _only(name: str, part: float) -> TrafficSetting:
    """One class at a part of its largest rate."""
    return TrafficSetting(**{name: part * MOST_TRAFFIC[name]})


def _burden(name: str, part: float, quiet: list[Run], busy: list[Run], hops: int, codes: list[int]) -> Burden:
    reading, reading_delay = _grown([r.reading for r in quiet], [r.reading for r in busy], hops, codes)
    exchange, exchange_delay = _grown([r.exchange for r in quiet], [r.exchange for r in busy], hops, codes)
    own = [run.others[name] for run in busy]
    lost, sent = _lost(own, hops, codes)
    more = float(np.mean([run.busiest for run in busy]) - np.mean([run.busiest for run in quiet]))
    return Burden(
        rate=part * MOST_TRAFFIC[name],
        air=_short(sum(run.air[name] for run in busy) / sum(run.seconds for run in busy)),
        busiest=_short(max(0.0, more) / busy[0].seconds * 3600),
        reading=_matrix(reading),
        exchange=_matrix(exchange),
        reading_delay=tuple(_short(value) for value in reading_delay),
        exchange_delay=tuple(_short(value) for value in exchange_delay),
        own=_matrix(_leaning(lost / np.maximum(sent, 1)[:, None], sent)),
        own_delay=_matrix(_quantiles(own, hops)),
    )


def _grown(
    quiet: list[Messages], busy: list[Messages], hops: int, codes: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By how much hazards (hops, causes) and quantiles of the delay (as a factor less 1) have grown."""
    (lost, sent), (more, again) = _lost(quiet, hops, codes), _lost(busy, hops, codes)
    hazard = _leaning(_hazard(more, again) - _hazard(lost, sent), np.minimum(sent, again))
    before, after = _quantiles(quiet, hops), _quantiles(busy, hops)
    weight = np.where(before[:, -1] > 0, sent, 0.0)
    ratio = np.divide(after, before, out=np.ones_like(after), where=before > 0)
    return hazard, (weight[:, None] * ratio).sum(axis=0) / max(weight.sum(), 1.0) - 1


def _lost(runs: list[Messages], hops: int, codes: list[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many were lost by hops and cause, and sent by hops; what has no way does not count."""
    lost, sent = np.zeros((hops, len(CAUSES))), np.zeros(hops)
    for run in runs:
        sent += np.bincount(run.hops, minlength=hops)
        np.add.at(lost, (run.hops, run.cause), 1.0)
    lost[0] = sent[0] = 0.0
    return lost[:, codes], sent


def _hazard(lost: NDArray[np.float64], sent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hazards by hops and cause; half a message of all that were sent has come at least."""
    total = lost.sum(axis=1)
    whole = -np.log(np.maximum(sent - total, 0.5) / np.maximum(sent, 0.5))
    return np.asarray(lost * (whole / np.maximum(total, 1.0))[:, None])


def _leaning(values: NDArray[np.float64], sent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values by hops, those of few messages drawn towards the mean of all."""
    mean = (values * sent[:, None]).sum(axis=0) / max(sent.sum(), 1.0)
    found = (values * sent[:, None] + LEAN * mean) / (sent + LEAN)[:, None]
    found[0] = 0.0
    return np.asarray(found)


def _quantiles(runs: list[Messages], hops: int) -> NDArray[np.float64]:
    """Quantiles of the delay by hops of what came; where nothing did, as one hop less, and its share on top."""
    depth = np.concatenate([run.hops[run.cause == 0] for run in runs])
    delay = np.concatenate([run.delay[run.cause == 0] for run in runs])
    found = np.zeros((hops, len(KNOTS)))
    for h in range(1, hops):
        mine = delay[depth == h]
        found[h] = np.quantile(mine, KNOTS) if len(mine) else found[h - 1] * (h / max(h - 1, 1))
    return found


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _matrix(values: NDArray[np.float64]) -> Matrix:
    return tuple(tuple(_short(value) for value in row) for row in values)
