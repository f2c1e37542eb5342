"""The audit log: one JSON line for each thing that was asked, done, refused or went wrong, never rewritten.

Gateway and dead-man process write to the same file: a line is one ``write`` to a file that is opened for appending.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec


class Audit:
    """Appends lines ``{"at": Unix s, "by": who, "what": …, …}``; ``now`` tells the time of each."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._now = now

    def line(self, by: str, what: str, **details: Any) -> None:
        """Write one line; it is with the operating system when this returns, so a kill does not lose it."""
        entry = {"at": round(self._now(), 3), "by": by, "what": what, **details}
        os.write(self._descriptor, msgspec.json.encode(entry, enc_hook=str) + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_audit(path: Path) -> list[dict[str, Any]]:
    """All complete lines of an audit log; none when there is no file."""
    if not path.exists():
        return []
    *lines, _torn = path.read_bytes().split(b"\n")
    return [msgspec.json.decode(line) for line in lines]
