"""The write-ahead journal of invocation counters: no counter is ever used twice under one key, not even after a kill
-9.

AES-GCM loses its secrecy when an initialisation vector repeats, and the vector of suite 0 is system title plus
invocation counter (``meter-protocols`` §3.2, §8 trap 16). A real meter keeps its counter in non-volatile memory;
writing millions of counters at every message would be the same thing done slowly. So the journal keeps one *ceiling*
for all counters of its owner: it is on the disk before any counter reaches it, and a restarted owner starts above it. A
restart costs at most one reservation out of 2^32 counters.

Each opening also counts the *epoch* up, the fencing number of its owner: who has the lower one is a ghost.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec

from protocols.errors import MeterBenchError

COUNTER_LIMIT = 1 << 32


class JournalError(MeterBenchError):
    """The journal is held by another living process, or cannot be trusted."""


class _Entry(msgspec.Struct, frozen=True):
    epoch: int
    ceiling: int


class CounterJournal:
    """Epoch and counter ceiling of one process, on disk. Raises JournalError when another process holds it."""

    def __init__(self, path: Path, step: int = 1024) -> None:
        self._step = step
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise JournalError(
                f"{path}: another process holds this journal; two owners of one key are refused"
            ) from None
        last = self._last_entry(path)
        self.epoch = last.epoch + 1
        self.ceiling = last.ceiling
        self._write(self.ceiling)

    def _last_entry(self, path: Path) -> _Entry:
        self._file.seek(0)
        *lines, torn = self._file.read().split(b"\n")
        if torn:  # cut off by a kill before it was on the disk, so nothing it reserved was ever used
            self._file.truncate(self._file.tell() - len(torn))
        last = _Entry(0, 0)
        for number, line in enumerate(lines, start=1):
            try:
                last = msgspec.json.decode(line, type=_Entry)
            except msgspec.DecodeError as error:
                self._file.close()
                raise JournalError(f"{path}:{number}: not a journal entry ({error}); restore the file") from None
        return last

    def _write(self, ceiling: int) -> None:
        self._file.write(msgspec.json.encode(_Entry(self.epoch, ceiling)) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def cover(self, counter: int) -> None:
        """Make sure that counters up to and including this one may be used. Raises JournalError at 2^32."""
        if counter < self.ceiling:
            return
        if counter >= COUNTER_LIMIT:
            raise JournalError("invocation counters are used up; the keys must be renewed")
        ceiling = min(counter + self._step, COUNTER_LIMIT)
        self._write(ceiling)
        self.ceiling = ceiling  # not before it is on the disk

    def close(self) -> None:
        """Let go of the journal."""
        self._file.close()
