"""The history of nights: one JSON line a night in ``history.jsonl``, only ever appended to.

A night counts once its line is whole on the disk. A kill while it was written leaves a torn last line: readers leave it
out and say so, the next writer cuts it off. Damage elsewhere is left out and told too; a line of another format is
refused, for who compares without it compares wrongly.

Lines are found from the end and decoded one at a time, so a question about the last nights does not read all of them.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from bench.errors import BenchFault, InputError
from bench.night.model import FORMAT, Night, twice

LAST = "last"
_NO_NIGHTS = "no nights yet; a night is kept here when it has ended"


class Head(msgspec.Struct, frozen=True):
    """The beginning of a night's line: enough to know which night it is."""

    format: int
    night: str
    topology: str
    started: str
    verdict: str


Line = TypeVar("Line", Head, Night)

_HEADS = msgspec.json.Decoder(Head)
_NIGHTS = msgspec.json.Decoder(Night)


class History:
    """The nights in a file; a file that does not exist yet has none.

    ``problems`` is filled by reading: one sentence for each line that had to be left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []

    def newest_first(self) -> Iterator[Night]:
        """All nights, from the last line back.

        Raises InputError for a line of another format, or when the file cannot be read.
        """
        return self._decoded(_NIGHTS)

    def heads(self) -> Iterator[Head]:
        """As :meth:`newest_first` without the results, many times faster."""
        return self._decoded(_HEADS)

    def find(self, wanted: str) -> Night:
        """The night that a user means: ``last``, ``last-1`` (the one before it on the same topology) and so on, an id,
        or a beginning of one that fits a single night.

        Raises InputError when there is none, or when several fit.
        """
        match = re.fullmatch(rf"{LAST}(?:-(\d{{1,6}}))?", wanted)
        name = self._nth_last(int(match[1] or 0)) if match else self._named(wanted)
        for night in self.newest_first():
            if night.night == name:
                return night
        raise InputError(f"{self.path}: the results of night {name} cannot be read; restore the file")

    def before(self, night: Night) -> Iterator[Night]:
        """Nights on the same topology before this one, newest first."""
        for each in self.newest_first():
            if each.topology == night.topology and (each.started, each.night) < (night.started, night.night):
                yield each

    def append(self, night: Night) -> None:
        """Put a night on the disk; the same night again changes nothing.

        Raises BenchFault when the night holds a result twice, another night has its id, or the file cannot be written.
        """
        if repeated := twice(night):
            raise BenchFault(f"night {night.night}: counted twice: {', '.join(repeated[:5])}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._has(night):
                    return
                _mend_end(file)
                file.write(msgspec.json.encode(night) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise BenchFault(f"{self.path}: cannot keep the night: {error.strerror}") from error

    def _has(self, night: Night) -> bool:
        if all(head.night != night.night for head in self.heads()):
            return False
        if self.find(night.night) != night:
            raise BenchFault(f"{self.path}: night {night.night} is there already, with other results")
        return True

    def _decoded(self, decoder: msgspec.json.Decoder[Line]) -> Iterator[Line]:
        try:
            with self.path.open("rb") as file:
                if not os.fstat(file.fileno()).st_size:
                    return
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    for start, stop in _lines_from_the_end(data):
                        if (line := self._line(decoder, data, start, stop)) is not None:
                            yield line
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror}; give the file of the nights") from error

    def _line(self, decoder: msgspec.json.Decoder[Line], data: mmap.mmap, start: int, stop: int) -> Line | None:
        try:
            line = decoder.decode(memoryview(data)[start:stop])
        except msgspec.DecodeError as error:
            torn = data[-1:] != b"\n" and stop == len(data)
            why = "torn: its night was cut off while it was kept" if torn else f"not a night ({error})"
            self._tell(f"{self.path}:{_number(data, start)}: left out, {why}")
            return None
        if line.format != FORMAT:
            where = f"{self.path}:{_number(data, start)}"
            raise InputError(f"{where}: format {line.format} is unknown, this bench reads {FORMAT}; use a newer bench")
        return line

    def _tell(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def _nth_last(self, back: int) -> str:
        alike: list[Head] = []
        for head in self.heads():
            if not alike or head.topology == alike[0].topology:
                alike.append(head)
            if len(alike) > back:
                return head.night
        if not alike:
            raise InputError(f"{self.path}: {_NO_NIGHTS}")
        raise InputError(f"{LAST}-{back}: {self.path} has {len(alike)} nights on topology {alike[0].topology}")

    def _named(self, wanted: str) -> str:
        names = [head.night for head in self.heads()]
        if not names:
            raise InputError(f"{self.path}: {_NO_NIGHTS}")
        fitting = [wanted] if wanted in names else [name for name in names if wanted and name.startswith(wanted)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise InputError(f"{wanted}: several nights begin like this; say one of {', '.join(fitting[:10])}")
        raise InputError(f"{wanted}: no such night in {self.path}; the newest are {', '.join(names[:5])}")


def _lines_from_the_end(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Start and stop of every line that is not empty, the last one first; its end of line is not counted in."""
    stop = len(data)
    while stop > 0:
        start = data.rfind(b"\n", 0, stop) + 1
        if start < stop:
            yield start, stop
        stop = start - 1


def _number(data: mmap.mmap, start: int) -> int:
    """Number of the line that begins there, from 1."""
    return data[:start].count(b"\n") + 1


def _mend_end(file: BinaryIO) -> None:
    """Make the file end with a whole line: end one that is whole, cut off one that is torn."""
    size = file.seek(0, os.SEEK_END)
    if not size:
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[-1:] == b"\n":
            return
        start = data.rfind(b"\n") + 1
        try:
            _NIGHTS.decode(data[start:])
        except msgspec.DecodeError:
            os.ftruncate(file.fileno(), start)
        else:
            file.write(b"\n")
