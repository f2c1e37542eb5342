"""A shard without its process: time and requests in, decoded messages out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols import mqtt
from protocols.dlms.keys import KeyRing
from protocols.dlms.profile import range_request
from protocols.dlms.readings import READING_BYTES, Reason, claimed_titles, decode_readings
from protocols.dlms.security import protect_general, unprotect_general
from protocols.slots import SLOT_SECONDS, slot_end
from protocols.topics import DOWN, TopicTree
from twins.defects import Defects
from twins.field.areas import AreaField, FieldOfAreas
from twins.field.interface import Field, Passage
from twins.fleet import Fleet
from twins.journal import CounterJournal
from twins.plan import HEAD_END_TITLE, FleetPlan, concentrator_id, meter_id, system_title
from twins.shard.answers import Answers
from twins.shard.core import ShardCore
from twins.shard.counters import InvocationCounters
from twins.shard.frames import ReadingFrames
from twins.shard.losses import LossBook
from twins.shard.spec import DefectPlan
from twins.stages import Stages

KEYS = KeyRing(bytes(range(16)))
TREE = TopicTree("test")


class Reading(NamedTuple):
    """One reading as the head-end gets it."""

    topic: str
    meter: int
    slot: int
    counter: int
    import_wh: int
    export_wh: int
    genuine: bool


class Answer(NamedTuple):
    """One answer as the head-end gets it, decrypted."""

    topic: str
    counter: int
    plain: bytes


class SteadyField:
    """A field that loses nothing and takes as long as it is told: readings by meter index, exchanges 1 s."""

    def __init__(self, delay: Callable[[NDArray[np.int64]], NDArray[np.float64]]) -> None:
        self._delay = delay

    def reading(self, index: NDArray[np.int64], occasion: int) -> Passage:
        return Passage(np.zeros(len(index), np.uint8), self._delay(index), np.ones(len(index), np.uint8))

    def exchange(self, index: NDArray[np.int64], occasion: int, now: float) -> Passage:
        return Passage(np.zeros(len(index), np.uint8), np.ones(len(index)), np.ones(len(index), np.uint8))


class Shard:
    """Rows ``start … stop - 1`` of a plan, with a journal at ``path``."""

    def __init__(
        self,
        plan: FleetPlan,
        path: Path,
        start: int = 0,
        stop: int | None = None,
        *,
        slots: int = 3,
        field: Field | None = None,
        loss: float = 0.0,
        defects: Sequence[DefectPlan] = (),
    ) -> None:
        stop = plan.meters if stop is None else stop
        self.fleet = Fleet(plan, start, stop)
        self.journal = CounterJournal(path)
        self.field = field or FieldOfAreas(plan, [AreaField(medium="direct", loss=loss)] * len(plan.areas))
        defective = Defects(defects, start, stop)
        counters = InvocationCounters(self.fleet.counter, self.journal)
        self.answers = Answers(self.fleet, KEYS, defective, counters)
        frames = ReadingFrames(plan, TREE.root, KEYS)
        last = plan.first_slot + slots - 1
        losses = LossBook(plan, start, stop)
        self.core = ShardCore(self.fleet, self.field, frames, self.answers, defective, counters, last, Stages(), losses)

    def step(self, now: float) -> list[Reading | Answer]:
        """What leaves the shard by ``now``."""
        return list(decoded(self.core.step(now)))

    def until_done(self) -> Iterator[tuple[float, list[Reading | Answer]]]:
        """(moment, messages) at every moment at which the shard says that something is due, until nothing is."""
        now = float("-inf")
        while (due := self.core.due()) is not None:
            assert due > now, "what was due is not done"
            now = due
            yield now, self.step(now)

    def all(self) -> list[Reading | Answer]:
        """Everything that leaves the shard until nothing more is due."""
        return [message for _, messages in self.until_done() for message in messages]


def decoded(packets: Iterable[NDArray[np.uint8] | bytes]) -> Iterator[Reading | Answer]:
    """Packets read as the head-end reads them, in their order."""
    for packet in packets:
        for run in mqtt.Reader().feed(packet if isinstance(packet, bytes) else packet.tobytes()):
            assert isinstance(run, mqtt.PublishRun)
            yield from messages_of(run)


def messages_of(run: mqtt.PublishRun) -> Iterator[Reading | Answer]:
    """The messages of meters in a run of packets."""
    topics = [topic.tobytes().decode() for topic in run.topics]
    if run.payloads.shape[1] != READING_BYTES:
        yield from map(_answer, topics, run.payloads)
        return
    titles = claimed_titles(run.payloads)
    batch = decode_readings(run.payloads, *KEYS.derive(titles, 0))
    meters = titles & np.uint64((1 << 40) - 1)
    slots = batch.end_unix // SLOT_SECONDS - 1
    columns = (meters, slots, batch.counters, batch.import_wh, batch.export_wh, batch.ok)
    readings = map(Reading, topics, *(column.tolist() for column in columns))
    for reading, reason, payload in zip(readings, batch.reason, run.payloads, strict=True):
        # As long as a reading and yet none: an answer with a single row.
        yield _answer(reading.topic, payload) if reason == Reason.MALFORMED else reading


def _answer(topic: str, apdu: NDArray[np.uint8]) -> Answer:
    _, counter, plain = unprotect_general(apdu.tobytes(), lambda title: KEYS.for_title(title, 0))
    return Answer(topic, counter, plain)


def down_topic(plan: FleetPlan, meter: int) -> bytes:
    """Where a meter hears its head-end."""
    at = np.array([meter])
    area = plan.areas[int(plan.area_of(at)[0])].name
    concentrator = concentrator_id(int(plan.concentrator_of(at)[0]))
    return TREE.meter(area, concentrator, meter_id(meter), DOWN).encode()


def request(meter: int, first_slot: int, last_slot: int, counter: int) -> bytes:
    """A genuine request for the rows of these slots, both included."""
    return sealed(meter, range_request(5, slot_end(first_slot), slot_end(last_slot)), counter)


def sealed(meter: int, plain: bytes, counter: int) -> bytes:
    """Any APDU from the head-end to a meter."""
    return protect_general(plain, HEAD_END_TITLE, counter, *KEYS.for_title(system_title(meter), 0))
