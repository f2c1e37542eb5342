"""A head-end without its process, and the messages that meters and strangers send it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.head_end.core import HeadEnd
from bench.head_end.intake import Intake, Refusal
from bench.head_end.spec import HeadEndSpec, RecollectionPolicy
from bench.head_end.store import Store
from bench.head_end.topics import MeterTopics
from bench.head_end.values import Values
from bench.record.columns import Columns
from protocols import mqtt
from protocols.dlms.profile import ROWS, range_answer
from protocols.dlms.replay import ReplayWindow
from protocols.dlms.security import AUTHENTICATED_ENCRYPTED, protect_general
from protocols.slots import slot_end
from protocols.topics import UP
from tests.twins.plans import FIRST_SLOT
from tests.twins.shard.rig import KEYS, TREE
from twins.bus.address import BusAddress
from twins.clock import ClockSpec, VirtualClock
from twins.journal import CounterJournal
from twins.plan import FleetPlan, concentrator_id, meter_id, system_title
from twins.shard.frames import ReadingFrames
from twins.stages import Stages

MASTER_KEY = bytes(range(16))  # the one of tests.twins.shard.rig.KEYS
START = float(slot_end(FIRST_SLOT - 1))


class Message(NamedTuple):
    """One message on the bus."""

    topic: bytes
    payload: bytes


def runs(messages: Iterable[Message]) -> list[mqtt.PublishRun]:
    """Messages as the bulk link hands them out: framed, sent and parsed."""
    return feed(mqtt.publish(message.topic, message.payload) for message in messages)


def feed(packets: Iterable[bytes | NDArray[np.uint8]]) -> list[mqtt.PublishRun]:
    """Packets as the bulk link hands them out."""
    joined = b"".join(packet if isinstance(packet, bytes) else packet.tobytes() for packet in packets)
    return [run for run in mqtt.Reader().feed(joined) if isinstance(run, mqtt.PublishRun)]


def heard(packets: Iterable[bytes | NDArray[np.uint8]]) -> list[Message]:
    """The messages in packets."""
    return [
        Message(topic.tobytes(), payload.tobytes())
        for run in feed(packets)
        for topic, payload in zip(run.topics, run.payloads, strict=True)
    ]


def up_topic(plan: FleetPlan, meter: int) -> bytes:
    """Where a meter speaks, spelt by the topic tree."""
    at = np.array([meter])
    area = plan.areas[int(plan.area_of(at)[0])].name
    return TREE.meter(area, concentrator_id(int(plan.concentrator_of(at)[0])), meter_id(meter), UP).encode()


def readings(
    plan: FleetPlan, meters: Iterable[int], slot: int = FIRST_SLOT, counter: int = 1, wh: int = 5000
) -> list[Message]:
    """One genuine reading of each meter; its import register is ``wh`` plus the meter's index, its export 7."""
    index = np.fromiter(meters, dtype=np.int64)
    count = len(index)
    apdus = ReadingFrames(plan, TREE.root, KEYS).apdus(
        index,
        np.full(count, counter, np.uint32),
        slot,
        np.zeros(count, np.uint8),
        (index + wh).astype(np.uint64),
        np.full(count, 7, np.uint64),
    )
    return [Message(up_topic(plan, meter), apdu.tobytes()) for meter, apdu in zip(index.tolist(), apdus, strict=True)]


def rows(slots: Iterable[int], wh: int = 5000) -> NDArray[Any]:
    """Profile rows of these slots, all with the same registers."""
    slots = list(slots)
    found = np.zeros(len(slots), dtype=ROWS)
    found["time"], found["import_wh"], found["export_wh"] = [slot_end(slot) for slot in slots], wh, 7
    return found


def answer(plan: FleetPlan, meter: int, slots: Iterable[int], counter: int = 2, wh: int = 5000) -> Message:
    """A genuine answer with the rows of these slots."""
    return sealed(plan, meter, range_answer(3, rows(slots, wh)), counter)


def sealed(
    plan: FleetPlan, meter: int, plain: bytes, counter: int = 2, control: int = AUTHENTICATED_ENCRYPTED
) -> Message:
    """Any APDU of a meter, ciphered with its own key and on its own topic."""
    title = system_title(meter)
    apdu = protect_general(plain, title, counter, *KEYS.for_title(title, 0), control)
    return Message(up_topic(plan, meter), apdu)


class Gate:
    """An intake that has seen nothing, and what it refuses: (row, counter, reason)."""

    def __init__(self, plan: FleetPlan) -> None:
        self.refused: list[tuple[int, int, str]] = []
        self._intake = Intake(plan, MeterTopics(plan, TREE.root), KEYS, ReplayWindow(plan.meters), self._note)

    def check(self, messages: Iterable[Message]) -> tuple[Values, Values]:
        return self._intake.check(runs(messages))

    def passes(self, messages: Iterable[Message]) -> list[tuple[int, int]]:
        """(meter, slot) of all values that pass, answers' last."""
        return [pair for values in self.check(messages) for pair in pairs(values)]

    def _note(self, meters: NDArray[np.int64], counters: NDArray[np.int64], reason: Refusal) -> None:
        self.refused += [(*pair, str(reason)) for pair in zip(meters.tolist(), counters.tolist(), strict=True)]


def pairs(values: Values) -> list[tuple[int, int]]:
    """(meter, slot) of values."""
    return list(zip(values.rows.tolist(), values.slots.tolist(), strict=True))


class Station:
    """A head-end in virtual time over a folder; ``kill`` leaves what a kill -9 leaves."""

    def __init__(
        self,
        plan: FleetPlan,
        folder: Path,
        *,
        slots: int = 3,
        tries: int = 3,
        audit: float = 0.0,
        first_after: float = 600.0,
        interval: float = 300.0,
    ) -> None:
        self.spec = HeadEndSpec(
            run="r",
            plan=plan,
            first_slot=FIRST_SLOT,
            last_slot=FIRST_SLOT + slots - 1,
            shards=("shard-0",),
            recollection=RecollectionPolicy(first_after=first_after, interval=interval, tries=tries, audit=audit),
            bus=BusAddress(port=1, root=TREE.root),
            clock=ClockSpec(mode="virtual", start=START),
            master_key=MASTER_KEY,
            folder=str(folder),
            journal=str(folder / "journal"),
        )
        self.folder = folder
        self.clock = VirtualClock(START)
        self._journal = CounterJournal(folder / "journal")
        self.head_end = HeadEnd(self.spec, self.clock, Store(folder), self._journal, Stages())

    def take(self, messages: Iterable[Message], now: float | None = None) -> None:
        if now is not None:
            self.clock.move_to(now)
        self.head_end.take(runs(messages))

    def ask(self, now: float) -> list[Message]:
        """Requests that leave at a moment."""
        self.clock.move_to(now)
        return heard(self.head_end.ask())

    def figure(self, name: str) -> int:
        return int(self.head_end.figures()[name])

    def kill(self) -> None:
        """End as kill -9 ends a process: nothing is flushed, and the kernel takes the lock of the journal away."""
        self._journal.close()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over everything taken so far."""
        self.head_end.tidy(final=True)
        with Columns(self.folder) as columns:
            return columns.query(sql)
