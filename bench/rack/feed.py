"""The meters of the places as the head-end knows its meters: half-hours come by themselves, and when asked for.

What a twin computes, a meter in a place is asked for; from there on all is as with any twin: the same message, ciphered
under the same key, on the same topic. A gas or water meter is read through the smart meter that it hangs on, which
shows its newest half-hour alone; the feed remembers what it has seen.

No I/O here: :class:`Feed` says what to ask of which place, and makes packets of what the places say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocols import mqtt
from protocols.dlms.keys import KeyRing
from protocols.dlms.profile import MAX_ROWS, REGISTER_SPAN, ROWS, range_answer
from protocols.slots import SLOT_SECONDS, slot_end, slot_of
from protocols.topics import DOWN, UP, TopicTree
from twins.journal import CounterJournal
from twins.plan import FleetPlan, concentrator_id, meter_id
from twins.shard.answers import DOWN_TOPIC
from twins.shard.counters import InvocationCounters
from twins.shard.frames import ReadingFrames
from twins.shard.requests import Requests

_AFTER = 2.0  # s after the end of a half-hour: the meter's own clock may be behind
_AGAIN = 30.0  # s until a meter that had no row yet is asked again
_TRIES = 4


class FedMeter(msgspec.Struct, frozen=True, kw_only=True):
    """A meter that a place speaks for: ``index`` in the plan, and the place where it is read.

    ``attached`` is what kind of meter it is on that place's own (``gas``, ``water``), empty for that meter itself.
    """

    index: int
    place: str
    attached: str = ""


@dataclass(frozen=True)
class Ask:
    """Rows of a meter that are wanted now, stamped ``first`` to ``last`` (Unix s).

    ``invoke_id`` is that of the head-end's request. Without one they are due by themselves: one row, asked for the
    ``tries``-th time.
    """

    meter: FedMeter
    first: int
    last: int
    invoke_id: int | None = None
    tries: int = 1


class _Due(NamedTuple):
    at: float
    ask: Ask


class Feed:
    """What is due of the meters in places, from the plan's first slot to ``last_slot``; ``journal`` covers counters."""

    def __init__(
        self,
        plan: FleetPlan,
        meters: Sequence[FedMeter],
        root: str,
        master_key: bytes,
        journal: CounterJournal,
        last_slot: int,
    ) -> None:
        keys = KeyRing(master_key)
        self._meters = {meter.index: meter for meter in meters}
        self._rows = {index: row for row, index in enumerate(self._meters)}
        self._counters = InvocationCounters(np.zeros(len(meters), dtype=np.uint32), journal)
        self._frames, self._requests = ReadingFrames(plan, root, keys), Requests(keys)
        self._first_slot, self._last_slot = plan.first_slot, last_slot
        self._slot: int | None = None  # the next one to end
        self._dues: list[_Due] = []
        self._seen: dict[int, dict[int, int]] = {meter.index: {} for meter in meters if meter.attached}
        tree, areas, concentrators = TopicTree(root), plan.area_of, plan.concentrator_of
        self.down_topics = [
            tree.meter(
                plan.areas[int(areas(np.array([index]))[0])].name,
                concentrator_id(int(concentrators(np.array([index]))[0])),
                meter_id(index),
                DOWN,
            )
            for index in self._meters
        ]
        self.sent = self.answered = self.missed = 0

    @property
    def refused(self) -> int:
        """Messages to our meters that were no authentic, fresh request."""
        return self._requests.refused

    def due(self, now: float) -> list[Ask]:
        """What to ask now for the half-hours that have ended since the first call of this."""
        if self._slot is None:
            self._slot = max(self._first_slot, slot_of(now))
        while self._slot <= self._last_slot and slot_end(self._slot) + _AFTER <= now:
            end = slot_end(self._slot)
            self._dues += [_Due(end + _AFTER, Ask(meter, end, end)) for meter in self._meters.values()]
            self._slot += 1
        ripe = [due.ask for due in self._dues if due.at <= now]
        self._dues = [due for due in self._dues if due.at > now]
        return ripe

    def asked(self, topic: bytes, payload: bytes) -> Ask | None:
        """What the head-end wants, or None where it is not ours to answer."""
        addressed = DOWN_TOPIC.fullmatch(topic)
        meter = self._meters.get(int(addressed["serial"])) if addressed else None
        request = self._requests.read(meter.index, payload) if meter else None
        if meter is None or request is None:
            return None
        return Ask(meter, request.first, request.last, request.invoke_id)

    def told(self, ask: Ask, answer: list[dict[str, Any]] | None, now: float) -> list[NDArray[np.uint8] | bytes]:
        """Packets out of a place's answer, which is None when it gave none: its meter is down, or the bench is."""
        rows = self._rows_of(ask, answer or [])
        if ask.invoke_id is not None:
            return [self._answer(ask, ask.invoke_id, rows)] if answer is not None else []
        if not len(rows):
            self.missed += ask.tries == _TRIES
            if ask.tries < _TRIES:
                self._dues.append(_Due(now + _AGAIN, replace(ask, tries=ask.tries + 1)))
            return []
        self.sent += 1
        index = np.array([ask.meter.index])
        counter = np.array([self._counters.take(self._rows[ask.meter.index])], dtype=np.uint32)
        columns = (rows["status"], rows["import_wh"].astype(np.uint64), rows["export_wh"].astype(np.uint64))
        apdus = self._frames.apdus(index, counter, ask.last // SLOT_SECONDS - 1, *columns)
        return list(self._frames.packets(index, apdus))

    def _answer(self, ask: Ask, invoke_id: int, rows: NDArray[Any]) -> bytes:
        index = ask.meter.index
        self.answered += 1
        apdu = self._requests.protect(index, range_answer(invoke_id, rows), self._counters.take(self._rows[index]))
        return mqtt.publish(self.down_topics[self._rows[index]].removesuffix(DOWN) + UP, apdu)

    def _rows_of(self, ask: Ask, answer: list[dict[str, Any]]) -> NDArray[Any]:
        """Rows of :data:`ROWS` within what was asked."""
        if ask.meter.attached:
            seen = self._seen[ask.meter.index]
            seen |= {each["end"]: each["volume_l"] for each in answer if each["kind"] == ask.meter.attached}
            answer = [{"end": end, "import_wh": volume} for end, volume in sorted(seen.items())]
        wanted = [row for row in answer if ask.first <= row["end"] <= ask.last and row["end"] % SLOT_SECONDS == 0]
        rows = np.zeros(min(len(wanted), MAX_ROWS), dtype=ROWS)
        for row, said in zip(rows, wanted, strict=False):
            row["time"], row["status"] = said["end"], said.get("status") or 0
            row["import_wh"] = (said.get("import_wh") or 0) % REGISTER_SPAN
            row["export_wh"] = (said.get("export_wh") or 0) % REGISTER_SPAN
        return rows
