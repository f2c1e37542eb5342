"""The mesh of one concentrator from outside: a layout and a load in, when each reading came and why others did not out.

Node 0 is the concentrator, meter k of a result is node k + 1. The same arguments give the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twins.field.checks import MOST_SECONDS, known, need, numbers, one_or_each, places
from twins.field.mesh.codes import (
    CLASSES,
    DELIVERED,
    DIO,
    DIS,
    EXCHANGE,
    FIRMWARE,
    FLOOD,
    JOIN,
    NOBODY,
    NOT_JOINED,
    OUTCOMES,
    PA,
    PAS,
    PC,
    PCS,
    PROBE,
    ROUTING,
    SPARED,
)
from twins.field.mesh.disturbances import Jammer, Outage, Shade, jammer_powers
from twins.field.mesh.loads import Load, Plan, plan
from twins.field.mesh.simulation import Conditions, Network, Outcome, network, simulate
from twins.field.mesh.tree import Tree
from twins.field.physics.links import links
from twins.field.physics.parameters import path_loss_parameters
from twins.field.physics.phy import frame_seconds
from twins.field.rules.parameters import SECOND

NOT_HEARD: Final = "not heard in the flood"
"""Why a node has no block: of frames that nobody acknowledges no more is known."""

_NAMED = 8  # nodes that a warning names


class Medium(NamedTuple):
    """What holds for all nodes of a mesh; None: as the rule, the plan, or the radio has it. Times in s."""

    area: str = "street"
    mode: str = "2b"
    mac: str = "fan"
    rule: str = "short"
    spread: float = 0.3
    level_dbm: float | None = None
    channels: int | None = None
    power_dbm: float | None = None
    fading_db: float = 0.0
    fading_s: float = 60.0


class Mesh(NamedTuple):
    """A concentrator and its meters."""

    medium: Medium
    network: Network
    conditions: Conditions
    received_dbm: NDArray[np.float64]
    warnings: tuple[str, ...]

    @property
    def tree(self) -> Tree:
        """The cheapest tree."""
        return self.network.tree


class ClassResult(NamedTuple):
    """What became of one traffic class: packets offered and arrived, why others did not, p99 delay and air time in s.

    Of firmware each block counts for each node; of joining each message, or each node where nodes have to join. ``air``
    is that of all nodes together, relays and repetitions included, acknowledgements not.
    """

    offered: int
    arrived: int
    lost: dict[str, int]  # by cause; with those that arrived they add up to the offered
    p99: float
    air: float


class Rounds(NamedTuple):
    """What became of a load. Arrays (rounds, meters), (meters,) or (nodes,); times in s."""

    arrival: NDArray[np.float64]  # after the round's begin; infinite for what did not come
    cause: NDArray[np.int64]  # place in CAUSES; 0 for what came
    hops: NDArray[np.int64]  # depth in the tree at the end; 0: no way
    air: NDArray[np.float64]  # that each node sent
    worst_hour: NDArray[np.float64]  # most that counted within an hour
    forwarded: NDArray[np.int64]  # packets taken over for others
    joined: NDArray[np.float64]  # when each node last became operational; infinite: never, 0: from the begin
    tries: float  # frames for each hop of a reading that came at once
    classes: dict[str, ClassResult]
    events: int
    outcome: Outcome

    def losses(self) -> dict[str, int]:
        """How many readings did not come, by cause: they add up to all that are missing."""
        counts = np.bincount(self.cause.ravel(), minlength=len(OUTCOMES))
        return {OUTCOMES[k]: int(n) for k, n in enumerate(counts) if n and k != DELIVERED}

    def delivered(self, within: float = np.inf) -> float:
        """Share of readings that came within so many seconds of their round's begin."""
        return float((np.isfinite(self.arrival) & (self.arrival <= within)).mean())

    def worst_relays(self, count: int) -> list[tuple[int, float, int]]:
        """The nodes that sent longest: node, s of air, packets taken over."""
        longest = np.argsort(-self.air, kind="stable")[:count]
        return [(int(node), float(self.air[node]), int(self.forwarded[node])) for node in longest]


