"""Planted defects on the A-route, carried out for many twins at once.

Each defect works at one point of a reading's way; a healthy fleet passes all points untouched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protocols.slots import SLOTS_PER_DAY
from twins.catalogue import DefectKind
from twins.shard.spec import DefectPlan

_NO_WH, _STEP_WH = np.uint64(0), np.uint64(1000)


class Defects:
    """The defects of the rows ``start … stop - 1``; all methods take local rows and change nothing for healthy ones."""

    def __init__(self, plans: Sequence[DefectPlan], start: int, stop: int) -> None:
        size = stop - start
        self._has: dict[DefectKind, NDArray[np.bool_]] = {}
        self._late = np.zeros(size) if any(plan.kind == "late" for plan in plans) else None
        for plan in plans:
            rows = np.array([i - start for i in plan.meters if start <= i < stop], dtype=np.int64)
            self._has.setdefault(plan.kind, np.zeros(size, dtype=np.bool_))[rows] = True
            if plan.kind == "late" and self._late is not None:
                self._late[rows] = plan.minutes * 60

    def silent(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these meters say nothing at all."""
        return self._of("silent", rows)

    def lateness(self, rows: NDArray[np.int64]) -> NDArray[np.float64] | float:
        """Seconds by which each of these sends late."""
        return 0.0 if self._late is None else self._late[rows]

    def register(
        self, rows: NDArray[np.int64], slot: int | NDArray[np.int64], import_wh: NDArray[np.uint64]
    ) -> NDArray[np.uint64]:
        """The import registers as these meters have them for one slot, or for a slot each."""
        if "register-falls" not in self._has:
            return import_wh
        back = self._of("register-falls", rows) & (slot % SLOTS_PER_DAY == 0)  # 09:00 to 09:30 JST
        return import_wh - np.where(back, _STEP_WH, _NO_WH)

    def counters(self, rows: NDArray[np.int64], slot: int, counters: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """The invocation counters as these meters use them for a slot."""
        if "counter-repeats" not in self._has:
            return counters
        return counters - (self._of("counter-repeats", rows) & (slot % 2 == 1)).astype(np.uint32)

    def tags(self, rows: NDArray[np.int64], apdus: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The ciphered messages as these meters send them."""
        if "wrong-tag" in self._has:
            apdus[self._of("wrong-tag", rows), -1] ^= 1
        return apdus

    def tag(self, row: int, apdu: bytes) -> bytes:
        """One ciphered message as this meter sends it."""
        return self.tags(np.array([row]), np.frombuffer(bytearray(apdu), np.uint8)[None]).tobytes()

    def again(self, rows: NDArray[np.int64], import_wh: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The import registers as these meters repeat them when asked."""
        return import_wh + np.where(self._of("resend-differs", rows), _STEP_WH, _NO_WH)

    def _of(self, kind: DefectKind, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return self._has[kind][rows] if kind in self._has else np.zeros(len(rows), dtype=np.bool_)
