"""The journal of the lease book: one event a line, on the disk before it counts, read back at the start.

A kill can cut the last line anywhere; such a line was never acted upon and is dropped. What else does not read is a
damaged file, and refused: leases are not guessed.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import msgspec

from bench.rack.leases import Acquired, Event, HealthSet, LeaseBook
from protocols.errors import MeterBenchError


class JournalError(MeterBenchError):
    """The journal is held by another living gateway, or cannot be trusted."""


def replay(lines: list[bytes], name: str = "journal") -> LeaseBook:
    """The book that the events in these lines lead to. Raises JournalError with the line that is damaged."""
    book = LeaseBook()
    for number, line in enumerate(lines, start=1):
        try:
            book.apply(msgspec.json.decode(line, type=Event))
        except (msgspec.DecodeError, KeyError) as error:
            raise JournalError(f"{name}:{number}: not an event that fits ({error}); restore the file") from None
    return book


_PATIENCE = 2.0  # real s: a dead-man process keeps the book for some milliseconds
_NAP = 0.02


def is_free(path: Path) -> bool:
    """Whether there is a journal there that nobody keeps for himself."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Journal:
    """The lease book of one gateway, on disk. Raises JournalError when another process keeps the file for itself."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        path.chmod(0o600)  # it holds tokens
        deadline = time.monotonic() + _PATIENCE
        while not self._is_ours():
            if time.monotonic() > deadline:
                self._file.close()
                raise JournalError(f"{path}: another gateway holds this journal; a rack has one owner")
            time.sleep(_NAP)
        self._file.seek(0)
        *lines, torn = self._file.read().split(b"\n")
        try:
            self.book = replay(lines, str(path))
        except JournalError:
            self._file.close()
            raise
        if torn:
            self._file.truncate(self._file.tell() - len(torn))

    def _is_ours(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def record(self, event: Event) -> None:
        """Put an event on the disk, then apply it. Raises JournalError for one of a lease that is over."""
        if not isinstance(event, Acquired | HealthSet) and event.number not in self.book.leases:
            raise JournalError(f"lease {event.number} is over; {type(event).__name__.lower()} comes too late")
        self._file.write(msgspec.json.encode(event) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.book.apply(event)

    def close(self) -> None:
        """Let go of the journal."""
        self._file.close()
