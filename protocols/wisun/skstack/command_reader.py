"""A host's bytes to commands: lines that end with CRLF, product commands that end with CR, and SKSENDTO's raw data.

Nothing is ever raised: what cannot be a command becomes an item that says why, and the memory is bounded by
:data:`LINE_LIMIT` and the longest datagram.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.wisun.radio import MAX_UDP
from protocols.wisun.skstack.commands import PRODUCT_COMMANDS, SEND_TO, send_to_tokens
from protocols.wisun.skstack.dialect import Dialect

LINE_LIMIT = 256
"""Bytes of a command line; our own choice, three times the longest command."""

_BUFFER_LIMIT = 4 * (LINE_LIMIT + MAX_UDP)
_SEND_TO = SEND_TO.encode() + b" "
_PRODUCT = tuple(name.encode() for name in PRODUCT_COMMANDS)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command as tokens, and the text to echo (with its line end); ``data`` goes with SKSENDTO."""

    tokens: list[str]
    echo: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Input that is no command: a line without end, too much input at once, a datagram without its data."""

    detail: str


class CommandReader:
    """Collects a host's bytes; hands out one command after the other."""

    def __init__(self, dialect: Dialect) -> None:
        self._send_to_tokens = send_to_tokens(dialect)
        self._buffer = bytearray()
        self._discarding = False
        self._skip = 0
        self._overrun = False
        self._header_tokens: list[str] | None = None

    def feed(self, data: bytes) -> None:
        """More bytes; what the buffer cannot hold is lost, as on a UART without flow control."""
        room = _BUFFER_LIMIT - len(self._buffer)
        self._buffer += data[:room]
        self._overrun |= len(data) > room

    def clear(self) -> bool:
        """Drop a command that never got its end; True if there was one."""
        partial = bool(self._buffer) or self._skip > 0 or self._header_tokens is not None or self._discarding
        self._buffer.clear()
        self._skip, self._header_tokens, self._discarding, self._overrun = 0, None, False, False
        return partial

    def next(self) -> CommandLine | Unreadable | None:
        """The next complete command, or None: more bytes are needed."""
        item = self._next()
        if item is None and self._overrun:
            self.clear()
            return Unreadable("more input than the buffer holds")
        return item

    def _next(self) -> CommandLine | Unreadable | None:
        if self._header_tokens is not None:
            return self._oversized()
        self._drop_line_feeds()
        if self._discarding and not self._discard_line():
            return None
        header = self._send_to_header() if self._buffer.startswith(_SEND_TO) else None
        return self._line() if header is None else self._send_to(header)

    def _drop_line_feeds(self) -> None:
        """The LF that some hosts send after a product command's CR, and empty lines."""
        size = len(self._buffer)
        at = 0
        while at < size and self._buffer[at] == 0x0A:
            at += 1
        del self._buffer[:at]

    def _discard_line(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            del self._buffer[: max(0, len(self._buffer) - 1)]  # the last byte may be the CR
            return False
        del self._buffer[: end + 2]
        self._discarding = False
        return True

    def _line(self) -> CommandLine | Unreadable | None:
        end, size = self._line_end()
        if end < 0:
            if len(self._buffer) <= LINE_LIMIT:
                return None
            self._discarding = True
            return Unreadable(f"a line longer than {LINE_LIMIT} bytes")
        text = bytes(self._buffer[:end]).decode("latin-1")
        del self._buffer[: end + size]
        line_end = "\r" if size == 1 else "\r\n"
        return CommandLine(text.split(" "), text + line_end)

    def _line_end(self) -> tuple[int, int]:
        """Where the line ends, and the length of its end; (-1, 0) while it does not."""
        if self._buffer.startswith(_PRODUCT):
            end = self._buffer.find(b"\r", 0, LINE_LIMIT)
            if end >= 0 and bytes(self._buffer[:end]).split(b" ")[0] in _PRODUCT:
                return end, 1
        end = self._buffer.find(b"\r\n", 0, LINE_LIMIT + 2)
        return (end, 2) if end >= 0 else (-1, 0)

    def _send_to_header(self) -> int | None:
        """Length of SKSENDTO up to its data, or None if the header has not (or never will have) all its tokens."""
        at = -1
        for _ in range(self._send_to_tokens):
            at = self._buffer.find(b" ", at + 1, LINE_LIMIT)
            if at < 0:
                return None
        return None if b"\r\n" in self._buffer[:at] else at + 1

    def _send_to(self, header: int) -> CommandLine | Unreadable | None:
        text = bytes(self._buffer[: header - 1]).decode("latin-1")
        tokens = text.split(" ")
        try:
            length = int(tokens[-1], 16) if len(tokens[-1]) == 4 and tokens[-1].isalnum() else 0
        except ValueError:
            length = 0
        echo = text + " \r\n"  # the echo stops before the data
        if length > MAX_UDP:
            del self._buffer[:header]
            self._skip, self._header_tokens = length, tokens
            return self._oversized()
        if len(self._buffer) < header + length:
            return None
        data = bytes(self._buffer[header : header + length])
        del self._buffer[: header + length]
        return CommandLine(tokens, echo, data)

    def _oversized(self) -> CommandLine | None:
        """Data that no datagram can hold is swallowed before its command is refused, or it would be read as lines."""
        taken = min(self._skip, len(self._buffer))
        del self._buffer[:taken]
        self._skip -= taken
        if self._skip or self._header_tokens is None:
            return None
        tokens, self._header_tokens = self._header_tokens, None
        return CommandLine(tokens, " ".join(tokens) + " \r\n", b"")
