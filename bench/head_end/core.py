"""The head-end without its process: messages and time in, requests and stored columns out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.head_end.completeness import Completeness
from bench.head_end.intake import Intake, Refusal, keys_by_title
from bench.head_end.recollection import Recollection, Wanted, ranges
from bench.head_end.spec import HeadEndSpec
from bench.head_end.store import Store
from bench.head_end.topics import MeterTopics
from bench.head_end.values import Values
from bench.measure import load_parameters
from protocols import mqtt
from protocols.dlms.keys import KeyRing
from protocols.dlms.profile import range_request
from protocols.dlms.replay import ReplayWindow
from protocols.dlms.security import TITLE_BYTES, protect_general
from protocols.mqtt import PublishRun
from protocols.slots import SLOT_SECONDS, slot_end, slot_of
from twins.clock import Clock
from twins.journal import CounterJournal
from twins.plan import HEAD_END_TITLE, system_titles
from twins.random import keys as meter_keys
from twins.random import mix32, salt, unit
from twins.stages import Stages

BY_ITSELF, ASKED_AGAIN = 0, 1

_ON_TIME = load_parameters("collection")["on_time"].value  # for progress only; the campaign judges from the columns
_KEY_EPOCH = 0
_REQUESTS_AT_ONCE = 1024


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
        self._topics = MeterTopics(spec.plan, spec.bus.root)
        self.book = Completeness(spec.plan.meters, spec.first_slot, spec.last_slot)
        self.received = self.rejected = self.repeated = self.recollected = self.requests = self.on_time = 0
        window = ReplayWindow(spec.plan.meters)
        self._restore(window)
        self._intake = Intake(spec.plan, self._topics, self._keys, window, self._reject, _KEY_EPOCH)
        self._recollection = Recollection(spec.recollection, self.book, spec.first_slot, spec.last_slot)

    def take(self, runs: Sequence[PublishRun]) -> None:
        """Take messages from meters, in order of arrival."""
        self.received += sum(map(len, runs))
        with self._stages("verify"):
            readings, answers = self._intake.check(runs)
        with self._stages("store"):
            for values, via in ((readings, BY_ITSELF), (answers, ASKED_AGAIN)):
                if len(values):
                    self._keep(values, via)

    def ask(self) -> Iterator[bytes]:
        """Requests that are due now, as packets for the bus, many at once."""
        wanted = ranges((self._to_ask(slot), slot) for slot in self._recollection.round(self._clock.now()))
        for start in range(0, len(wanted.rows), _REQUESTS_AT_ONCE):
            part = Wanted(*(column[start : start + _REQUESTS_AT_ONCE] for column in wanted))
            self.requests += len(part.rows)
            yield b"".join(self._requests(part))

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
        """Counters for progress and record; ``stored`` and ``on_time`` count earlier processes of the run too."""
        names = ("received", "rejected", "repeated", "recollected", "requests", "on_time")
        return {name: float(getattr(self, name)) for name in names} | {"stored": float(self.book.stored)}

    def _restore(self, window: ReplayWindow) -> None:
        """Know again what earlier processes of this run knew."""
        for rows, counters in self._store.used_counters():
            window.accept(rows, counters)
        for values in self._store.stored():
            self.book.add(values.rows, values.slots)
            self.on_time += _on_time(values.slots, values.arrivals)

    def _keep(self, values: Values, via: int) -> None:
        now = self._clock.now()
        # A slot that has not ended cannot have been metered.
        possible = self.book.covers(values.slots) & (values.slots < slot_of(now))
        values = self._intake.without_impossible(values, possible)
        new = self.book.add(values.rows, values.slots)
        fresh = int(new.sum())
        self.repeated += len(new) - fresh
        self.recollected += fresh if via == ASKED_AGAIN else 0
        self.on_time += _on_time(values.slots[new], now)
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

    def _requests(self, wanted: Wanted) -> Iterator[bytes]:
        """Requests, each ciphered for its meter and on its down topic."""
        keys = keys_by_title(self._keys, wanted.rows, _KEY_EPOCH)
        titles = (title.to_bytes(TITLE_BYTES, "big") for title in system_titles(wanted.rows).tolist())
        spans = zip(wanted.first.tolist(), wanted.last.tolist(), strict=True)
        plain: dict[tuple[int, int], bytes] = {}  # most meters miss the same range, and only the ciphering is their own
        for topic, title, span in zip(self._topics.down(wanted.rows), titles, spans, strict=True):
            if span not in plain:
                plain[span] = range_request(len(plain) & 0x0F, slot_end(span[0]), slot_end(span[1]))
            self._counter += 1
            self._journal.cover(self._counter)
            yield mqtt.publish(topic, protect_general(plain[span], HEAD_END_TITLE, self._counter, *keys[title]))


def _on_time(slots: NDArray[np.int64], arrivals: NDArray[np.float64] | float) -> int:
    """How many values of these slots arrived within the campaign's time."""
    return int((arrivals - (slots + 1) * SLOT_SECONDS <= _ON_TIME).sum())
