"""Standard output and error that say themselves when they cannot be written, apart from every other file and socket."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, Final, TextIO

from bench.errors import BenchFault
from protocols.errors import MeterBenchError

_SIGPIPE: Final = 141  # as a shell reports a process that SIGPIPE ended


class ReaderGone(MeterBenchError):  # noqa: N818 - no error: ``| head`` has read enough
    """Who read what is printed has gone; nobody is told."""

    exit_code = _SIGPIPE


@contextlib.contextmanager
def watched_streams() -> Iterator[None]:
    """A context in which ``sys.stdout`` and ``sys.stderr`` raise ReaderGone for a closed pipe, and BenchFault for what
    else goes wrong.

    Click would end with 1 at any broken pipe, which says *failed*.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _watched(before[0], "standard output"), _watched(before[1], "standard error")
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _watched(stream: TextIO, words: str) -> TextIO:
    """The stream anew; one that is closed (None), or is no descriptor, as it is."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Watched(descriptor, words)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=words == "standard error" or stream.isatty(),
    )


class _Watched(io.FileIO):
    """A descriptor that is written until it cannot be; then what comes is dropped, so that it is told once."""

    def __init__(self, descriptor: int, words: str) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._words, self._failed = words, False

    def write(self, data: Any, /) -> int:
        if self._failed:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except BrokenPipeError:
            self._failed = True
            raise ReaderGone from None
        except OSError as error:
            self._failed = True
            raise BenchFault(f"{self._words}: {os.strerror(error.errno or 0)}") from None
