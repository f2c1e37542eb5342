"""What a shard's meters do when time passes and when they are asked: simulated time in, packets out, no I/O.

A reading is metered and counted (invocation counter) when its slot ends, and leaves the field, ciphered, when the field
says that it arrives. In between only row, arrival and counter are kept: the values are the fleet's, computed once more
when the fleet has moved on.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocols.slots import slot_end, slot_of
from twins.defects import Defects
from twins.field.causes import ARRIVED, SILENT
from twins.field.interface import Field
from twins.fleet import Fleet
from twins.shard.answers import Answers
from twins.shard.counters import InvocationCounters
from twins.shard.frames import ReadingFrames
from twins.shard.losses import EXCHANGES, READINGS, LossBook
from twins.stages import Stages

_BATCH = 8192  # readings ciphered and framed at once: large enough for vector work, small enough to stay in cache


@dataclass(slots=True)
class _OnItsWay:
    """Readings of one slot that will arrive, in order of arrival."""

    slot: int
    rows: NDArray[np.int64]
    arrival: NDArray[np.float64]
    counters: NDArray[np.uint32]
    at: int = 0

    @property
    def due(self) -> float | None:
        return float(self.arrival[self.at]) if self.at < len(self.rows) else None

    def shrink(self) -> None:
        """Let go of what has left once that is most of it: a few late readings must not hold a whole slot."""
        if 2 * self.at > len(self.rows):
            left = slice(self.at, None)
            self.rows, self.arrival = self.rows[left].copy(), self.arrival[left].copy()
            self.counters, self.at = self.counters[left].copy(), 0


class ShardCore:
    """The meters of one shard on their field; ``twins`` are the rows that send, all when not given."""

    def __init__(
        self,
        fleet: Fleet,
        field: Field,
        frames: ReadingFrames,
        answers: Answers,
        defects: Defects,
        counters: InvocationCounters,
        last_slot: int,
        stages: Stages,
        losses: LossBook,
        twins: NDArray[np.int64] | None = None,
    ) -> None:
        self._fleet = fleet
        self._twins = np.arange(fleet.size, dtype=np.int64) if twins is None else twins
        self._field = field
        self._frames = frames
        self._answers = answers
        self._defects = defects
        self._counters = counters
        self._last_slot = last_slot
        self._stages = stages
        self.losses = losses
        self._on_their_way: list[_OnItsWay] = []
        self._pending_answers: list[tuple[float, int, bytes]] = []
        self._asked = 0
        self.sent = 0

    def resume(self, now: float) -> None:
        """Catch up to ``now`` after a restart without sending: what was missed meanwhile will be asked for."""
        self._fleet.advance_to(max(self._fleet.slot, self._slots_ended(now)))  # the run may not have begun yet

    def due(self) -> float | None:
        """When there will next be something to do, or None when all readings are out."""
        moments = [way.due for way in self._on_their_way]
        if self._fleet.slot <= self._last_slot:
            moments.append(float(slot_end(self._fleet.slot)))
        if self._pending_answers:
            moments.append(self._pending_answers[0][0])
        return min((m for m in moments if m is not None), default=None)

    def step(self, now: float) -> Iterator[NDArray[np.uint8] | bytes]:
        """Do everything that is due by ``now``; yields packets for the bus in order of slot and arrival."""
        while self._fleet.slot < self._slots_ended(now):
            # What arrives before the next slot is metered still finds its values in the registers.
            yield from self._arrivals(slot_end(self._fleet.slot))
            with self._stages("meter"):
                self._meter()
        yield from self._arrivals(now)
        while self._pending_answers and self._pending_answers[0][0] <= now:
            yield heapq.heappop(self._pending_answers)[2]

    def ask(self, topic: bytes, request: bytes, now: float) -> None:
        """A request for one of our meters; its answer comes out of :meth:`step` when the field has carried it."""
        answer = self._answers.to(topic, request)
        if answer is None:
            return
        self._asked += 1
        row = np.array([answer.row])
        passage = self._field.exchange(row + self._fleet.start, answer.occasion, now)
        self.losses.note(EXCHANGES, row, passage.cause)
        if passage.arrives[0]:
            arrival = now + float(passage.delay[0])
            heapq.heappush(self._pending_answers, (arrival, self._asked, answer.packet))

    def _slots_ended(self, now: float) -> int:
        """The first slot that has not ended by ``now``, within what this run meters."""
        return min(slot_of(now), self._last_slot + 1)

    def _meter(self) -> None:
        """Meter one slot and send its readings into the field."""
        slot = self._fleet.slot
        self._fleet.advance()
        counters = self._counters.take_all()
        rows = self._twins
        passage = self._field.reading(rows + self._fleet.start, slot)
        cause = np.where(self._defects.silent(rows), SILENT, passage.cause).astype(np.uint8)
        self.losses.note(READINGS, rows, cause)
        arrives = cause == ARRIVED
        arrival = slot_end(slot) + passage.delay + self._defects.lateness(rows)
        rows, arrival = rows[arrives], arrival[arrives]
        order = np.argsort(arrival, kind="stable")
        rows = rows[order]
        self._on_their_way.append(_OnItsWay(slot, rows, arrival[order], counters[rows]))

    def _arrivals(self, now: float) -> Iterator[NDArray[np.uint8]]:
        for way in self._on_their_way:
            yield from self._arrived(way, now)
            way.shrink()
        self._on_their_way = [way for way in self._on_their_way if way.due is not None]

    def _arrived(self, way: _OnItsWay, now: float) -> Iterator[NDArray[np.uint8]]:
        until = int(np.searchsorted(way.arrival, now, side="right"))
        while way.at < until:
            batch = slice(way.at, min(way.at + _BATCH, until))
            way.at = batch.stop
            yield from self._encoded(way.slot, way.rows[batch], way.counters[batch])

    def _encoded(self, slot: int, rows: NDArray[np.int64], counters: NDArray[np.uint32]) -> Iterator[NDArray[np.uint8]]:
        fleet, defects, index = self._fleet, self._defects, rows + self._fleet.start
        with self._stages("meter"):
            if slot == fleet.slot - 1:
                imported, exported = fleet.import_wh[rows], fleet.export_wh[rows]
            else:
                imported, exported = fleet.registers_at(rows, np.full(len(rows), slot, dtype=np.int64))
            imported = defects.register(rows, slot, imported)
            counters = defects.counters(rows, slot, counters)
        with self._stages("cipher"):
            apdus = self._frames.apdus(index, counters, slot, np.zeros(len(rows), np.uint8), imported, exported)
            apdus = defects.tags(rows, apdus)
        with self._stages("frame"):
            packets = list(self._frames.packets(index, apdus))
        self.sent += len(rows)
        yield from packets
