"""The audit log: one JSON line for each thing that was asked, done, refused or went wrong, never rewritten.

Gateway and dead-man process write to the same file: a line is one ``write`` to a file that is opened for appending.
What cannot be written goes to the process's own log instead: nothing that has to be done waits for a disk.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

log = logging.getLogger(__name__)


class Audit:
    """Appends lines ``{"at": Unix s, "by": who, "what": …, …}``; ``now`` tells the time of each."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._now = now
        self._torn = b""

    def line(self, by: str, what: str, **details: Any) -> None:
        """Write one line; it is with the operating system when this returns, so a kill does not lose it."""
        entry = {"at": round(self._now(), 3), "by": by, "what": what, **details}
        line = msgspec.json.encode(entry, enc_hook=str)
        whole = self._torn + line + b"\n"
        try:
            written = os.write(self._descriptor, whole)
        except OSError:
            written = 0
        if written < len(whole):
            self._torn = b"\n" if written else self._torn  # the next line must not go on in this one
            log.error("the audit log cannot be written: %s", line.decode())
        else:
            self._torn = b""

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_audit(path: Path) -> list[dict[str, Any]]:
    """All complete lines of an audit log; none when there is no file."""
    if not path.exists():
        return []
    *lines, _torn = path.read_bytes().split(b"\n")
    return [msgspec.json.decode(line) for line in lines if line.endswith(b"}")]
