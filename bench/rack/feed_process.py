"""The feed as a process: ``python -m bench.rack.feed_process SPEC.json``.

It asks the gateway, which owns the meters' connections, and speaks on the run's bus. Time is never virtual here.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event, Lock
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchFault
from bench.rack.client import RackClient, find_gateway
from bench.rack.feed import Ask, FedMeter, Feed
from bench.rack.messages import MeterWord, ReadMeter
from protocols.errors import MeterBenchError
from protocols.topics import TopicTree
from twins import lifeline
from twins.bus.address import BusAddress, BusError
from twins.bus.bulk import BulkLink
from twins.bus.control import ControlLink
from twins.bus.state import State, StateTeller
from twins.clock import ClockSpec, make_clock
from twins.journal import CounterJournal
from twins.plan import FleetPlan
from twins.shard.spec import read_spec

log = logging.getLogger(__name__)

_NAP = 0.02  # real s


class FeedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The run and the name of the process, the meters it speaks for, the bus; ``rack`` is the gateway's folder."""

    run: str
    name: str
    plan: FleetPlan
    meters: tuple[FedMeter, ...]
    rack: str
    bus: BusAddress
    clock: ClockSpec
    master_key: bytes
    last_slot: int
    journal: str


class _Gateway:
    """The gateway, wherever it is now: one that was started again is another process, perhaps at another bus."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._lock = Lock()
        self._client: RackClient | None = None

    def ask(self, request: ReadMeter) -> Any:
        """The result of a request. Raises MeterBenchError; after the bench's own fault the next one connects anew."""
        with self._lock:
            if self._client is None:
                client = RackClient(find_gateway(self._folder), self._name)
                client.open()
                self._client = client
            client = self._client
        try:
            return client.ask(request)
        except BenchFault:
            with self._lock:
                if self._client is client:
                    self._client = None
                    client.close()
            raise

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            if self._client is not None:
                self._client.close()


class FeedProcess:
    """The feed on the bus."""

    def __init__(self, spec: FeedSpec, stop: Event) -> None:
        self._spec, self._stop = spec, stop
        self._clock = make_clock(spec.clock)
        self._journal = CounterJournal(Path(spec.journal))
        self._feed = Feed(spec.plan, spec.meters, spec.bus.root, spec.master_key, self._journal, spec.last_slot)
        self._gateway = _Gateway(Path(spec.rack), f"run {spec.run}")
        client = f"{spec.run}-{spec.name}"
        self._link = BulkLink(spec.bus, f"{client}-bulk", *self._feed.down_topics)
        self._control = ControlLink(spec.bus, client)
        state_topic = TopicTree(spec.bus.root).state(spec.name)
        self._states = StateTeller(lambda state: self._control.publish(state_topic, state))
        self._workers = ThreadPoolExecutor(len({meter.place for meter in spec.meters}), thread_name_prefix="place")
        self._asking: dict[Future[list[dict[str, Any]] | None], Ask] = {}
        self._failing: set[str] = set()

    def run(self) -> None:
        """Work until told to stop."""
        self._link.open(self._stop.is_set)
        self._control.open()
        try:
            while not self._stop.is_set():
                try:
                    self._work()
                except BusError as error:
                    log.warning("%s; connecting again", error)
                    self._link.open(self._stop.is_set)
            self._tell(force=True)
        finally:
            self._workers.shutdown(wait=False, cancel_futures=True)
            self._link.close()
            self._control.close()
            self._gateway.close()
            self._journal.close()

    def _work(self) -> None:
        for ask in self._feed.due(self._clock.now()):
            self._begin(ask)
        for run in self._link.receive(0 if self._asking else _NAP):
            for topic, payload in zip(run.topics, run.payloads, strict=True):
                if (asked := self._feed.asked(topic.tobytes(), payload.tobytes())) is not None:
                    self._begin(asked)
        if self._asking:
            done, _ = wait(self._asking, timeout=_NAP, return_when=FIRST_COMPLETED)
            for future in done:
                for packets in self._feed.told(self._asking.pop(future), future.result(), self._clock.now()):
                    self._send(packets)
        self._tell()

    def _begin(self, ask: Ask) -> None:
        self._asking[self._workers.submit(self._read, ask)] = ask

    def _read(self, ask: Ask) -> list[dict[str, Any]] | None:
        """What the place says; None when it says nothing."""
        what: MeterWord = "attached" if ask.meter.attached else "profile"
        try:
            rows: list[dict[str, Any]] = self._gateway.ask(
                ReadMeter(ask.meter.place, what, first=ask.first, last=ask.last)
            )
        except MeterBenchError as error:
            if ask.meter.place not in self._failing:
                self._failing.add(ask.meter.place)
                log.warning("%s: %s", ask.meter.place, error)
            return None
        self._failing.discard(ask.meter.place)
        return rows

    def _send(self, packets: NDArray[np.uint8] | bytes) -> None:
        self._link.send(packets if isinstance(packets, bytes) else np.ascontiguousarray(packets).data)

    def _tell(self, force: bool = False) -> None:
        self._states.maybe(self._clock.monotonic(), self._state, force)

    def _state(self) -> State:
        feed = self._feed
        figures = {
            "sent": feed.sent,
            "answered": feed.answered,
            "refused": feed.refused,
            "missed": feed.missed,
            "connections": self._link.connections,
            "cpu_seconds": time.process_time(),
        }
        return State(
            process=self._spec.name,
            run=self._spec.run,
            epoch=self._journal.epoch,
            pid=os.getpid(),
            now=self._clock.now(),
            figures={name: float(value) for name, value in figures.items()},
        )


def main() -> None:
    """Feed what the spec named on the command line says."""
    stop = lifeline.hold()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    FeedProcess(read_spec(sys.argv[1], FeedSpec), stop).run()


if __name__ == "__main__":
    main()
