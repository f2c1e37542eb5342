"""The journal of what meters remember: a line of JSON ``[meter, part, value]`` for each thing that changed.

A line is handed to the system before what it says becomes true, so that a killed process forgets nothing that anybody
was told. It is not forced onto the disk each time: the machine losing its power is not what this guards against. A line
that a kill cut off is dropped; anything else that cannot be read is an error, with its place. When most lines are
outdated, the journal is written anew at the next opening.

It holds keys: only its owner may read the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from protocols.errors import MeterBenchError
from twins.memory.parts import GROWING, KEPT, entries, grown

JOURNAL = "memory.jsonl"
_WORTH_REWRITING = 10_000  # lines; below it a rewrite saves nobody any time
_TYPES = KEPT | {name: entry | None for name, entry in GROWING.items()}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in _TYPES.items()}

Parts = dict[str, Any]
"""What one meter remembers, by part; a growing part is a list, a dict (``heard``) or a set (``blocks``)."""


class MemoryFileError(MeterBenchError):
    """The memory is held by another living process, or cannot be read."""


class MemoryJournal:
    """The memories of all meters of one owner, in a folder. Raises :class:`MemoryFileError` when another holds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meters: dict[int, Parts] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._path = folder / JOURNAL
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise MemoryFileError(f"{folder}: cannot keep the meters' memory there: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise MemoryFileError(
                f"{self._path}: another process holds it; end that one, or take another folder"
            ) from None
        lines = self._replay()
        if lines > _WORTH_REWRITING and lines > 2 * sum(1 for _ in self._lines()):
            self._rewrite()

    def note(self, meter: int, part: str, value: Any) -> None:
        """Write down a part that is replaced, or an entry of one that grows, and remember it."""
        os.write(self._file, _line(meter, part, value))
        self._take(meter, part, value)

    def close(self) -> None:
        """Let go of the folder."""
        with contextlib.suppress(OSError):
            os.close(self._file)

    def _take(self, meter: int, part: str, value: Any) -> None:
        parts = self.meters.setdefault(meter, {})
        parts[part] = value if part in KEPT else grown(part, parts.get(part), value)

    def _replay(self) -> int:
        *lines, torn = self._path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                meter, part, value = msgspec.json.decode(line, type=tuple[int, str, msgspec.Raw])
                self._take(meter, part, _DECODERS[part].decode(value))
            except (msgspec.DecodeError, KeyError) as error:
                self.close()
                raise MemoryFileError(
                    f"{self._path}:{number}: not an entry of a memory ({error}); restore it"
                ) from None
        if torn:  # nobody was told of it yet
            os.truncate(self._file, self._path.stat().st_size - len(torn))
        return len(lines)

    def _lines(self) -> Iterator[bytes]:
        for meter, parts in self.meters.items():
            for part, value in parts.items():
                for one in [value] if part in KEPT else entries(part, value):
                    yield _line(meter, part, one)

    def _rewrite(self) -> None:
        """Replace the file whole; the lock is taken on the new one before it is seen."""
        beside = self._path.with_suffix(".new")
        new = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        fcntl.flock(new, fcntl.LOCK_EX)
        os.write(new, b"".join(self._lines()))
        os.fsync(new)
        beside.replace(self._path)
        os.close(self._file)
        self._file = new


def _line(meter: int, part: str, value: Any) -> bytes:
    return msgspec.json.encode((meter, part, value)) + b"\n"
