"""The shard's way onto the bus: packets, in-band marks and the window.

At most ``window`` readings are on the bus unacknowledged. The head-end acknowledges marks; while it is slow, the shard
waits, and nothing overflows in the broker. While no acknowledgement comes it repeats its mark, because the last one may
be lost with a head-end or broker that was started again. When still none comes the shard stops waiting after a while
and counts that as an overrun: what was lost will be asked for.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocols import mqtt
from protocols.topics import UP, TopicTree
from twins.bus.bulk import BulkLink
from twins.bus.marks import Ack, Mark
from twins.bus.message import read

PATIENCE = 5.0  # real s without any acknowledgement before the shard stops waiting
_WAITS = 5  # pieces of that time, a repeated mark between them


class Stream:
    """Sends readings with marks between them, and keeps to the window; ``patience`` in real seconds."""

    def __init__(
        self, link: BulkLink, tree: TopicTree, name: str, epoch: int, window: int, patience: float = PATIENCE
    ) -> None:
        self._link = link
        self._topic = tree.mark(name, UP)
        self._name = name
        self._epoch = epoch
        self._window = window
        self._patience = patience
        self._mark_every = max(1, window // 4)
        self._sequence = 0
        self._since_mark = 0
        self._unacknowledged: deque[tuple[int, int]] = deque()  # sequence of a mark, readings before it
        self._in_flight = 0
        self._acknowledged = self._settled = 0
        self._news = threading.Condition()
        self.overruns = 0

    def on_ack(self, topic: str, payload: bytes) -> None:
        """Take an acknowledgement, or raise ProtocolError; called from the control link's thread."""
        ack = read(payload, Ack)
        if ack.epoch == self._epoch:
            with self._news:
                self._acknowledged = max(self._acknowledged, ack.sequence)
                self._news.notify()

    def send(self, packets: NDArray[np.uint8] | bytes, tick: int, now: float) -> None:
        """Send packets, waiting first while the window is full. Raises BusError when the bus is lost."""
        count = 1 if isinstance(packets, bytes) else len(packets)
        for start in range(0, count, self._mark_every):
            part = packets if isinstance(packets, bytes) else packets[start : start + self._mark_every]
            size = 1 if isinstance(part, bytes) else len(part)
            self._wait_for_room(size, tick, now)
            self._link.send(part if isinstance(part, bytes) else np.ascontiguousarray(part).data)
            self._in_flight += size
            self._since_mark += size
            if self._since_mark >= self._mark_every:
                self.mark("fill", tick, now)

    def mark(self, kind: Literal["open", "fill", "close"], tick: int, now: float, due: float | None = None) -> None:
        """Send a mark. Raises BusError when the bus is lost."""
        self._sequence += 1
        mark = Mark(
            kind=kind,
            sender=self._name,
            epoch=self._epoch,
            sequence=self._sequence,
            tick=tick,
            time=now,
            due=due,
        )
        if kind == "fill":
            self._unacknowledged.append((self._sequence, self._since_mark))
            self._since_mark = 0
        self._link.send(mqtt.publish(self._topic, msgspec.json.encode(mark)))

    def reset(self) -> None:
        """Nothing is in flight: a new tick says so of all before it, or the bus was lost, and everything with it."""
        self._unacknowledged.clear()
        self._in_flight = self._since_mark = 0

    def _wait_for_room(self, size: int, tick: int, now: float) -> None:
        self._settle()
        waited = 0
        while self._in_flight and self._in_flight + size > self._window:
            waited = 0 if self._news_within(self._patience / _WAITS) else waited + 1
            if waited == _WAITS:
                self.overruns += 1
                self.reset()
            elif waited:
                self.mark("fill", tick, now)
            self._settle()

    def _news_within(self, timeout: float) -> bool:
        with self._news:
            return self._news.wait_for(lambda: self._acknowledged > self._settled, timeout)

    def _settle(self) -> None:
        with self._news:
            self._settled = self._acknowledged
        while self._unacknowledged and self._unacknowledged[0][0] <= self._settled:
            self._in_flight -= self._unacknowledged.popleft()[1]
