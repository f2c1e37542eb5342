"""From messages to checked values: who sent it, is it genuine, is it fresh.

Whatever has the length of a reading is checked by the batch. Everything else is looked at one by one as an answer to a
request, and so is what has that length and is no reading: an answer with a single row is just as long. A message that
fails a check is refused with its reason and with the meter it claims to be; nothing of it is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.head_end.topics import MeterTopics
from bench.head_end.values import Values
from protocols.dlms.errors import AccessRefusedError
from protocols.dlms.keys import KeyRing
from protocols.dlms.profile import parse_range_answer
from protocols.dlms.readings import READING_BYTES, Reason, decode_readings
from protocols.dlms.replay import ReplayWindow
from protocols.dlms.security import GENERAL_GLO, TITLE_BYTES, unprotect_general
from protocols.errors import ProtocolError, SecurityError
from protocols.mqtt import PublishRun
from protocols.slots import SLOT_SECONDS
from twins.plan import MAKER, FleetPlan, system_titles

NO_SLOT = -1  # of a value whose time is not the end of any slot

_FRAME = np.array([GENERAL_GLO, TITLE_BYTES], dtype=np.uint8)
_SERIAL_BITS = np.uint64(40)
_SERIAL_MASK = (np.uint64(1) << _SERIAL_BITS) - np.uint64(1)
_MAKER = np.uint64(int.from_bytes(MAKER, "big"))


class Refusal(StrEnum):
    """Why a message was refused."""

    UNKNOWN_METER = "unknown meter"
    WRONG_TOPIC = "wrong topic"
    MALFORMED = "malformed"
    ALTERED = "altered"
    REPLAYED = "replayed"
    IMPOSSIBLE_TIME = "impossible time"


Reject = Callable[[NDArray[np.int64], NDArray[np.int64], Refusal], None]
"""Told of refused messages: rows they claim (-1: none of ours), their counters (-1: not known), and the reason."""


class _Claimed(NamedTuple):
    """Messages of one length (n, P), each on the topic of the meter (n,) that it claims to be."""

    rows: NDArray[np.int64]
    payloads: NDArray[np.uint8]

    def one_by_one(self) -> list[tuple[int, bytes]]:
        return list(zip(self.rows.tolist(), (payload.tobytes() for payload in self.payloads), strict=True))


class Intake:
    """Checks what arrives, against the meters of a plan."""

    def __init__(
        self,
        plan: FleetPlan,
        topics: MeterTopics,
        keys: KeyRing,
        window: ReplayWindow,
        reject: Reject,
        key_epoch: int = 0,
    ) -> None:
        self._meters = plan.meters
        self._topics = topics
        self._keys = keys
        self._window = window
        self._reject = reject
        self._key_epoch = key_epoch

    def check(self, runs: Sequence[PublishRun]) -> tuple[Values, Values]:
        """Genuine and fresh values: those that came by themselves, and those that came in answers.

        Runs are in order of arrival and of any shapes. A value whose time is no end of a slot has slot ``NO_SLOT``.
        """
        long_as_readings, letters = [], []
        for run in _joined(runs):
            claimed = self._claimed(run)
            if run.payloads.shape[1] == READING_BYTES:
                long_as_readings.append(claimed)
            else:
                letters += claimed.one_by_one()
        readings, others = self._readings(long_as_readings)
        return readings, self._answers(letters + others)

    def without_impossible(self, values: Values, possible: NDArray[np.bool_]) -> Values:
        """Values without those whose time cannot be; they are refused."""
        return self._without(values, possible, Refusal.IMPOSSIBLE_TIME)

    def _claimed(self, run: PublishRun) -> _Claimed:
        """Messages on the topics of the meters that they claim to be; the others are refused."""
        framed = _framed(run.payloads)
        if not framed.all():
            # A message that names no sender claims to be the meter on whose topic it is.
            nameless = [self._topics.row_of(topic.tobytes()) for topic in run.topics[~framed]]
            self._refuse_claims(np.array(nameless), Refusal.MALFORMED)
            run = PublishRun(run.topics[framed], run.payloads[framed])
        if not len(run):
            return _Claimed(np.empty(0, dtype=np.int64), run.payloads)
        rows = self._rows_of(_titles(run.payloads))
        at_home = (rows >= 0) & self._topics.own(run.topics, np.maximum(rows, 0))
        if at_home.all():
            return _Claimed(rows, run.payloads)
        self._refuse_claims(rows[~at_home], Refusal.WRONG_TOPIC)
        return _Claimed(rows[at_home], run.payloads[at_home])

    def _rows_of(self, titles: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Rows of system titles, -1 for those that are none of ours."""
        serials = (titles & _SERIAL_MASK).astype(np.int64)
        ours = (titles >> _SERIAL_BITS == _MAKER) & (serials < self._meters)
        return serials if ours.all() else np.where(ours, serials, -1)

    def _readings(self, parts: list[_Claimed]) -> tuple[Values, list[tuple[int, bytes]]]:
        """Values of fresh readings, and the messages (row, payload) that are none although they have the length."""
        if not any(len(part.rows) for part in parts):
            return Values.joined(()), []
        rows = np.concatenate([part.rows for part in parts])
        payloads = np.concatenate([part.payloads for part in parts])
        batch = decode_readings(payloads, *self._keys.derive(system_titles(rows), self._key_epoch))
        slots = _slots_ending(batch.end_unix)
        values = Values(rows, slots, batch.import_wh, batch.export_wh, batch.status, batch.counters)
        if batch.ok.all():
            return self._fresh(values), []
        altered, other = batch.reason == Reason.ALTERED, batch.reason == Reason.MALFORMED
        self._refuse(rows[altered], batch.counters[altered].astype(np.int64), Refusal.ALTERED)
        return self._fresh(values.pick(batch.ok)), _Claimed(rows[other], payloads[other]).one_by_one()

    def _answers(self, letters: list[tuple[int, bytes]]) -> Values:
        """Rows of fresh answers to requests of ours, out of messages (row, payload)."""
        opened = self._opened(letters)
        if not opened:
            return Values.joined(())
        rows = np.array([row for row, _, _ in opened])
        counters = np.array([counter for _, counter, _ in opened], dtype=np.uint32)
        fresh = self._window.accept(rows, counters)
        self._refuse(rows[~fresh], counters[~fresh].astype(np.int64), Refusal.REPLAYED)
        parts = []
        for row, counter, plain in (opened[i] for i in np.flatnonzero(fresh)):
            try:
                parts.append(_values_of(row, counter, parse_range_answer(plain)[1]))
            except AccessRefusedError:
                pass  # the meter's right; what it does not give stays missing and is asked for again
            except ProtocolError:
                self._refuse_one(row, counter, Refusal.MALFORMED)
        return Values.joined(parts)

    def _opened(self, letters: list[tuple[int, bytes]]) -> list[tuple[int, int, bytes]]:
        """Row, counter and plain text of what is genuine; the rest is refused."""
        if not letters:
            return []
        keys = keys_by_title(self._keys, np.array([row for row, _ in letters]), self._key_epoch)
        opened = []
        for row, payload in letters:
            try:
                _, counter, plain = unprotect_general(payload, keys.get)
            except SecurityError:
                self._refuse_one(row, -1, Refusal.ALTERED)
            except ProtocolError:
                self._refuse_one(row, -1, Refusal.MALFORMED)
            else:
                opened.append((row, counter, plain))
        return opened

    def _fresh(self, values: Values) -> Values:
        """Genuine values without the replayed ones."""
        return self._without(values, self._window.accept(values.rows, values.counters), Refusal.REPLAYED)

    def _without(self, values: Values, good: NDArray[np.bool_], reason: Refusal) -> Values:
        if good.all():
            return values
        self._refuse(values.rows[~good], values.counters[~good].astype(np.int64), reason)
        return values.pick(good)

    def _refuse_claims(self, rows: NDArray[np.int64], reason: Refusal) -> None:
        """Refuse messages whose counters are not worth reading; nobody's are those of an unknown meter."""
        for which, why in ((rows < 0, Refusal.UNKNOWN_METER), (rows >= 0, reason)):
            count = int(which.sum())
            self._refuse(rows[which], np.full(count, -1), why)

    def _refuse_one(self, row: int, counter: int, reason: Refusal) -> None:
        self._refuse(np.array([row]), np.array([counter]), reason)

    def _refuse(self, rows: NDArray[np.int64], counters: NDArray[np.int64], reason: Refusal) -> None:
        if len(rows):
            self._reject(rows, counters, reason)


