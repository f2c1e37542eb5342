"""Fit the statistics of a kind of mesh: run level (a) on many sites, and keep what it did.

Readings: every meter sends one at a random moment of the window, round after round. Exchanges: the head-end asks a few
meters at once, as it does when few values are missing; the concentrator passes the requests on one after the other, and
each meter answers when its own has come. (Passed on all at once, a third of the exchanges collide: the concentrator
does not hear an answer while it sends the next request.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.causes import CAUSES, of_engine
from twins.field.causes import code as code_of
from twins.field.checks import need, places
from twins.field.classes import area_class
from twins.field.layouts import Layout, layout, link_table
from twins.field.mesh.codes import DELIVERED, NOBODY, OUTCOMES
from twins.field.mesh.disturbances import Jammer, jammer_powers
from twins.field.mesh.simulation import Conditions, Network, Traffic, network, readings, simulate
from twins.field.physics.parameters import path_loss_parameters
from twins.field.settings import JammerSetting, MeshSetting
from twins.field.statistics.tables import (
    KNOTS,
    VERSION,
    Matrix,
    MeshTable,
    Provenance,
    Way,
    depth_text,
    engine_digest,
    parameters_digest,
)
from twins.random import salt

READING_PSDU = 162  # bytes: a reading of 100 bytes in its frames (field-network §3.7)
REQUEST_PSDU = 130  # bytes: a ciphered request for a range of rows; our own choice
ASKED_SHARE = 0.02  # of the meters are asked in one round of re-requests, one at least; our own choice
PACE = 1.0  # s from request to request of one concentrator; our own choice
TAIL = 60.0  # s that the last messages have
SHRINK = 200.0  # messages: a cell with fewer leans on all sites' losses at that depth
_DIGITS = 5

CODES = np.array([0 if k == DELIVERED else code_of(of_engine(name)) for k, name in enumerate(OUTCOMES)], dtype=np.uint8)
"""What each outcome of the event engine is among the causes."""


class SiteRun(NamedTuple):
    """What level (a) did on one site. Arrays: (meters,), (rounds, meters), and per exchange."""

    hops: NDArray[np.int64]
    cause: NDArray[np.uint8]
    delay: NDArray[np.float64]  # infinite for what did not arrive
    asked: NDArray[np.int64]  # meters that were asked, all rounds after each other
    asked_cause: NDArray[np.uint8]
    asked_delay: NDArray[np.float64]
    air: float  # s that the busiest meter sends in a round on average, acknowledgements counted in
    events: int


def run_site(
    setting: MeshSetting, site: Layout, seed: int, rounds: int, jammers: Sequence[JammerSetting] = ()
) -> SiteRun:
    """Run readings and exchanges of some rounds on one site."""
    whole = setting.resolved()
    net = network(link_table(whole, site).received_dbm, site.seed, mode_name=whole.mode, spread=whole.retry_spread_s)
    return run_rounds(whole, net, seed, rounds, beside(whole, site, jammers))


def beside(setting: MeshSetting, site: Layout, jammers: Sequence[JammerSetting]) -> Conditions:
    """A site beside jammers, as the event engine takes it."""
    if not jammers:
        return Conditions()
    those = tuple(Jammer((j.east_m, j.north_m), j.power_dbm, j.channels or None, j.pattern) for j in jammers)
    model = path_loss_parameters().area[area_class(setting.area_class).model].model
    powers = jammer_powers(those, places(site.positions), model, site.extra_db)
    return Conditions(jammers=those, jammer_dbm=powers)


def run_rounds(setting: MeshSetting, net: Network, seed: int, rounds: int, around: Conditions) -> SiteRun:
    """The same on a network that stands."""
    nodes = len(net.tree.parent)
    cause, delay = np.empty((rounds, nodes - 1), np.uint8), np.empty((rounds, nodes - 1))
    asked, air, events = [], np.zeros(nodes), 0
    for number in range(rounds):
        own = int(salt(seed, "round", number))
        traffic = readings(nodes, own, setting.window_s, READING_PSDU)
        found = simulate(net, traffic, own, setting.window_s + TAIL, conditions=around)
        cause[number, traffic.origin - 1] = CODES[found.outcome]
        delay[number, traffic.origin - 1] = found.delay
        air += found.air
        events += found.events
        asked.append(_ask(net, own, around))
    return SiteRun(
        net.tree.hops[1:],
        cause,
        delay,
        np.concatenate([meters for meters, _, _ in asked]),
        np.concatenate([causes for _, causes, _ in asked]),
        np.concatenate([delays for _, _, delays in asked]),
        air=float(air[1:].max() / rounds),
        events=events,
    )


def _ask(
    net: Network, seed: int, around: Conditions
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.float64]]:
    """One round of re-requests: who was asked, and cause and delay of each exchange."""
    nodes = len(net.tree.parent)
    draw = np.random.Generator(np.random.Philox(int(salt(seed, "asked"))))
    there = np.flatnonzero(net.tree.hops > 0)
    count = min(len(there), max(1, round(ASKED_SHARE * (nodes - 1))))
    meters = draw.choice(there, count, replace=False) if count else there
    # Requests one after the other, then their answers, which begin when their requests have come.
    root, request = np.zeros(count, np.int64), np.arange(count)
    traffic = Traffic(
        at=np.concatenate([PACE * request, np.full(count, -1.0)]),
        origin=np.concatenate([root, meters]),
        target=np.concatenate([meters, root]),
        psdu=np.repeat([REQUEST_PSDU, READING_PSDU], count),
        reply=np.concatenate([count + request, np.full(count, NOBODY)]),
    )
    found = simulate(net, traffic, seed, PACE * count + TAIL, conditions=around)
    return meters - 1, CODES[found.outcome[count:]], (found.begun + found.delay)[count:]


def site_runs(setting: MeshSetting, meters: int, sites: range, rounds: int, seed: int = 0) -> Iterator[SiteRun]:
    """Level (a) on some sites of a kind of mesh, one after the other."""
    for number in sites:
        yield run_site(setting, layout(setting, meters, number), int(salt(seed, "rounds", number)), rounds)


def fit(
    setting: MeshSetting,
    meters: int,
    *,
    made: str,
    sites: int = 48,
    rounds: int = 12,
    seed: int = 0,
    step: Callable[[], None] = lambda: None,
) -> MeshTable:
    """The table of a kind of mesh; ``step`` is called after each site. Same arguments, same table."""
    need(sites >= 1 and rounds >= 1, "statistics need a site and a round")
    runs = []
    for run in site_runs(setting, meters, range(sites), rounds, seed):
        runs.append(run)
        step()
    provenance = Provenance(
        made=made, parameters=parameters_digest(), engine=engine_digest(), sites=sites, rounds=rounds, seed=seed
    )
    return table_of(setting.resolved(), meters, runs, provenance)


def fit_jammed(
    setting: MeshSetting, meters: int, site: int, jammers: Sequence[JammerSetting], *, rounds: int = 24, seed: int = 0
) -> MeshTable:
    """The table of one site beside jammers."""
    run = run_site(setting, layout(setting, meters, site), int(salt(seed, "rounds", site)), rounds, jammers)
    provenance = Provenance(
        made="", parameters=parameters_digest(), engine=engine_digest(), sites=1, rounds=rounds, seed=seed
    )
    return table_of(setting.resolved(), meters, [run], provenance)


def table_of(setting: MeshSetting, meters: int, runs: list[SiteRun], provenance: Provenance) -> MeshTable:
    """Statistics out of what level (a) did."""
    deepest = max(int(run.hops.max()) for run in runs)
    messages = [
        [(np.tile(run.hops, len(run.cause)), run.cause.ravel(), run.delay.ravel()) for run in runs],
        [(run.hops[run.asked], run.asked_cause, run.asked_delay) for run in runs],
    ]
    there = [hops > 0 for run in runs for hops in [run.hops]]
    codes = sorted({int(c) for kind in messages for h, cause, _ in kind for c in np.unique(cause[h > 0])} - {0})
    spreads = (_spread(runs, there), 0.0)
    ways = [_way(kind, deepest, codes, spread) for kind, spread in zip(messages, spreads, strict=True)]
    return MeshTable(
        version=VERSION,
        setting=setting,
        meters=meters,
        provenance=provenance,
        causes=tuple(CAUSES[c] for c in codes),
        depth=tuple(depth_text(run.hops) for run in runs),
        air=tuple(_short(run.air) for run in runs),
        reading=ways[0],
        exchange=ways[1],
    )


_Messages = list[tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.float64]]]


def _way(kind: _Messages, deepest: int, codes: list[int], spread: float) -> Way:
    """Losses by site, depth and cause, and delays by depth, of one kind of message."""
    sites, hops = len(kind), deepest + 1
    sent, lost = np.zeros((sites, hops)), np.zeros((sites, hops, len(CAUSES)))
    for k, (depth, cause, _) in enumerate(kind):
        sent[k] = np.bincount(depth, minlength=hops)
        np.add.at(lost[k], (depth, cause), 1.0)
    lost = lost[:, :, codes]
    pooled = lost.sum(axis=0) / np.maximum(sent.sum(axis=0), 1)[:, None]
    shares = (lost + SHRINK * pooled) / (sent + SHRINK)[:, :, None]
    shares[:, 0] = 0.0
    slowness, delay = _delays(kind, hops)
    return Way(
        lost=tuple(_rows(site) for site in shares),
        delay=_rows(delay),
        slowness=tuple(_short(s) for s in slowness),
        spread=_short(spread),
    )


def _delays(kind: _Messages, hops: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slowness by site, and quantiles by depth of delays divided by it."""
    depth = np.concatenate([d[np.isfinite(t)] for d, _, t in kind])
    delay = np.concatenate([t[np.isfinite(t)] for _, _, t in kind])
    site = np.repeat(np.arange(len(kind)), [int(np.isfinite(t).sum()) for _, _, t in kind])
    count = np.bincount(depth, minlength=hops)
    mean = np.bincount(depth, delay, minlength=hops) / np.maximum(count, 1)
    relative = np.bincount(site, delay / mean[depth], minlength=len(kind))
    slowness = (relative + SHRINK) / (np.bincount(site, minlength=len(kind)) + SHRINK)
    quantiles = np.zeros((hops, len(KNOTS)))
    for h in range(1, hops):
        at = depth == h
        if at.any():
            quantiles[h] = np.quantile(delay[at] / slowness[site[at]], KNOTS)
        else:  # nothing of this depth ever arrived: as slow as one hop less, and one hop's share on top
            quantiles[h] = quantiles[h - 1] * (h / max(h - 1, 1))
    return slowness, quantiles


def _spread(runs: list[SiteRun], there: list[NDArray[np.bool_]]) -> float:
    """By how much meters of one site and depth differ in what they lose, beyond chance: sigma of a log-normal."""
    beyond = expected_square = 0.0
    for run, at in zip(runs, there, strict=True):
        rounds, lost = len(run.cause), (run.cause != 0).sum(axis=0)
        for depth in np.unique(run.hops[at]):
            counts = lost[run.hops == depth]
            if len(counts) > 1:
                share = counts.mean() / rounds
                # The mean is the cell's own: one degree of freedom is spent.
                own = len(counts) / (len(counts) - 1) * float(((counts - counts.mean()) ** 2).sum())
                beyond += own - len(counts) * rounds * share * (1 - share)
                expected_square += len(counts) * (rounds * share) ** 2
    varies = max(0.0, beyond / expected_square) if expected_square else 0.0
    return float(min(1.5, np.sqrt(np.log1p(varies))))


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _rows(matrix: NDArray[np.float64]) -> Matrix:
    return tuple(tuple(_short(value) for value in row) for row in matrix)
