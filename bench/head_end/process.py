"""The head-end as a process: ``python -m bench.head_end.process SPEC.json``."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.head_end.core import HeadEnd
from bench.head_end.spec import HeadEndSpec
from bench.head_end.store import Store
from protocols import mqtt
from protocols.errors import ProtocolError
from protocols.mqtt import PublishRun
from protocols.topics import DOWN, HEAD_END, UP, TopicTree
from twins import lifeline
from twins.bus.address import BusError
from twins.bus.bulk import BulkLink
from twins.bus.control import ControlLink
from twins.bus.marks import Ack, Mark, TickDone, read_mark
from twins.bus.state import State, StateTeller
from twins.clock import VirtualClock, make_clock
from twins.journal import CounterJournal
from twins.shard.spec import read_spec
from twins.stages import Stages

log = logging.getLogger(__name__)

_NAP = 0.05


class HeadEndProcess:
    """The head-end on the bus."""

    def __init__(self, spec: HeadEndSpec, stop: threading.Event) -> None:
        self._spec = spec
        self._stop = stop
        self._tree = TopicTree(spec.bus.root)
        self._own = np.frombuffer(self._tree.own_prefix, np.uint8)
        self._mark_topics = {self._tree.mark(shard, UP).encode(): shard for shard in spec.shards}
        self._clock = make_clock(spec.clock)
        # A virtual clock that has just been made does not know how far the run has come; the first mark tells.
        self._knows_time = not isinstance(self._clock, VirtualClock)
        self._journal = CounterJournal(Path(spec.journal))
        self._stages = Stages()
        self._head_end = HeadEnd(spec, self._clock, Store(Path(spec.folder)), self._journal, self._stages)
        self._gathered: list[PublishRun] = []  # meters' messages since the last mark
        self._epochs = dict.fromkeys(spec.shards, 0)  # highest heard; who comes with a lower one is a ghost
        self._closed: dict[str, Mark] = {}
        self._tick = 0
        self._strays = 0
        client = f"{spec.run}-{HEAD_END}"
        self._link = BulkLink(spec.bus, f"{client}-bulk", self._tree.up_filter)
        self._control = ControlLink(spec.bus, client)
        self._states = StateTeller(lambda state: self._control.publish(self._tree.state(HEAD_END), state))

    def run(self) -> None:
        """Work until told to stop; then put everything on disk."""
        try:
            self._link.open(self._stop.is_set)
            self._control.open()
            if self._journal.epoch > 1:
                log.warning("started again as epoch %d with %d values", self._journal.epoch, self._head_end.book.stored)
            while not self._stop.is_set():
                try:
                    self._work()
                except BusError as error:
                    log.warning("%s; connecting again", error)
                    self._link.open(self._stop.is_set)
        except BusError as error:
            if not self._stop.is_set():
                raise
            log.warning("told to stop while there was no bus: %s", error)
        finally:
            self._head_end.tidy(final=True)
            self._tell(force=True)
            self._link.close()
            self._control.close()
            self._journal.close()

    def _work(self) -> None:
        with self._stages("receive"):
            runs = self._link.receive(_NAP)
        self._take(runs)
        if not isinstance(self._clock, VirtualClock):
            self._ask()
        self._head_end.tidy()
        self._tell()

    def _take(self, runs: list[PublishRun]) -> None:
        """Meters' messages and marks come mixed; what lies before a mark is taken before the mark is."""
        for run in runs:
            start = 0
            for at in np.flatnonzero(self._own_traffic(run)).tolist():
                self._gathered.append(run[start:at])
                self._on_own_traffic(run.topics[at].tobytes(), run.payloads[at].tobytes())
                start = at + 1
            self._gathered.append(run[start:])
        self._take_gathered()

    def _take_gathered(self) -> None:
        if self._knows_time:
            full = [run for run in self._gathered if len(run)]
            self._gathered.clear()
            if full:
                self._head_end.take(full)

    def _own_traffic(self, run: PublishRun) -> NDArray[np.bool_]:
        size = len(self._own)
        if run.topics.shape[1] < size:
            return np.zeros(len(run), dtype=np.bool_)
        return np.asarray((run.topics[:, :size] == self._own).all(axis=1))

    def _on_own_traffic(self, topic: bytes, payload: bytes) -> None:
        try:
            mark = read_mark(payload)
        except ProtocolError as error:
            self._note_stray(error)
            return
        if self._mark_topics.get(topic) != mark.sender:
            self._note_stray(f"a mark of {mark.sender} on {topic!r}")
        elif mark.epoch >= self._epochs[mark.sender]:
            self._epochs[mark.sender] = mark.epoch
            self._on_mark(mark)

    def _note_stray(self, what: object) -> None:
        if not self._strays:
            log.warning("%s; whatever else strays here is only counted", what)
        self._strays += 1

    def _on_mark(self, mark: Mark) -> None:
        if not self._knows_time:
            self._move_to(mark.time)
        self._take_gathered()
        self._move_to(mark.time)
        if mark.kind == "close":
            self._closed[mark.sender] = mark
            self._end_of_tick(mark.tick)
        elif mark.kind == "fill":
            self._control.publish(self._tree.ack(mark.sender), Ack(epoch=mark.epoch, sequence=mark.sequence))

    def _move_to(self, when: float) -> None:
        if isinstance(self._clock, VirtualClock):
            self._clock.move_to(when)
            self._knows_time = True

    def _end_of_tick(self, number: int) -> None:
        """Once all shards have closed a tick: ask for what is due, and tell the conductor."""
        if len(self._closed) < len(self._spec.shards) or any(mark.tick < number for mark in self._closed.values()):
            return
        if number > self._tick:  # a repeated tick asks nobody: readings of the next may be on their way already
            self._ask()
            self._tick = number
        mark = Mark(
            kind="close", sender=HEAD_END, epoch=self._journal.epoch, sequence=0, tick=number, time=self._clock.now()
        )
        self._link.send(mqtt.publish(self._tree.mark(HEAD_END, DOWN), msgspec.json.encode(mark)))
        dues = [mark.due for mark in self._closed.values()] + [self._head_end.due()]
        due = min((d for d in dues if d is not None), default=None)
        done = TickDone(number=number, due=due, finished=self._finished())
        self._control.publish(self._tree.tick, done)

    def _ask(self) -> None:
        for packets in self._head_end.ask():
            self._link.send(packets)

    def _finished(self) -> bool:
        return self._head_end.due() is None

    def _tell(self, force: bool = False) -> None:
        self._states.maybe(self._clock.monotonic(), self._state, force)

    def _state(self) -> State:
        figures = self._head_end.figures() | {
            "finished": float(self._finished()),
            "strays": float(self._strays),
            "connections": float(self._link.connections),
            "cpu_seconds": time.process_time(),
            **self._stages.figures(),
        }
        return State(
            process=HEAD_END,
            run=self._spec.run,
            epoch=self._journal.epoch,
            pid=os.getpid(),
            now=self._clock.now(),
            figures=figures,
        )


def main() -> None:
    """Run the head-end whose spec is named on the command line."""
    stop = lifeline.hold()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    HeadEndProcess(read_spec(sys.argv[1], HeadEndSpec), stop).run()


if __name__ == "__main__":
    main()
