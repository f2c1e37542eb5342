"""Program messages: what stands between two line feeds, cut into units with whole headers.

Rules of this file (SCPI-1999 vol. 1, chapter 6):

* Units are separated by ``;``, arguments by ``,``; neither counts within quotes.
* A header that begins with ``:`` starts at the root. Any other continues where the last one branched off: all of its
  nodes but the last. A common command (``*``) neither uses nor changes that place.
* Line feed ends a message; a carriage return before it is white space.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from protocols.scpi.errors import ScpiError

_UNIT = re.compile(r"(\*?|:?)([A-Za-z][A-Za-z0-9_]*(?::[A-Za-z][A-Za-z0-9_]*)*)(\?)?(?:\s+(.*))?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Unit:
    """One command or query: ``path`` from the root as it was sent, arguments as text, quotes kept."""

    path: tuple[str, ...]
    query: bool
    arguments: tuple[str, ...] = ()
    common: bool = False

    @property
    def header(self) -> str:
        """The header as one would write it."""
        return ("*" if self.common else "") + ":".join(self.path) + ("?" if self.query else "")


def units(message: str) -> Iterator[Unit]:
    """The units of a message in their order; raises :class:`ScpiError` -102 where it cannot be read on."""
    branch: tuple[str, ...] = ()
    for text in _split(message, ";"):
        if not text:
            continue
        match = _UNIT.match(text)
        if match is None or (match[1] == "*" and ":" in match[2]):
            raise ScpiError(-102, text[:32])
        nodes = tuple(match[2].split(":"))
        common = match[1] == "*"
        path = nodes if common or match[1] == ":" else branch + nodes
        if not common:
            branch = path[:-1]
        yield Unit(path, match[3] is not None, tuple(_split(match[4] or "", ",")) if match[4] else (), common)


def _split(text: str, separator: str) -> Iterator[str]:
    """Parts between separators outside of quotes, without the white space around them."""
    start, quote = 0, ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == separator:
            yield text[start:place].strip()
            start = place + 1
    if quote:
        raise ScpiError(-151, "quote not closed")
    yield text[start:].strip()
