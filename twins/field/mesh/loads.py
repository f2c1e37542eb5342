"""What a concentrator's meters and its head end want to send: a load, turned into traffic of all classes.

All classes compete for the same air under the same rule: they differ in direction, size and time only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.checks import need, numbers
from twins.field.mesh.codes import (
    ANSWER,
    BLOCK,
    CONTROL,
    DATA,
    FIRMWARE,
    FIVE_MINUTE,
    NOBODY,
    POLL,
    READING,
    REQUEST,
)
from twins.field.mesh.simulation import Traffic
from twins.random import salt

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Load(NamedTuple):
    """Traffic of one concentrator. Times in s, sizes in bytes of PSDU; the sizes are our own choice but for ``psdu``.

    Every ``period`` all meters send a reading within ``window``; at each of ``requests`` (after the period's begin) the
    concentrator asks one by one, over ``request_window``, for what has not come. ``five_minute``: share of meters that
    also send a value every 5 minutes, within a minute. Polls and controls go to random meters and are answered;
    ``firmware_blocks`` are flooded, evenly over all the time.
    """

    window: float = 300.0
    psdu: int = 162
    period: float = 1800.0
    requests: tuple[float, ...] = ()
    request_window: float = 120.0
    five_minute: float = 0.0
    polls_per_hour: float = 0.0
    controls_per_hour: float = 0.0
    firmware_blocks: int = 0
    request_psdu: int = 80
    five_minute_psdu: int = 110
    control_psdu: int = 120
    block_psdu: int = 592


class Plan(NamedTuple):
    """Traffic, and where in it each reading (rounds, meters) and each answer (requests, rounds, meters) stands."""

    traffic: Traffic
    readings: Ints
    answers: Ints


def check(load: Load) -> None:
    """Raise :class:`twins.field.checks.FieldError` for a load that cannot be."""
    need(float(numbers("period", load.period)) > 0, "a period takes some time")
    numbers("window", load.window, least=0.0, most=load.period)
    numbers("request window", load.request_window, least=0.0)
    numbers("requests", load.requests, least=0.0)
    need(all(np.diff(load.requests) > 0), "requests follow each other")
    numbers("share of 5-minute values", load.five_minute, least=0.0, most=1.0)
    numbers("polls and controls per hour", [load.polls_per_hour, load.controls_per_hour], least=0.0)
    need(load.firmware_blocks >= 0, "there are no less than 0 blocks")
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
    _add_others(parts, load, meters, rounds * load.period, rng)
    traffic, place = parts.traffic()
    asked_for = np.array([place[a].reshape(shape) for a in answers], dtype=np.int64).reshape(len(answers), *shape)
    return Plan(traffic, place[reading].reshape(shape), asked_for)


def _add_others(parts: _Parts, load: Load, meters: int, seconds: float, rng: np.random.Generator) -> None:
    """The classes beside readings."""
    chosen = 1 + rng.permutation(meters)[: round(load.five_minute * meters)]
    moments = np.arange(0.0, seconds, 300.0)
    at = np.repeat(moments, len(chosen)) + rng.random(len(moments) * len(chosen)) * 60.0
    parts.add(at, np.tile(chosen, len(moments)), 0, load.five_minute_psdu, FIVE_MINUTE)
    for rate, down, up, group in (
        (load.polls_per_hour, load.request_psdu, load.psdu, POLL),
        (load.controls_per_hour, load.control_psdu, load.request_psdu, CONTROL),
    ):
        count = int(rng.poisson(rate * seconds / 3600))
        asked = rng.integers(1, meters + 1, count)
        parts.add(rng.random(count) * seconds, 0, asked, down, group, answer=up, answers=group)
    even = np.linspace(0.0, seconds, load.firmware_blocks, endpoint=False)
    parts.add(even, 0, 0, load.block_psdu, FIRMWARE, kind=BLOCK)
