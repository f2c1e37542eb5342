"""From messages to checked values: who sent it, is it genuine, is it fresh, can it be true.

Readings are checked by the batch; everything else (answers to requests, and whatever strangers send) one by one. A
message that fails a check is refused with its reason and with the meter it claims to be; nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.head_end.values import Values
from protocols.dlms.errors import AccessRefusedError
from protocols.dlms.keys import KeyRing
from protocols.dlms.profile import parse_range_answer
from protocols.dlms.readings import READING_BYTES, Reason, claimed_titles, decode_readings
from protocols.dlms.replay import ReplayWindow
from protocols.dlms.security import unprotect_general
from protocols.errors import ProtocolError, SecurityError
from protocols.mqtt import PublishRun
from protocols.slots import SLOT_SECONDS
from protocols.topics import METER_ID_BYTES, UP
from twins.plan import MAKER, FleetPlan, system_titles

_LEAF_BYTES = len(f"/{UP}")
_SERIAL_BITS = np.uint64(40)
_SERIAL_MASK = (np.uint64(1) << _SERIAL_BITS) - np.uint64(1)
_MAKER = np.uint64(int.from_bytes(MAKER, "big"))
_POWERS = 10 ** np.arange(METER_ID_BYTES - len(MAKER) - 1, -1, -1, dtype=np.int64)


class Refusal(StrEnum):
    """Why a message was refused."""

    UNKNOWN_METER = "unknown meter"
    WRONG_TOPIC = "wrong topic"
    MALFORMED = "malformed"
    ALTERED = "altered"
    REPLAYED = "replayed"
    IMPOSSIBLE_TIME = "impossible time"


Reject = Callable[[NDArray[np.int64], NDArray[np.int64], Refusal], None]
"""Told of refused messages: rows they claim (-1: none of ours), counters they claim (-1: none), and the reason."""


class Intake:
    """Checks what arrives, against the meters of a plan."""

    def __init__(self, plan: FleetPlan, keys: KeyRing, window: ReplayWindow, reject: Reject, epoch: int = 0) -> None:
        self._meters = plan.meters
        self._keys = keys
        self._window = window
        self._reject = reject
        self._epoch = epoch

    def check(self, runs: Sequence[PublishRun]) -> tuple[Values, list[Values]]:
        """Values of messages in order of arrival: those of readings, and those of each answer to a request.

        Runs are of any shapes; all readings among them are checked as one batch, whatever the lengths of their topics.
        """
        sized = [run for run in runs if run.payloads.shape[1] == READING_BYTES]
        answers = [answer for run in runs if run.payloads.shape[1] != READING_BYTES for answer in self._one_by_one(run)]
        if not sized:
            return _nothing(), answers
        payloads = np.concatenate([run.payloads for run in sized])
        on_topic = np.concatenate([_rows_in(run.topics) for run in sized])
        titles = claimed_titles(payloads)
        rows = self._rows_of(titles)
        known = (rows >= 0) & (rows == on_topic)
        if not known.all():
            self._refuse_strangers(rows[~known])
            payloads, titles, rows = payloads[known], titles[known], rows[known]
        batch = decode_readings(payloads, *self._keys.derive(titles, self._epoch))
        slots = batch.end_unix // SLOT_SECONDS - 1
        values = Values(rows, slots, batch.import_wh, batch.export_wh, batch.status, batch.counters)
        if batch.ok.all():
            return self._fresh(values), answers
        altered, other = batch.reason == Reason.ALTERED, batch.reason == Reason.MALFORMED
        self._refuse(rows[altered], batch.counters[altered].astype(np.int64), Refusal.ALTERED)
        # As long as a reading and yet none: an answer with a single row is exactly that.
        answers += filter(None, map(self._answer, rows[other].tolist(), (p.tobytes() for p in payloads[other])))
        return self._fresh(values.pick(batch.ok)), answers

    def _fresh(self, values: Values) -> Values:
        """Genuine values without the replayed ones."""
        fresh = self._window.accept(values.rows, values.counters)
        return self._without(values, fresh, Refusal.REPLAYED)

    def refuse_impossible(self, values: Values, possible: NDArray[np.bool_]) -> Values:
        """Values without those whose time cannot be; they are refused."""
        return self._without(values, possible, Refusal.IMPOSSIBLE_TIME)

    def _without(self, values: Values, good: NDArray[np.bool_], reason: Refusal) -> Values:
        if good.all():
            return values
        self._refuse(values.rows[~good], values.counters[~good].astype(np.int64), reason)
        return values.pick(good)

    def _one_by_one(self, run: PublishRun) -> list[Values]:
        rows = _rows_in(run.topics)
        ours = (rows >= 0) & (rows < self._meters)
        self._refuse_strangers(np.full(int((~ours).sum()), -1))
        answers = map(self._answer, rows[ours].tolist(), (payload.tobytes() for payload in run.payloads[ours]))
        return [answer for answer in answers if answer is not None]

    def _answer(self, row: int, payload: bytes) -> Values | None:
        """Rows of one answer to a request of ours, or None when there are none to take."""
        title = int(system_titles(np.array([row]))[0]).to_bytes(8, "big")
        keys, counter, reason = self._keys.for_title(title, self._epoch), -1, None
        try:
            _, counter, plain = unprotect_general(payload, lambda claimed: keys if claimed == title else None)
            if self._window.accept(np.array([row]), np.array([counter], dtype=np.uint32))[0]:
                return _values_of(row, counter, parse_range_answer(plain)[1])
            reason = Refusal.REPLAYED
        except AccessRefusedError:
            return None  # the meter's right; what it does not give stays missing and is asked for again
        except SecurityError:
            reason = Refusal.ALTERED
        except ProtocolError:
            reason = Refusal.MALFORMED
        self._refuse(np.array([row]), np.array([counter]), reason)
        return None

    def _rows_of(self, titles: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Rows of system titles, -1 for those that are none of ours."""
        serials = (titles & _SERIAL_MASK).astype(np.int64)
        ours = (titles >> _SERIAL_BITS == _MAKER) & (serials < self._meters)
        return serials if ours.all() else np.where(ours, serials, -1)

    def _refuse_strangers(self, rows: NDArray[np.int64]) -> None:
        """Messages whose sender is unknown, or is not the meter whose topic they came on."""
        unknown = rows < 0
        self._refuse(rows[unknown], np.full(int(unknown.sum()), -1), Refusal.UNKNOWN_METER)
        self._refuse(rows[~unknown], np.full(int((~unknown).sum()), -1), Refusal.WRONG_TOPIC)

    def _refuse(self, rows: NDArray[np.int64], counters: NDArray[np.int64], reason: Refusal) -> None:
        if len(rows):
            self._reject(rows, counters, reason)