def keys_by_title(keys: KeyRing, rows: NDArray[np.int64], key_epoch: int) -> dict[bytes, tuple[bytes, bytes]]:
    """Encryption and authentication key of each of these meters, by its system title."""
    titles = system_titles(rows)
    encryption, authentication = keys.derive(titles, key_epoch)
    names = (title.to_bytes(TITLE_BYTES, "big") for title in titles.tolist())
    return {name: (k.tobytes(), a.tobytes()) for name, k, a in zip(names, encryption, authentication, strict=True)}


def _joined(runs: Sequence[PublishRun]) -> list[PublishRun]:
    """One run a shape; messages of one shape, and so all that a meter sends by itself, keep their order."""
    shapes: defaultdict[tuple[int, int], list[PublishRun]] = defaultdict(list)
    for run in runs:
        shapes[run.topics.shape[1], run.payloads.shape[1]].append(run)
    return [
        group[0]
        if len(group) == 1
        else PublishRun(np.concatenate([run.topics for run in group]), np.concatenate([run.payloads for run in group]))
        for group in shapes.values()
    ]


def _framed(payloads: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which messages begin as a general-glo-ciphering that names its sender."""
    if payloads.shape[1] < len(_FRAME) + TITLE_BYTES:
        return np.zeros(len(payloads), dtype=np.bool_)
    return np.asarray((payloads[:, : len(_FRAME)] == _FRAME).all(axis=1))


def _titles(payloads: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The system titles that framed messages name."""
    titles = np.ascontiguousarray(payloads[:, len(_FRAME) : len(_FRAME) + TITLE_BYTES])
    return titles.view(">u8").ravel().astype(np.uint64)


def _slots_ending(instants: NDArray[np.int64]) -> NDArray[np.int64]:
    """The slots that end at these instants (Unix s), ``NO_SLOT`` where none does."""
    slots, beyond = np.divmod(instants, SLOT_SECONDS)
    return np.where(beyond == 0, slots - 1, NO_SLOT)


def _values_of(row: int, counter: int, rows: NDArray[Any]) -> Values:
    """Profile rows of one meter as values."""
    return Values(
        np.full(len(rows), row, dtype=np.int64),
        _slots_ending(rows["time"]),
        rows["import_wh"],
        rows["export_wh"],
        rows["status"],
        np.full(len(rows), counter, dtype=np.uint32),
    )
