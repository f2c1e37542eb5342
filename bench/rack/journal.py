"""The journal of the lease book: one event a line, on the disk before it counts, read back at the start.

A kill can cut the last line anywhere; such a line was never acted upon and is dropped. What else does not read is a
damaged file, and refused: leases are not guessed. A disk that takes no line changes nothing, with one exception: the
end of a lease counts all the same, for nothing may stay energised because a disk is full. The next start ends it again.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

import msgspec

from bench.rack.leases import Acquired, Ending, Event, HealthSet, LeaseBook
from protocols.errors import MeterBenchError

_EVENT: Final = msgspec.json.Decoder(Event)


class JournalError(MeterBenchError):
    """The journal is held by another living gateway, cannot be trusted, or cannot be written."""


def replay(lines: list[bytes], name: str = "journal") -> LeaseBook:
    """The book that the events in these lines lead to. Raises JournalError with the line that is damaged."""
    book = LeaseBook()
    for number, line in enumerate(lines, start=1):
        try:
            book.apply(_EVENT.decode(line))
        except (msgspec.DecodeError, KeyError) as error:
            raise JournalError(f"{name}:{number}: not an event that fits ({error}); restore the file") from None
    return book


_PATIENCE = 2.0  # real s: a dead-man process keeps the book for some milliseconds
_NAP = 0.02


def is_free(path: Path) -> bool:
    """Whether there is a file there, a journal or a lock, that nobody keeps for himself."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Journal:
    """The lease book of one gateway, on disk. Raises JournalError when another process keeps the file for itself."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("a+b", buffering=0)
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
        """Put an event on the disk, then apply it.

        Raises JournalError for one of a lease that is over, and for one that the disk does not take.
        """
        if not isinstance(event, Acquired | HealthSet) and event.number not in self.book.leases:
            raise JournalError(f"lease {event.number} is over; {type(event).__name__.lower()} comes too late")
        try:
            self._write(msgspec.json.encode(event) + b"\n")
        except OSError as error:
            if isinstance(event, Ending):
                self.book.apply(event)
            what = f"{type(event).__name__.lower()} cannot be written down"
            raise JournalError(f"{self._path}: {what} ({error.strerror}); make room on the disk") from None
        self.book.apply(event)

    def _write(self, line: bytes) -> None:
        """All of a line, or nothing of it; raises OSError."""
        number = self._file.fileno()
        size = os.fstat(number).st_size
        try:
            written = 0
            while written < len(line):
                written += os.write(number, line[written:])
            os.fsync(number)
        except OSError:
            os.ftruncate(number, size)  # the next line must not go on in this one
            raise

    def close(self) -> None:
        """Let go of the journal."""
        self._file.close()
