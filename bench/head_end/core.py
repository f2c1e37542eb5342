"""The head-end without its process: messages and time in, requests and stored columns out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.head_end.completeness import Completeness
from bench.head_end.intake import Intake, Refusal
from bench.head_end.recollection import Recollection, ranges
from bench.head_end.spec import HeadEndSpec
from bench.head_end.store import Store
from bench.head_end.values import Values
from protocols import mqtt
from protocols.dlms.keys import KeyRing
from protocols.dlms.profile import range_request
from protocols.dlms.replay import ReplayWindow
from protocols.dlms.security import protect_general
from protocols.mqtt import PublishRun
from protocols.slots import SLOT_SECONDS, slot_end, slot_of
from protocols.topics import DOWN, TopicTree
from twins.clock import Clock
from twins.journal import CounterJournal
from twins.plan import HEAD_END_TITLE, FleetPlan, concentrator_id, meter_id, system_titles
from twins.random import keys as meter_keys
from twins.random import mix32, salt, unit
from twins.stages import Stages

ON_TIME = 3600.0  # s, A5: LV values within 60 minutes. For progress only; the campaign judges from the columns
BY_ITSELF, ASKED_AGAIN = 0, 1


class HeadEnd:
    """Collects the readings of a fleet, and asks again until nothing is missing."""

    def __init__(self, spec: HeadEndSpec, clock: Clock, store: Store, journal: CounterJournal, stages: Stages) -> None:
        self._plan = spec.plan
        self._policy = spec.recollection
        self._clock = clock
        self._store = store
        self._journal = journal
        self._stages = stages
        self._counter = journal.ceiling
        self._keys = KeyRing(spec.master_key)
        self._tree = TopicTree(spec.bus.root)
        self.book = Completeness(spec.plan.meters, spec.first_slot, spec.last_slot)
        window = ReplayWindow(spec.plan.meters)
        for part in store.stored():
            window.accept(part["meter"], part["counter"].astype(np.uint32))
            kept = part["slot"] >= 0
            self.book.add(part["meter"][kept], part["slot"][kept])
        self._intake = Intake(spec.plan, self._keys, window, self._reject)
        self._recollection = Recollection(spec.recollection, self.book, spec.first_slot, spec.last_slot)
        self.received = self.rejected = self.repeated = self.recollected = self.requests = self.on_time = 0

    def take(self, runs: Sequence[PublishRun]) -> None:
        """Take messages from meters, in order of arrival."""
        self.received += sum(map(len, runs))
        with self._stages("verify"):
            readings, answers = self._intake.check(runs)
        with self._stages("store"):
            if len(readings):
                self._keep(readings, BY_ITSELF)
            for answer in answers:
                self._keep(answer, ASKED_AGAIN)

    def ask(self) -> Iterator[bytes]:
        """Requests that are due now, as packets for the bus."""
        slots = self._recollection.round(self._clock.now())
        if not slots:
            return
        wanted = ranges((self._to_ask(slot), slot) for slot in slots)
        plain: dict[tuple[int, int], bytes] = {}  # most meters miss the same range, and only the ciphering is their own
        for row, first, last in zip(*(column.tolist() for column in wanted), strict=True):
            if (first, last) not in plain:
                plain[first, last] = range_request(len(plain) & 0x0F, slot_end(first), slot_end(last))
            self.requests += 1
            yield self._request(row, plain[first, last])

    def due(self) -> float | None:
        """When the head-end will next want to ask; None when every slot is closed."""
        return self._recollection.due()

    def tidy(self, final: bool = False) -> None:
        """Put on disk what has gathered: now and then, or all of it at the end."""
        if final:
            self._store.flush()
        else:
            self._store.flush_now_and_then(self._clock.monotonic())

    def figures(self) -> dict[str, float]:
        """Counters for progress and record."""
        names = ("received", "rejected", "repeated", "recollected", "requests", "on_time")
        return {name: float(getattr(self, name)) for name in names} | {"stored": float(self.book.stored)}

    def _keep(self, values: Values, via: int) -> None:
        now = self._clock.now()
        # A slot that has not ended cannot have been metered.
        possible = self.book.plausible(values.slots) & (values.slots < slot_of(now))
        values = self._intake.refuse_impossible(values, possible)
        new = self.book.add(values.rows, values.slots)
        fresh = int(new.sum())
        self.repeated += len(new) - fresh
        self.recollected += fresh if via == ASKED_AGAIN else 0
        self.on_time += int((new & ((values.slots + 1) * SLOT_SECONDS >= now - ON_TIME)).sum())
        self._store.add(values, new, now, via)

    def _reject(self, rows: NDArray[np.int64], counters: NDArray[np.int64], reason: Refusal) -> None:
        self.rejected += len(rows)
        self._store.reject(rows, counters, reason, self._clock.now())

    def _to_ask(self, slot: int) -> NDArray[np.int64]:
        missing = self.book.missing(slot)
        if not (self._policy.audit and self._recollection.first_round(slot)):
            return missing
        meters = np.arange(self._plan.meters)
        draw = unit(mix32(meter_keys(self._plan.seed, meters) ^ salt(self._plan.seed, "audit", slot)))
        return np.union1d(missing, meters[draw < self._policy.audit])

    def _request(self, row: int, plain: bytes) -> bytes:
        """A request, ciphered for one meter and on its down topic."""
        self._counter += 1
        self._journal.cover(self._counter)
        title = int(system_titles(np.array([row]))[0]).to_bytes(8, "big")
        apdu = protect_general(plain, HEAD_END_TITLE, self._counter, *self._keys.for_title(title, 0))
        return mqtt.publish(down_topic(self._tree, self._plan, row), apdu)


def down_topic(tree: TopicTree, plan: FleetPlan, row: int) -> str:
    """The topic on which a meter hears its head-end."""
    index = np.array([row])
    area = plan.areas[int(plan.area_of(index)[0])].name
    return tree.meter(area, concentrator_id(int(plan.concentrator_of(index)[0])), meter_id(row), DOWN)