def build_mesh(
    positions: ArrayLike,
    medium: Medium | None = None,
    seed: int = 0,
    *,
    extra_db: ArrayLike = 0.0,
    received_dbm: NDArray[np.float64] | None = None,
    jammers: Sequence[Jammer] = (),
    shades: Sequence[Shade] = (),
    outages: Sequence[Outage] = (),
    settled: bool = True,
    living: bool = False,
) -> Mesh:
    """A mesh of nodes at ``positions`` (n, 2 or 3; m), the first of which is the concentrator.

    ``extra_db``: what stands around nodes (one, or one each). ``received_dbm`` (n, n) replaces the reckoned link table,
    with real radios' levels for instance. ``settled`` False: nodes must join first; ``living``: they stand on the tree,
    and tell each other about the network from then on (with outages they do in any case).
    Raises :class:`twins.field.checks.FieldError` for what cannot be; what is odd is named in ``warnings``.
    """
    chosen = Medium() if medium is None else medium
    where = places(positions)
    around = one_or_each("extra loss", extra_db, len(where), least=0.0)
    if received_dbm is None:
        received_dbm = links(chosen.area, where, seed, extra_db=around, power_dbm=chosen.power_dbm).received_dbm
    need(received_dbm.shape == (len(where), len(where)), "a link table has a row and a column for each position")
    net = network(
        received_dbm,
        seed,
        mode_name=chosen.mode,
        mac_name=chosen.mac,
        rule_kind=chosen.rule,
        spread=chosen.spread,
        level_dbm=chosen.level_dbm,
        channel_count=chosen.channels,
        fading_db=chosen.fading_db,
        fading_s=chosen.fading_s,
    )
    areas = path_loss_parameters().area
    model = areas[known(chosen.area, list(areas))].model
    conditions = Conditions(
        jammers=tuple(jammers),
        jammer_dbm=jammer_powers(jammers, where, model, around),
        shades=tuple(shades),
        outages=tuple(outages),
        living=living or bool(outages),
        cold=not settled,
    )
    return Mesh(chosen, net, conditions, received_dbm, tuple(_warnings(net.tree)))


def _warnings(tree: Tree) -> list[str]:
    island = tree.island
    if not len(island):
        return []
    named = ", ".join(map(str, island[:_NAMED])) + (", …" if len(island) > _NAMED else "")
    return [f"unreachable island: {len(island)} of {len(tree.parent) - 1} meters have no way to the root: {named}"]


def simulate_rounds(
    mesh: Mesh, load: Load | None = None, seed: int = 0, *, rounds: int = 1, tail: float = 1800.0
) -> Rounds:
    """Let a load run for so many of its periods, and ``tail`` seconds more, in one go.

    Raises :class:`twins.field.checks.FieldError` for a load that cannot be.
    """
    wanted = Load() if load is None else load
    need(len(mesh.tree.parent) > 1, "a mesh needs a meter")
    numbers("tail", tail, least=0.0, most=MOST_SECONDS)
    planned = plan(wanted, len(mesh.tree.parent) - 1, seed, rounds)
    result = simulate(mesh.network, planned.traffic, seed, rounds * wanted.period + tail, conditions=mesh.conditions)
    came, cause = _readings(planned, result, wanted.period)
    nodes = result.nodes
    at_once = result.delivered[planned.readings]
    hops = result.hops[planned.readings][at_once]
    joined = nodes["joined_at"] / SECOND
    return Rounds(
        arrival=came,
        cause=cause,
        hops=depth(nodes["parent"])[1:],
        air=result.air,
        worst_hour=nodes["hour"] / SECOND,
        forwarded=nodes["forwarded"],
        joined=np.where(joined >= 0, joined, np.inf if mesh.conditions.cold else 0.0),
        tries=float(result.tries[planned.readings][at_once].sum() / max(1, hops.sum())),
        classes=_classes(planned, result, mesh),
        events=result.events,
        outcome=result,
    )


