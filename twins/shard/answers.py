"""A meter answers its head-end: ciphered profile read by range in, ciphered rows out.

Rows are recomputed from the fleet, so a value that is sent again is the value that was sent (design decision 2). A
request that is not authentic, not fresh or not for this shard's meters gets no answer: a meter does not talk to
strangers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocols import mqtt
from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.keys import KeyRing
from protocols.dlms.profile import ROWS, parse_range_request, range_answer, range_refusal
from protocols.dlms.security import protect_general, unprotect_general
from protocols.errors import ProtocolError
from protocols.slots import SLOT_SECONDS, SLOTS_PER_DAY, slot_end
from protocols.topics import DOWN, METER_ID_BYTES, UP
from twins.defects import Defects
from twins.fleet import Fleet
from twins.journal import CounterJournal
from twins.plan import HEAD_END_TITLE, MAKER, system_titles

RETENTION_SLOTS = 45 * SLOTS_PER_DAY  # M6: 30-minute values are kept 45 days in the current generation
_MAX_ROWS = SLOTS_PER_DAY  # rows in one answer; longer records are asked for day by day
_LEAF = f"/{DOWN}".encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: the local row it comes from, the packet, and a number that tells this exchange from others."""

    row: int
    packet: bytes
    occasion: int


class Answers:
    """Answers requests for the meters ``start … stop - 1`` out of the fleet's columns."""

    def __init__(self, fleet: Fleet, keys: KeyRing, defects: Defects, journal: CounterJournal, epoch: int = 0) -> None:
        self._fleet = fleet
        self._keys = keys
        self._defects = defects
        self._journal = journal
        self._epoch = epoch
        self._heard: dict[int, int] = {}  # highest counter of the head-end that each meter has heard
        self.answered = 0
        self.refused = 0

    def to(self, topic: bytes, request: bytes) -> Answer | None:
        """The answer to a request, or None when it is not ours to answer."""
        row = self._row_of(topic)
        if row is None:
            return None
        title = int(system_titles(np.array([row + self._fleet.start]))[0]).to_bytes(8, "big")
        keys = self._keys.for_title(title, self._epoch)
        try:
            _, heard, plain = unprotect_general(request, lambda name: keys if name == HEAD_END_TITLE else None)
            if heard <= self._heard.get(row, -1):
                raise ProtocolError("an invocation counter that was heard before")
            self._heard[row] = heard
            invoke_id, first, last = parse_range_request(plain)
        except ProtocolError:
            self.refused += 1
            return None
        self._fleet.counter[row] += 1
        counter = int(self._fleet.counter[row])
        self._journal.cover(counter)
        apdu = protect_general(self._rows(row, invoke_id, first, last), title, counter, *keys)
        self.answered += 1
        return Answer(row, mqtt.publish(topic[: -len(_LEAF)].decode() + f"/{UP}", apdu), heard)

    def _row_of(self, topic: bytes) -> int | None:
        meter = topic[-len(_LEAF) - METER_ID_BYTES : -len(_LEAF)]
        if not topic.endswith(_LEAF) or not meter.startswith(MAKER) or not meter[3:].isdigit():
            return None
        row = int(meter[3:]) - self._fleet.start
        return row if 0 <= row < self._fleet.size else None

    def _rows(self, row: int, invoke_id: int, first: int, last: int) -> bytes:
        """Rows stamped ``first`` to ``last``, as far as the meter still, or already, has them."""
        newest = self._fleet.slot - 1
        low = max(-(-first // SLOT_SECONDS) - 1, newest - RETENTION_SLOTS + 1)
        high = min(last // SLOT_SECONDS - 1, newest)
        if high - low + 1 > _MAX_ROWS:
            return range_refusal(invoke_id, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        slots = np.arange(low, high + 1, dtype=np.int64)
        rows = np.empty(len(slots), dtype=ROWS)
        imported, exported = self._fleet.registers_at(np.full(len(slots), row, dtype=np.int64), slots)
        rows["time"] = slot_end(0) + slots * SLOT_SECONDS
        rows["status"] = 0
        rows["import_wh"] = self._defects.answer(row, imported) % np.uint64(10**8)
        rows["export_wh"] = exported % np.uint64(10**8)
        return range_answer(invoke_id, rows)
