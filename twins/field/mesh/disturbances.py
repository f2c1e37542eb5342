"""What disturbs a mesh from outside: jammers, links that are shaded for a time, nodes that lose their power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.checks import MOST_DBM, MOST_SECONDS, known, need, numbers, places, whole
from twins.field.mesh.codes import DECEPTIVE, NOBODY, PATTERNS, POWER, RANDOM, SHADE
from twins.field.mesh.records import CHANGING, JAMMER
from twins.field.mesh.state import Jammers, Records
from twins.field.physics.links import NEAREST
from twins.field.physics.path_loss import median_loss
from twins.field.rules.parameters import SECOND

LEAST_PERIOD = 1e-6
"""s; what a burst and the rest after it take at least: a jammer that takes no time would never come to an end."""

_AGAIN = (PATTERNS[RANDOM], PATTERNS[DECEPTIVE])  # that send again and again by themselves

Place = tuple[float, ...]


class Jammer(NamedTuple):
    """A sender that disturbs.

    Patterns: *constant* noise on all its channels; *random* bursts of it, ``burst`` and ``rest`` s long on average;
    *reactive* noise that follows a frame it hears above ``level_dbm`` on that frame's channel, ``reaction`` s after its
    begin until its end; *deceptive* frames on one of its channels after the other, ``burst`` s each with ``rest`` s
    between, which nodes follow that listen there. Times in s, place in m, power in dBm with the antenna's gain, in each
    channel; ``channels`` counts the usable ones from 0 (None: all).
    """

    place: Place
    power_dbm: float
    channels: tuple[int, ...] | None = None
    pattern: str = "constant"
    begin: float = 0.0
    end: float = math.inf
    burst: float = 0.02
    rest: float = 0.02
    level_dbm: float = -90.0
    reaction: float = 0.001


class Shade(NamedTuple):
    """More loss for a time: at all links of a node (a closed metal door), or at that to one other (a truck)."""

    node: int
    db: float
    begin: float
    end: float
    other: int | None = None


class Outage(NamedTuple):
    """Nodes without power from ``begin`` to ``end`` (s)."""

    nodes: tuple[int, ...]
    begin: float
    end: float = math.inf


def jammer_powers(
    jammers: Sequence[Jammer], positions: NDArray[np.float64], model: str, extra_db: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Power in dBm of jammers at nodes (jammers, nodes): the median loss of a model, and what stands around each node.

    Raises :class:`twins.field.checks.FieldError` for a jammer on top of a node.
    """
    powers = np.zeros((len(jammers), len(positions)))
    for k, jammer in enumerate(jammers):
        metres = np.linalg.norm(positions - places([jammer.place]), axis=1)
        need(metres.min() >= NEAREST, f"jammer {k} stands {metres.min():g} m from a node; the least is {NEAREST} m")
        power = float(numbers(f"jammer {k}: power in dBm", jammer.power_dbm, most=MOST_DBM))
        powers[k] = power - median_loss(model, metres) - extra_db
    return powers


def jammer_records(
    jammers: Sequence[Jammer],
    received_dbm: NDArray[np.float64],
    node_dbm: float,
    channels: int,
    seconds: float,
) -> Jammers:
    """Jammers as the core takes them. ``received_dbm`` (jammers, nodes); ``node_dbm``: what a node sends with.

    A jammer hears a node as well as the node hears it.
    Raises :class:`twins.field.checks.FieldError` for what cannot be.
    """
    state = np.zeros(len(jammers), dtype=JAMMER)
    used = np.zeros((len(jammers), channels), dtype=np.bool_)
    heard = np.zeros(received_dbm.shape)
    for k, jammer in enumerate(jammers):
        name = f"jammer {k}"
        used[k, _channels(name, jammer, channels)] = True
        _check(name, jammer)
        state[k]["pattern"] = PATTERNS.index(known(jammer.pattern, PATTERNS))
        state[k]["only"] = state[k]["prey"] = NOBODY
        state[k]["begin"] = _ns(jammer.begin)
        state[k]["end"] = _ns(max(jammer.begin, min(jammer.end, seconds)))
        state[k]["burst"], state[k]["rest"] = _ns(jammer.burst), _ns(jammer.rest)
        state[k]["level_mw"] = 10 ** (float(numbers(f"{name}: level", jammer.level_dbm, most=MOST_DBM)) / 10)
        state[k]["reaction"] = _ns(jammer.reaction)
        heard[k] = 10 ** ((received_dbm[k] - jammer.power_dbm + node_dbm) / 10)
    return Jammers(state, 10 ** (received_dbm / 10), heard, used)


def _channels(name: str, jammer: Jammer, channels: int) -> list[int]:
    """The channels that a jammer disturbs, of so many."""
    if jammer.channels is None:
        return list(range(channels))
    need(len(jammer.channels) > 0, f"{name}: it disturbs no channel")
    return [whole(f"{name}: each of its channels", c, least=0, most=channels - 1) for c in jammer.channels]


def _check(name: str, jammer: Jammer) -> None:
    """Refuse powers and times that cannot be."""
    numbers(f"{name}: power in dBm", jammer.power_dbm, most=MOST_DBM)
    numbers(f"{name}: times", [jammer.begin, jammer.reaction, jammer.rest], least=0.0, most=MOST_SECONDS)
    numbers(f"{name}: time of a burst", jammer.burst, above=0.0, most=MOST_SECONDS)
    need(jammer.end > jammer.begin, f"{name}: it ends after it begins")
    again = jammer.pattern in _AGAIN and jammer.burst + jammer.rest < LEAST_PERIOD
    need(not again, f"{name}: burst and rest together take at least {LEAST_PERIOD * 1e6:g} µs")


def change_records(shades: Sequence[Shade], outages: Sequence[Outage], nodes: int) -> Records:
    """Changes as the core takes them, in the order of their time.

    Raises :class:`twins.field.checks.FieldError` for nodes that do not exist, losses below 0 dB, times that go back.
    """
    rows: list[tuple[int, int, int, int, float]] = []
    for k, shade in enumerate(shades):
        ends = [shade.node] if shade.other is None else [shade.node, shade.other]
        need(all(0 <= n < nodes for n in ends) and len(set(ends)) == len(ends), f"shade {k}: no such link")
        loss = float(numbers(f"shade {k}: loss", shade.db, least=0.0, most=200.0))
        other = NOBODY if shade.other is None else shade.other
        factor = 10 ** (-loss / 10)
        rows += _spans(f"shade {k}", shade.begin, shade.end, (SHADE, shade.node, other), (factor, 1 / factor))
    for k, outage in enumerate(outages):
        need(all(0 < n < nodes for n in outage.nodes), f"outage {k}: nodes are 1 to {nodes - 1}")
        for node in outage.nodes:
            rows += _spans(f"outage {k}", outage.begin, outage.end, (POWER, node, NOBODY), (0.0, 1.0))
    return np.array(sorted(rows), dtype=CHANGING)


def _spans(
    name: str, begin: float, end: float, what: tuple[int, int, int], factors: tuple[float, float]
) -> list[tuple[int, int, int, int, float]]:
    """A change and what undoes it, unless it lasts for ever."""
    numbers(f"{name}: begin", begin, least=0.0, most=MOST_SECONDS)
    need(end > begin, f"{name}: it ends after it begins")
    spans = [(_ns(begin), *what, factors[0])]
    if math.isinf(end):
        return spans
    return [*spans, (_ns(float(numbers(f"{name}: end", end, most=MOST_SECONDS))), *what, factors[1])]


def _ns(seconds: float) -> int:
    return round(seconds * SECOND)