def _readings(planned: Plan, result: Outcome, period: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """When each reading came, by itself or as an answer, and why not."""
    begin = np.arange(len(planned.readings))[:, None] * period
    end = result.begun + result.delay
    came = end[planned.readings]
    for answers in planned.answers:
        came = np.minimum(came, end[answers])
    cause = np.where(np.isfinite(came), DELIVERED, result.outcome[planned.readings])
    return came - begin, cause


def _classes(planned: Plan, result: Outcome, mesh: Mesh) -> dict[str, ClassResult]:
    """What became of each class that occurs; what was not needed was not offered."""
    traffic = planned.traffic
    group = np.broadcast_to(traffic.group, len(result.outcome))
    frame = frame_seconds(mesh.network.mode, traffic.psdu)
    found = {}
    for number, name in enumerate(CLASSES):
        mine = (group == number) & (result.outcome != SPARED)
        if number == FIRMWARE or not mine.any():
            continue
        lost = np.bincount(result.outcome[mine], minlength=len(OUTCOMES))
        by_cause = {OUTCOMES[k]: int(n) for k, n in enumerate(lost) if n and k != DELIVERED}
        air = float((result.tries[mine] * frame[mine]).sum())
        found[name] = _class(result.delay[mine], by_cause, air)
    return found | _floods(group, result) | _of_the_network(result, mesh)


def _class(delay: NDArray[np.float64], lost: dict[str, int], air: float) -> ClassResult:
    came = delay[np.isfinite(delay)]
    p99 = float(np.quantile(came, 0.99)) if len(came) else np.inf
    return ClassResult(len(delay), len(came), lost, p99, air)


def _floods(group: NDArray[np.int64], result: Outcome) -> dict[str, ClassResult]:
    """Flooded blocks: nobody acknowledges them, so all that is known of a missing one is that it was not heard."""
    if not len(result.flooded):
        return {}
    begun = result.begun[group == FIRMWARE]
    delay = (result.flooded - begun[:, None])[:, 1:].ravel()
    missing = int(np.isinf(delay).sum())
    return {CLASSES[FIRMWARE]: _class(delay, {NOT_HEARD: missing} if missing else {}, float(result.spent[FLOOD]))}


def _of_the_network(result: Outcome, mesh: Mesh) -> dict[str, ClassResult]:
    """Joining and routing. Those who join are the nodes that had to; of routing only the air is counted."""
    spent, found = result.spent, {}
    dark = {node for outage in mesh.conditions.outages for node in outage.nodes}
    had_to = np.arange(1, len(result.nodes)) if mesh.conditions.cold else np.array(sorted(dark), dtype=np.int64)
    if len(had_to):
        begin = {node: outage.begin for outage in mesh.conditions.outages for node in outage.nodes}
        since = np.array([begin.get(node, 0.0) for node in had_to.tolist()])
        joined = result.nodes["joined_at"][had_to] / SECOND
        missing = int((joined <= since).sum())
        lost = {OUTCOMES[NOT_JOINED]: missing} if missing else {}
        air = float(spent[[PAS, PA, PCS, PC, EXCHANGE]].sum())
        found[CLASSES[JOIN]] = _class(np.where(joined > since, joined - since, np.inf), lost, air)
    routing = float(spent[[DIS, DIO, PROBE]].sum())
    if routing:
        found[CLASSES[ROUTING]] = ClassResult(0, 0, {}, np.inf, routing)
    return found


def depth(parent: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hops of each node to the root along its parents; 0 for the root and where they lead nowhere."""
    n = len(parent)
    at, hops = np.arange(n), np.zeros(n, dtype=np.int64)
    for step in range(1, n + 1):
        at = np.where(at > 0, parent[at], at)
        hops[(at == 0) & (hops == 0)] = step
        if (at <= 0).all():
            break
    hops[0] = 0
    return np.where(at == NOBODY, 0, hops) if (at <= 0).all() else np.where(at == 0, hops, 0)