def _rows_in(topics: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Rows of the meters whose ``up`` topics these (n, T) are, -1 where the topic names no twin."""
    meter = topics[:, -_LEAF_BYTES - METER_ID_BYTES : -_LEAF_BYTES]
    if meter.shape[1] != METER_ID_BYTES:
        return np.full(len(topics), -1, dtype=np.int64)
    digits = meter[:, len(MAKER) :] - np.uint8(ord("0"))
    spelt = (meter[:, : len(MAKER)] == np.frombuffer(MAKER, np.uint8)).all(axis=1) & (digits <= 9).all(axis=1)
    rows: NDArray[np.int64] = digits.astype(np.int64) @ _POWERS
    return rows if spelt.all() else np.where(spelt, rows, -1)


def _values_of(row: int, counter: int, rows: NDArray[Any]) -> Values:
    """Profile rows of one meter as values."""
    return Values(
        np.full(len(rows), row, dtype=np.int64),
        rows["time"] // SLOT_SECONDS - 1,
        rows["import_wh"],
        rows["export_wh"],
        rows["status"],
        np.full(len(rows), counter, dtype=np.uint32),
    )


def _nothing() -> Values:
    none = np.empty(0, dtype=np.int64)
    registers, small = np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.uint8)
    return Values(none, none, registers, registers, small, registers)
