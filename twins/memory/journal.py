"""The journal of what meters remember: a line of JSON ``[meter, part, value, …]`` for what changed together.

A line is handed to the system before anybody is told what it says, so that a killed process forgets nothing that it
told. It is not forced onto the disk each time: the machine losing its power is not what this guards against. A line
that a kill cut off is dropped whole; anything else that cannot be read is an error, with its place. When most of it is
outdated, the journal is written anew. A journal that once could not be written takes nothing more: what it says must
not have gaps.

It holds keys: only its owner may read the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from protocols.errors import MeterBenchError
from twins.memory.parts import GROWING, KEPT, entries, grown

JOURNAL = "memory.jsonl"
_WORTH_REWRITING = 10_000  # changes; below it a rewrite saves nobody any time
_TYPES = KEPT | {name: entry | None for name, entry in GROWING.items()}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in _TYPES.items()}

Parts = dict[str, Any]
"""What one meter remembers, by part; a growing part is a list, a dict (``heard``) or a set (``blocks``)."""

Change = tuple[str, Any]
"""A part that is replaced, with its value, or one that grows, with an entry."""


class MemoryFileError(MeterBenchError):
    """The memory is held by another living process, or cannot be read or written."""


class MemoryJournal:
    """The memories of all meters of one owner, in a folder. Raises :class:`MemoryFileError` when another holds it.

    ``failure`` is why it could not be written, if that has happened.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meters: dict[int, Parts] = {}
        self.failure: MemoryFileError | None = None
        self._changes, self._tidy_above = 0, _WORTH_REWRITING
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._path = folder / JOURNAL
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise MemoryFileError(f"{folder}: cannot keep the meters' memory there: {error.strerror}") from None
        if not self._is_mine():
            self.close()
            raise MemoryFileError(f"{self._path}: another process holds it; end that one, or take another folder")
        self._replay()
        self.tidy()

    def write(self, meter: int, changes: Sequence[Change]) -> None:
        """Write down what changes together, all of it or nothing; raises :class:`MemoryFileError`."""
        if self.failure is None:
            try:
                _write_all(self._file, _line(meter, changes))
            except OSError as error:
                why = f"{self._path}: cannot write down what meters remember: {error.strerror}"
                self.failure = MemoryFileError(why)
        if self.failure is not None:  # half a line may be there, and the next opening drops it: nothing may follow
            raise self.failure
        self._changes += len(changes)

    def take(self, meter: int, part: str, value: Any) -> None:
        """Remember a change, which somebody has written down or will before anybody is told."""
        parts = self.meters.setdefault(meter, {})
        parts[part] = value if part in KEPT else grown(part, parts.get(part), value)

    def tidy(self) -> None:
        """Write the journal anew if that makes it much shorter; all that is remembered must be written down."""
        if self._changes <= self._tidy_above:
            return
        lines = list(self._lines())
        if self._changes > 2 * len(lines):
            with contextlib.suppress(OSError):  # no room for another file: the long one says the same
                self._rewrite(lines)
                self._changes = len(lines)
        self._tidy_above = max(_WORTH_REWRITING, 2 * self._changes)

    def close(self) -> None:
        """Let go of the folder."""
        with contextlib.suppress(OSError):
            os.close(self._file)

    def _is_mine(self) -> bool:
        """Whether the file could be locked, and is still the one at its place: its owner may have put another there."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return False

    def _replay(self) -> None:
        *lines, torn = self._path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                meter, changes = _read(line)
                for part, value in changes:
                    self.take(meter, part, value)
            except (msgspec.DecodeError, KeyError, ValueError) as error:
                self.close()
                raise MemoryFileError(
                    f"{self._path}:{number}: not an entry of a memory ({error}); restore it"
                ) from None
            self._changes += len(changes)
        if torn:  # nobody was told of it yet
            os.truncate(self._file, self._path.stat().st_size - len(torn))

    def _lines(self) -> Iterator[bytes]:
        for meter, parts in self.meters.items():
            for part, value in parts.items():
                for one in [value] if part in KEPT else entries(part, value):
                    yield _line(meter, [(part, one)])

    def _rewrite(self, lines: Sequence[bytes]) -> None:
        """Replace the file whole; the lock is taken on the new one before it is seen."""
        beside = self._path.with_suffix(".new")
        new = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            fcntl.flock(new, fcntl.LOCK_EX)
            _write_all(new, b"".join(lines))
            os.fsync(new)
            beside.replace(self._path)
        except OSError:
            os.close(new)
            beside.unlink(missing_ok=True)
            raise
        os.close(self._file)
        self._file = new


def _line(meter: int, changes: Sequence[Change]) -> bytes:
    return msgspec.json.encode([meter, *(item for change in changes for item in change)]) + b"\n"


def _read(line: bytes) -> tuple[int, list[Change]]:
    """The meter and the changes of a line; raises ``ValueError`` where it has none, or half of one."""
    first, *rest = msgspec.json.decode(line, type=list[msgspec.Raw])
    names = [msgspec.json.decode(name, type=str) for name in rest[::2]]
    if not rest:
        raise ValueError("nothing changes")
    changes = [(name, _DECODERS[name].decode(value)) for name, value in zip(names, rest[1::2], strict=True)]
    return msgspec.json.decode(first, type=int), changes


def _write_all(file: int, content: bytes) -> None:
    """Write it whole: the system may take a part of it, as it does when a disk becomes full."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
