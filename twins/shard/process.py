"""The shard as a process: ``python -m twins.shard.process SPEC.json``.

In virtual time it works tick by tick in lock-step with the conductor; otherwise it follows its own clock. Either way
the meters' behaviour is :class:`twins.shard.core.ShardCore`'s, and what is lost with the bus or with this process is
left for the head-end to find and to ask for.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
from pathlib import Path

import numpy as np

from protocols.dlms.keys import KeyRing
from protocols.errors import ProtocolError
from protocols.topics import DOWN, HEAD_END, TopicTree
from twins import lifeline
from twins.bus.address import BusError
from twins.bus.bulk import BulkLink
from twins.bus.control import ControlLink
from twins.bus.marks import Tick, read_mark
from twins.bus.message import read
from twins.bus.state import State, StateTeller
from twins.clock import VirtualClock, make_clock
from twins.defects import Defects
from twins.field.areas import FieldOfAreas
from twins.fleet import Fleet
from twins.journal import CounterJournal
from twins.shard.answers import Answers
from twins.shard.core import ShardCore
from twins.shard.counters import InvocationCounters
from twins.shard.frames import ReadingFrames
from twins.shard.losses import LossBook
from twins.shard.spec import ShardSpec, read_spec
from twins.shard.stream import Stream
from twins.stages import Stages

log = logging.getLogger(__name__)

_LATE = 1.0  # real s by which a packet may leave after its moment before the bench counts itself as the bottleneck
_MARK_PATIENCE = 1.0  # real s to wait for the head-end's mark, which only a lost bus can swallow
_NAP = 0.2


class ShardProcess:
    """One shard on the bus."""

    def __init__(self, spec: ShardSpec, stop: threading.Event) -> None:
        self._spec = spec
        self._stop = stop
        self._tree = TopicTree(spec.bus.root)
        self._clock = make_clock(spec.clock)
        self._journal = CounterJournal(Path(spec.journal))
        self._stages = Stages()
        self._core, self._answers = _build(spec, self._journal, self._stages)
        self._ticks: queue.SimpleQueue[Tick] = queue.SimpleQueue()
        self._tick = self._down_mark = 0
        self._late = 0
        client = f"{spec.run}-{spec.name}"
        self._link = BulkLink(spec.bus, f"{client}-bulk", self._tree.down_filter)
        self._stream = Stream(self._link, self._tree, spec.name, self._journal.epoch, spec.window)
        self._control = ControlLink(spec.bus, client)
        self._control.handle(self._tree.clock, self._on_tick)
        self._control.handle(self._tree.ack(spec.name), self._stream.on_ack)
        self._states = StateTeller(lambda state: self._control.publish(self._tree.state(spec.name), state))

    def run(self) -> None:
        """Work until told to stop."""
        self._link.open(self._stop.is_set)
        self._control.open()
        if self._journal.epoch > 1:
            log.warning(
                "started again as epoch %d; counters go on above %d", self._journal.epoch, self._journal.ceiling
            )
        work = self._follow_ticks if isinstance(self._clock, VirtualClock) else self._follow_clock
        try:
            while not self._stop.is_set():
                try:
                    work()
                except BusError as error:
                    log.warning("%s; connecting again", error)
                    self._stream.reset()
                    self._link.open(self._stop.is_set)
                self._tell()
            self._tell(force=True)
        finally:
            self._link.close()
            self._control.close()
            self._journal.close()

    def _follow_ticks(self) -> None:
        try:
            tick = self._ticks.get(timeout=_NAP)
        except queue.Empty:
            self._take_requests(0)
            return
        if tick.number <= self._tick:  # asked again: the answer was lost
            self._stream.mark("close", self._tick, self._clock.now(), self._core.due())
            return
        if self._tick:  # what was asked before this process began went to nobody
            self._await_down_mark(tick.number - 1)
        assert isinstance(self._clock, VirtualClock)
        self._clock.move_to(tick.time)
        self._begin(tick.time)
        self._stream.reset()
        self._stream.mark("open", tick.number, tick.time)
        self._send_due(tick.number)
        self._tick = tick.number
        self._stream.mark("close", tick.number, tick.time, self._core.due())

    def _begin(self, now: float) -> None:
        """Before the first work of a shard that was started again: leave what it missed to the head-end."""
        if self._tick == 0 and self._journal.epoch > 1:
            self._core.resume(now)

    def _follow_clock(self) -> None:
        self._begin(self._clock.now())
        self._tick = 1
        due = self._core.due()
        wait = _NAP if due is None else min(_NAP, self._clock.real_until(due))
        self._take_requests(wait)
        due = self._core.due()
        if due is not None and due <= self._clock.now():
            self._late += (self._clock.now() - due) / self._spec.clock.scale > _LATE
            self._send_due(self._tick)

    def _send_due(self, tick: int) -> None:
        now = self._clock.now()
        for packets in self._core.step(now):
            with self._stages("send"):
                self._stream.send(packets, tick, now)
            self._tell()

    def _await_down_mark(self, tick: int) -> None:
        """All requests of the tick before are in once the head-end's mark is."""
        deadline = self._clock.monotonic() + _MARK_PATIENCE
        self._take_requests(0)
        while self._down_mark < tick and self._clock.monotonic() < deadline and not self._stop.is_set():
            self._take_requests(0.05)

    def _take_requests(self, timeout: float) -> None:
        marks = self._tree.mark(HEAD_END, DOWN).encode()
        runs = self._link.receive(timeout)
        now = self._clock.now()
        for run in runs:
            for topic, payload in zip(run.topics, run.payloads, strict=True):
                if topic.tobytes() == marks:
                    self._note_mark(payload.tobytes())
                else:
                    self._core.ask(topic.tobytes(), payload.tobytes(), now)

    def _note_mark(self, payload: bytes) -> None:
        try:
            self._down_mark = max(self._down_mark, read_mark(payload).tick)
        except ProtocolError as error:
            log.warning("%s", error)

    def _on_tick(self, topic: str, payload: bytes) -> None:
        self._ticks.put(read(payload, Tick))

    def _tell(self, force: bool = False) -> None:
        self._states.maybe(self._clock.monotonic(), self._state, force)

    def _state(self) -> State:
        figures = (
            {
                "sent": self._core.sent,
                "answered": self._answers.answered,
                "refused": self._answers.refused,
                "overruns": self._stream.overruns + self._late,
                "connections": self._link.connections,
                "cpu_seconds": time.process_time(),
            }
            | self._stages.figures()
            | self._core.losses.figures()
        )
        return State(
            process=self._spec.name,
            run=self._spec.run,
            epoch=self._journal.epoch,
            pid=os.getpid(),
            now=self._clock.now(),
            figures={name: float(value) for name, value in figures.items()},
        )


def _build(spec: ShardSpec, journal: CounterJournal, stages: Stages) -> tuple[ShardCore, Answers]:
    fleet = Fleet(spec.plan, spec.start, spec.stop)
    keys = KeyRing(spec.master_key)
    defects = Defects(spec.defects, spec.start, spec.stop)
    counters = InvocationCounters(fleet.counter, journal)
    answers = Answers(fleet, keys, defects, counters, elsewhere=frozenset(spec.elsewhere))
    field = FieldOfAreas(spec.plan, spec.field, spec.start, spec.stop)
    frames = ReadingFrames(spec.plan, spec.bus.root, keys)
    twins = np.setdiff1d(np.arange(spec.start, spec.stop), spec.elsewhere) - spec.start
    losses = LossBook(spec.plan, spec.start, spec.stop)
    core = ShardCore(fleet, field, frames, answers, defects, counters, spec.last_slot, stages, losses, twins)
    return core, answers


def main() -> None:
    """Run the shard whose spec is named on the command line."""
    stop = lifeline.hold()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ShardProcess(read_spec(sys.argv[1], ShardSpec), stop).run()


if __name__ == "__main__":
    main()
