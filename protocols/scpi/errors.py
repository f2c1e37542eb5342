"""Error numbers of SCPI-1999 (volume 2, chapter 21), the queue that keeps them, and the reply of ``SYSTem:ERRor?``."""

from __future__ import annotations

import re
from collections import deque
from typing import Final

from protocols.errors import ProtocolError

TEXTS: Final[dict[int, str]] = {
    0: "No error",
    -100: "Command error",
    -101: "Invalid character",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -131: "Invalid suffix",
    -141: "Invalid character data",
    -151: "Invalid string data",
    -200: "Execution error",
    -201: "Invalid while in local",
    -203: "Command protected",
    -220: "Parameter error",
    -221: "Settings conflict",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -226: "Lists not same length",
    -230: "Data corrupt or stale",
    -240: "Hardware error",
    -284: "Program currently running",
    -310: "System error",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -400: "Query error",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
    -430: "Query DEADLOCKED",
    -440: "Query UNTERMINATED after indefinite response",
}
"""The numbers that instruments here use; positive numbers are an instrument's own."""

OVERFLOW: Final = -350
_ENTRY = re.compile(r'\s*([+-]?\d+)\s*(?:,\s*"((?:[^"]|"")*)"?)?\s*\Z')


class ScpiError(ProtocolError):
    """One entry for an instrument's error queue; ``code`` as in :data:`TEXTS`, ``detail`` what it is about."""

    def __init__(self, code: int, detail: str = "") -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code} {self.text}")

    @property
    def text(self) -> str:
        """What the queue shows behind the number."""
        known = TEXTS.get(self.code, "")
        return f"{known};{self.detail}" if known and self.detail else known or self.detail


class ErrorQueue:
    """Errors, oldest first; when ``size`` are there, the newest place says that more were lost (-350)."""

    def __init__(self, size: int = 16) -> None:
        self._size = size
        self._entries: deque[tuple[int, str]] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, error: ScpiError) -> None:
        """Keep an error."""
        if len(self._entries) < self._size:
            self._entries.append((error.code, error.text))
        else:
            self._entries[-1] = (OVERFLOW, TEXTS[OVERFLOW])

    def take(self) -> str:
        """The oldest error as ``SYSTem:ERRor?`` gives it, and forget it; ``0,"No error"`` when there is none."""
        code, text = self._entries.popleft() if self._entries else (0, TEXTS[0])
        quoted = text.replace('"', '""')
        return f'{code},"{quoted}"'

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()


def parse_entry(reply: str) -> tuple[int, str]:
    """Number and text of a reply to ``SYSTem:ERRor?``; raises :class:`ProtocolError` for anything else."""
    match = _ENTRY.match(reply)
    if match is None:
        raise ProtocolError(f"{reply!r} is no entry of an error queue")
    return int(match[1]), (match[2] or TEXTS.get(int(match[1]), "")).replace('""', '"')
