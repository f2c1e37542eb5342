"""What the meters of one concentrator and its head-end send, errand by errand, as traffic of the event engine.

An errand is a value that should come: a reading of a half-hour, a 5-minute value, a part of a record. It is sent by its
meter, or asked for; what has not come is asked for again at given times. All of them use the same air.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.field.mesh.codes import ANSWER, DATA, FIVE_MINUTE, NOBODY, POLL, READING, REQUEST
from twins.field.mesh.simulation import Outcome, Traffic
from twins.random import salt

READING_PSDU: Final = 162  # bytes: a reading of 100 bytes in its frames (field-network §3.7)
REQUEST_PSDU: Final = 80
FIVE_MINUTE_PSDU: Final = 110
RECORD_PSDU: Final = 250
"""Bytes of PSDU; but for the reading's they are our own choice."""

ROWS_PER_RECORD: Final = 12
"""5-minute values in one answer: an hour; our own choice."""

_FIVE: Final = 300.0
_DAY: Final = 288  # 5-minute values
_WINDOW: Final = 60.0  # s within which 5-minute values are sent

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Errands(NamedTuple):
    """Values that should come: when each was due to begin (s), whose it is (node), its class, and its packets.

    ``packets`` (tries, values): place in the traffic of what brings it, first by itself, then as answers; -1 for none.
    """

    due: Floats
    node: Ints
    group: Ints
    packets: Ints


class Work(NamedTuple):
    """Traffic, and the errands in it."""

    traffic: Traffic
    errands: Errands


class Worker:
    """Collects errands of ``meters`` (nodes 1 …); :meth:`work` gives the traffic. Same calls, same traffic."""

    def __init__(self, meters: int, seed: int) -> None:
        self._meters = meters
        self._rng = np.random.Generator(np.random.Philox(int(salt(seed, "errands"))))
        self._rows: list[Floats] = []
        self._count = 0
        self._errands: list[tuple[Floats, Ints, int, list[Ints]]] = []

    def readings(
        self, rounds: int, period: float, window: float, asked: Sequence[float], request_window: float
    ) -> None:
        """A reading of every meter in each round, at a random moment of ``window``, and asked for if missing."""
        node = np.tile(np.arange(1, self._meters + 1), rounds)
        due = np.repeat(np.arange(rounds) * period, self._meters)
        sent = due + self._rng.random(len(due)) * window
        spread = (node - 1) / self._meters * request_window
        self._errand(due, node, READING, READING_PSDU, sent, [due + each + spread for each in asked])

    def five_minute(self, nodes: Ints, seconds: float, asked: Sequence[float], late: Ints, late_by: float) -> None:
        """A value of each of ``nodes`` every five minutes, sent within a minute; by ``late`` nodes so much later."""
        times = np.arange(0.0, seconds, _FIVE)
        node, due = np.tile(nodes, len(times)), np.repeat(times, len(nodes))
        tardy = np.where(np.isin(node, late), late_by, 0.0)
        sent = due + self._rng.random(len(due)) * _WINDOW + tardy
        again = [due + each + self._rng.random(len(due)) * _WINDOW for each in asked]
        # A meter that is late has nothing to answer with before.
        self._errand(due, node, FIVE_MINUTE, FIVE_MINUTE_PSDU, sent, [np.maximum(each, due + tardy) for each in again])

    def records(self, nodes: Ints, seconds: float, tries: int) -> None:
        """A day's 5-minute values of each of ``nodes``, an hour of them at a time, asked for all through the time.

        What has not come is asked for again, ``tries`` times in all, evenly.
        """
        parts = _DAY // ROWS_PER_RECORD
        node = np.repeat(nodes, parts)
        due = np.zeros(len(node))
        first = self._rng.random(len(node)) * seconds / tries
        asked = [first + number * seconds / tries for number in range(tries)]
        self._errand(due, node, POLL, RECORD_PSDU, None, asked)

    def babble(self, nodes: Ints, seconds: float, every: float) -> None:
        """Frames without end from each of ``nodes``, nobody's errand: a meter that heeds no rule."""
        at = np.tile(np.arange(0.0, seconds, every), len(nodes))
        self._add(at, np.repeat(nodes, len(at) // max(1, len(nodes))), 0, READING_PSDU, POLL)

    def work(self) -> Work:
        """The traffic in the order of its time, replies at its end, and the errands."""
        table = np.concatenate(self._rows)
        order = np.argsort(np.where(table[:, 0] < 0, np.inf, table[:, 0]), kind="stable")
        place = np.empty(len(table) + 1, dtype=np.int64)
        place[order] = np.arange(len(table))
        place[-1] = NOBODY
        at, columns = table[order, 0], table[order, 1:].T.astype(np.int64)
        origin, target, psdu, reply, unless, group = columns
        # Asked for in the order of time, replies stand in the order that the engine wants: any.
        traffic = Traffic(at, origin, target, psdu, DATA, place[reply], place[unless], group)
        tries = max(len(packets) for *_, packets in self._errands)
        none = [np.full(len(due), NOBODY) for due, *_ in self._errands]
        packets = np.hstack(
            [
                np.array([place[p] for p in own] + [empty] * (tries - len(own))).reshape(tries, len(empty))
                for (*_, own), empty in zip(self._errands, none, strict=True)
            ]
        )
        due, node = (np.concatenate([each[k] for each in self._errands]) for k in (0, 1))
        group = np.concatenate([np.full(len(each[0]), each[2]) for each in self._errands])
        return Work(traffic, Errands(due, node, group, packets))

    def _errand(
        self, due: Floats, node: Ints, group: int, psdu: int, sent: Floats | None, asked: Sequence[Floats]
    ) -> None:
        packets = [] if sent is None else [self._add(sent, node, 0, psdu, group)]
        for at in asked:
            last = packets[-1] if packets else np.full(len(node), NOBODY)
            packets.append(self._ask(at, node, psdu, group, last))
        self._errands.append((due, node, group, packets))

    def _ask(self, at: Floats, node: Ints, psdu: int, group: int, unless: Ints) -> Ints:
        """Requests, unless something has come; where their answers stand."""
        answers = self._count + len(node) + np.arange(len(node))
        kind = POLL if group == POLL else REQUEST
        self._add(at, 0, node, REQUEST_PSDU, kind, unless=unless, reply=answers)
        return self._add(-1.0, node, 0, psdu, POLL if group == POLL else ANSWER, unless=unless)

    def _add(
        self,
        at: Floats | float,
        origin: Ints | int,
        target: Ints | int,
        psdu: int,
        group: int,
        unless: Ints | int = NOBODY,
        reply: Ints | int = NOBODY,
    ) -> Ints:
        columns = np.broadcast_arrays(at, origin, target, psdu, reply, unless, group)
        self._rows.append(np.column_stack([np.asarray(each, dtype=np.float64) for each in columns]))
        here = self._count + np.arange(len(self._rows[-1]))
        self._count += len(here)
        return here


def arrivals(errands: Errands, outcome: Outcome) -> Floats:
    """How long after it was due each value came, by itself or as an answer; infinite for what did not."""
    end = np.append(outcome.begun + outcome.delay, np.inf)  # place -1: nothing was sent
    return np.asarray(end[errands.packets].min(axis=0) - errands.due)


def causes(errands: Errands, outcome: Outcome) -> Ints:
    """What became of the last packet of each errand, as outcomes of the engine."""
    used = (errands.packets != NOBODY).sum(axis=0) - 1
    return np.asarray(outcome.outcome[errands.packets[used, np.arange(len(used))]])
