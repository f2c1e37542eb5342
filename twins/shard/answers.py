"""A meter answers its head-end: ciphered profile read by range in, ciphered rows out.

Rows are recomputed from the fleet, so a value that is sent again is the value that was sent (design decision 2). A
request that is not authentic, not fresh or not for this shard's meters gets no answer: a meter does not talk to
strangers (:mod:`twins.shard.requests`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from protocols import mqtt
from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.keys import KeyRing
from protocols.dlms.profile import REGISTER_SPAN, ROWS, range_answer, range_refusal
from protocols.slots import SLOT_SECONDS, SLOTS_PER_DAY, slot_end
from protocols.topics import DOWN, UP
from twins.defects import Defects
from twins.fleet import Fleet
from twins.meter.meters import Meters
from twins.meter.parameters import profile_parameters
from twins.meter.profiles import rule
from twins.meter.traits import kinds
from twins.plan import MAKER
from twins.shard.counters import InvocationCounters
from twins.shard.requests import RangeRequest, Requests

_ALL_KEEP = min(each.keep for each in profile_parameters().profile if each.period == SLOT_SECONDS) // SLOT_SECONDS
_MAX_ROWS = SLOTS_PER_DAY  # rows in one answer; longer records are asked for day by day
DOWN_TOPIC = re.compile(rf"(?P<meter>.+/{MAKER.decode()}(?P<serial>\d{{12}})/){DOWN}".encode(), re.DOTALL)
"""A meter's down topic: what comes before its direction, and the meter's number."""


@dataclass(frozen=True)
class Answer:
    """One answer: the local row it comes from, and a number that tells this exchange from others."""

    row: int
    occasion: int
    compose: Callable[[], bytes]

    @cached_property
    def packet(self) -> bytes:
        """The packet, composed when it is first asked for: in an outage most answers are lost."""
        return self.compose()


class Answers:
    """Answers requests for the meters ``start … stop - 1`` out of the fleet's columns, but for those ``elsewhere``."""

    def __init__(
        self,
        fleet: Fleet,
        keys: KeyRing,
        defects: Defects,
        counters: InvocationCounters,
        key_epoch: int = 0,
        elsewhere: Collection[int] = (),
    ) -> None:
        self._fleet = fleet
        self._requests = Requests(keys, key_epoch)
        self._defects = defects
        self._counters = counters
        self._elsewhere = elsewhere
        self._meters = Meters(fleet)
        self.answered = 0

    @property
    def refused(self) -> int:
        """Messages to our meters that were no authentic, fresh request."""
        return self._requests.refused

    def to(self, topic: bytes, request: bytes) -> Answer | None:
        """The answer to a request, or None when it is not ours to answer."""
        addressed = DOWN_TOPIC.fullmatch(topic)
        if addressed is None:
            return None
        row = int(addressed["serial"]) - self._fleet.start
        index = row + self._fleet.start
        if not 0 <= row < self._fleet.size or index in self._elsewhere or self._defects.silent(np.array([row]))[0]:
            return None
        asked = self._requests.read(index, request)
        if asked is None:
            return None
        self.answered += 1
        return Answer(row, asked.heard, partial(self._packet, addressed["meter"] + UP.encode(), row, asked))

    def _packet(self, topic: bytes, row: int, asked: RangeRequest) -> bytes:
        rows = self._rows(row, asked.invoke_id, asked.first, asked.last)
        apdu = self._requests.protect(row + self._fleet.start, rows, self._counters.take(row))
        return mqtt.publish(topic, self._defects.tag(row, apdu))

    def _rows(self, row: int, invoke_id: int, first: int, last: int) -> bytes:
        """Rows stamped ``first`` to ``last``, as far as the meter still, or already, has them."""
        newest = self._fleet.slot - 1
        low = -(-first // SLOT_SECONDS) - 1
        if low <= newest - _ALL_KEEP:  # what every meter keeps needs no look at which kind of meter it is
            low = max(low, newest - self._kept(row) + 1)
        high = min(last // SLOT_SECONDS - 1, newest)
        if high - low + 1 > _MAX_ROWS:
            return range_refusal(invoke_id, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        slots = np.arange(low, high + 1, dtype=np.int64)
        meter = np.full(len(slots), row, dtype=np.int64)
        imported, exported = self._fleet.registers_at(meter, slots)
        imported = self._defects.again(meter, self._defects.register(meter, slots, imported))
        rows = np.empty(len(slots), dtype=ROWS)
        rows["time"] = slot_end(0) + slots * SLOT_SECONDS
        rows["status"] = 0
        rows["import_wh"] = imported % REGISTER_SPAN
        rows["export_wh"] = exported % REGISTER_SPAN
        return range_answer(invoke_id, rows)

    def _kept(self, row: int) -> int:
        """Half-hours that a meter of this class and generation keeps (requirement M6)."""
        kind = kinds()[int(self._meters.traits(np.array([row])).kind[0])]
        own = rule(kind.meter_class, kind.generation, SLOT_SECONDS)
        return own.keep // SLOT_SECONDS if own else 0
