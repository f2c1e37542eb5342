"""What a concentrator's meters and its head end want to send: a load, turned into traffic of all classes.

All classes compete for the same air under the same rule: they differ in direction, size, time, and in their rank where
a node holds several packets (:data:`twins.field.mesh.codes.RANKS`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.checks import MOST_SECONDS, need, numbers
from twins.field.mesh.codes import (
    ANSWER,
    BLOCK,
    CONTROL,
    DATA,
    FIRMWARE,
    FIVE_MINUTE,
    JOIN,
    NOBODY,
    POLL,
    READING,
    REQUEST,
)
from twins.field.mesh.protocols import figures
from twins.field.mesh.simulation import Traffic
from twins.random import salt

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Load(NamedTuple):
    """Traffic of one concentrator. Times in s, sizes in bytes of PSDU; the sizes are our own choice but for ``psdu``.

    Every ``period`` all meters send a reading within ``window``; at each of ``requests`` (after the period's begin) the
    concentrator asks one by one, over ``request_window``, for what has not come; ``asked`` meters it asks in any case.
    ``five_minute``: share of meters that also send a value every 5 minutes, within a minute. Polls and controls go to
    random meters and are answered;
    ``firmware_blocks`` are flooded, evenly over all the time. Joins are the messages that a meter and the root exchange
    when it comes new, one after the other, from random meters; what the network itself tells is not in them.
    """

    window: float = 300.0
    psdu: int = 162
    period: float = 1800.0
    requests: tuple[float, ...] = ()
    request_window: float = 120.0
    asked: int = 0
    five_minute: float = 0.0
    polls_per_hour: float = 0.0
    controls_per_hour: float = 0.0
    firmware_blocks: int = 0
    joins_per_hour: float = 0.0
    request_psdu: int = 80
    five_minute_psdu: int = 110
    control_psdu: int = 120
    block_psdu: int = 592


class Errand(NamedTuple):
    """Messages of one class: first and last packet of each (places in the traffic), and whose it is (node)."""

    first: Ints
    last: Ints
    node: Ints


class Plan(NamedTuple):
    """Traffic, and where in it each reading (rounds, meters) and each answer (requests, rounds, meters) stands.

    ``others``: the classes that go between a meter and the concentrator, by number; ``blocks``: what is flooded.
    """

    traffic: Traffic
    readings: Ints
    answers: Ints
    others: dict[int, Errand]
    blocks: Ints


def check(load: Load) -> None:
    """Raise :class:`twins.field.checks.FieldError` for a load that cannot be."""
    numbers("period", load.period, above=0.0, most=MOST_SECONDS)
    numbers("window", load.window, least=0.0, most=load.period)
    numbers("request window", load.request_window, least=0.0, most=MOST_SECONDS)
    numbers("requests", load.requests, least=0.0, most=MOST_SECONDS)
    need(all(np.diff(load.requests) > 0), "requests follow each other")
    numbers("share of 5-minute values", load.five_minute, least=0.0, most=1.0)
    rates = [load.polls_per_hour, load.controls_per_hour, load.joins_per_hour]
    numbers("polls, controls and joins per hour", rates, least=0.0)
    need(min(load.firmware_blocks, load.asked) >= 0, "there are no less than 0 blocks, nor meters that are asked")
    sizes = (load.psdu, load.request_psdu, load.five_minute_psdu, load.control_psdu, load.block_psdu)
    need(min(sizes) > 0, "a frame has at least a byte")


class _Parts:
    """Packets put together class by class, before they are sorted by time."""

    def __init__(self) -> None:
        self._rows: list[NDArray[np.float64]] = []
        self.count = 0

    def add(
        self,
        at: Floats | float,
        origin: Ints | int,
        target: Ints | int,
        psdu: int,
        group: int,
        *,
        kind: int = DATA,
        unless: Ints | int = NOBODY,
        answer: int = 0,
        answers: int = NOBODY,
    ) -> tuple[Ints, Ints]:
        """Add packets, and with ``answer`` bytes above 0 a reply to each (of class ``answers``); where they stand."""
        n = np.broadcast(at, origin, target).size
        here = self.count + np.arange(n)
        reply = here + n if answer else np.full(n, NOBODY)
        self._append(at, origin, target, psdu, kind, reply, unless, group, n)
        if answer:
            self._append(-1.0, target, origin, answer, DATA, NOBODY, unless, answers, n)
        return here, reply

    def ladder(self, at: Floats, node: Ints, messages: Sequence[int], group: int) -> tuple[Ints, Ints]:
        """Messages to the root and back, each sent when the one before has come; where first and last stand.

        ``messages``: bytes; those below 0 come from the root, in turns.
        """
        n, first = len(node), self.count
        for number, size in enumerate(messages):
            ends = (node, 0) if size > 0 else (0, node)
            reply = self.count + n + np.arange(n) if number + 1 < len(messages) else np.full(n, NOBODY)
            self._append(at if number == 0 else -1.0, *ends, abs(size), DATA, reply, NOBODY, group, n)
        return first + np.arange(n), self.count - n + np.arange(n)

    def _append(self, *columns: Floats | Ints | float) -> None:
        n = int(columns[-1])
        self._rows.append(np.column_stack([np.broadcast_to(c, n).astype(np.float64) for c in columns[:-1]]))
        self.count += n

    def traffic(self) -> tuple[Traffic, Ints]:
        """The traffic in the order of its time, replies at the end, and where each packet has gone."""
        table = np.concatenate(self._rows) if self._rows else np.zeros((0, 8))
        asked = np.argsort(np.where(table[:, 0] < 0, np.inf, table[:, 0]), kind="stable")
        place = np.empty(len(table) + 1, dtype=np.int64)
        place[asked] = np.arange(len(table))
        place[-1] = NOBODY  # nobody stays nobody
        sorted_ = table[asked]
        origin, target, psdu, kind, reply, unless, group = sorted_[:, 1:].T.astype(np.int64)
        traffic = Traffic(sorted_[:, 0], origin, target, psdu, kind, place[reply], place[unless], group)
        return traffic, place[:-1]


def plan(load: Load, meters: int, seed: int, rounds: int) -> Plan:
    """A load's traffic over so many periods for meters 1 to ``meters``."""
    check(load)
    need(meters > 0 and rounds > 0, "a load needs meters and rounds")
    rng = np.random.Generator(np.random.Philox(int(salt(seed, "load"))))
    parts = _Parts()
    shape = (rounds, meters)
    meter = np.tile(np.arange(1, meters + 1), rounds)
    begin = np.repeat(np.arange(rounds) * load.period, meters)
    sent = begin + rng.random(rounds * meters) * load.window
    reading, _ = parts.add(sent, meter, 0, load.psdu, READING)
    last, answers = reading, []
    for asked in load.requests:
        at = begin + asked + (meter - 1) / meters * load.request_window
        _, last = parts.add(at, 0, meter, load.request_psdu, REQUEST, unless=last, answer=load.psdu, answers=ANSWER)
        answers.append(last)
    others, blocks = _add_others(parts, load, meters, rounds * load.period, rng)
    traffic, place = parts.traffic()
    asked_for = np.array([place[a].reshape(shape) for a in answers], dtype=np.int64).reshape(len(answers), *shape)
    placed = {group: Errand(place[each.first], place[each.last], each.node) for group, each in others.items()}
    return Plan(traffic, place[reading].reshape(shape), asked_for, placed, place[blocks])


def _add_others(
    parts: _Parts, load: Load, meters: int, seconds: float, rng: np.random.Generator
) -> tuple[dict[int, Errand], Ints]:
    """The classes beside readings, and the blocks."""
    found = {}
    asked = 1 + rng.permutation(meters)[: load.asked]  # meters differ, and are asked evenly over the time
    when = np.arange(len(asked), dtype=np.float64) * (seconds / max(1, len(asked)))
    there = parts.add(when, 0, asked, load.request_psdu, REQUEST, answer=load.psdu, answers=ANSWER)
    found[REQUEST] = Errand(*there, asked)
    chosen = 1 + rng.permutation(meters)[: round(load.five_minute * meters)]
    moments = np.arange(0.0, seconds, 300.0)
    at = np.repeat(moments, len(chosen)) + rng.random(len(moments) * len(chosen)) * 60.0
    node = np.tile(chosen, len(moments))
    sent, _ = parts.add(at, node, 0, load.five_minute_psdu, FIVE_MINUTE)
    found[FIVE_MINUTE] = Errand(sent, sent, node)
    for rate, down, up, group in (
        (load.polls_per_hour, load.request_psdu, load.psdu, POLL),
        (load.controls_per_hour, load.control_psdu, load.request_psdu, CONTROL),
    ):
        count = int(rng.poisson(rate * seconds / 3600))
        asked = rng.integers(1, meters + 1, count)
        found[group] = Errand(
            *parts.add(rng.random(count) * seconds, 0, asked, down, group, answer=up, answers=group), asked
        )
    even = np.linspace(0.0, seconds, load.firmware_blocks, endpoint=False)
    blocks, _ = parts.add(even, 0, 0, load.block_psdu, FIRMWARE, kind=BLOCK)
    count = int(rng.poisson(load.joins_per_hour * seconds / 3600))
    joining = rng.integers(1, meters + 1, count)
    found[JOIN] = Errand(*parts.ladder(rng.random(count) * seconds, joining, join_messages(), JOIN), joining)
    return found, blocks


def join_messages() -> tuple[int, ...]:
    """Bytes of the messages of a meter that comes new: authentication, then address and way.

    The last message of the one and the first of the other, both from the meter, count as one.
    """
    held = figures().exchange
    return (*held.full.messages, *held.route.messages[1:])
