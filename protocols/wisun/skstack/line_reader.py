"""A stick's bytes to lines: CRLF lines, CR lines while a product command is unanswered, and ERXUDP with raw data.

Nothing is ever raised and the memory is bounded by :data:`LINE_LIMIT`.
"""

from __future__ import annotations

from protocols.errors import ProtocolError
from protocols.wisun.skstack.dialect import BP35A1, UdpLayout
from protocols.wisun.skstack.lines import udp_length

LINE_LIMIT = 4096
"""Bytes of a line; our own choice. The longest legal one, 1232 bytes of data as text, has about 2,600."""

_ERXUDP = b"ERXUDP "


class LineReader:
    """Collects a stick's bytes. The attributes say how the stick speaks just now and may change at any time.

    ``layout`` and ``udp_as_text`` of ERXUDP; ``ends_with_cr`` while the answer of a product command is awaited.
    """

    def __init__(self) -> None:
        self.layout: UdpLayout = BP35A1.layout
        self.udp_as_text = True
        self.ends_with_cr = False
        self._buffer = bytearray()
        self._discarding = False

    def feed(self, data: bytes) -> None:
        """More bytes, any number: :meth:`next` must be called until None in between."""
        self._buffer += data

    def next(self) -> str | None:
        """The next line as Latin-1 text without its end, or None. A line that is too long comes cut short."""
        while True:
            if self._buffer[:1] == b"\n":  # what follows the CR of a product answer
                del self._buffer[:1]
                continue
            end = self._end()
            if end is None:
                return self._overlong()
            line_end, size = end
            line = bytes(self._buffer[:line_end])
            del self._buffer[: line_end + size]
            if not self._discarding:
                return line.decode("latin-1")
            self._discarding = False

    def _end(self) -> tuple[int, int] | None:
        """Where the line ends and how long its end is, or None while it has none."""
        if self.ends_with_cr:
            at = self._buffer.find(b"\r")
            return None if at < 0 else (at, 1)
        start = 0
        if not self.udp_as_text and not self._discarding and self._buffer.startswith(_ERXUDP):
            data_end = self._raw_data_end()
            if data_end is None:
                return None
            start = data_end
        at = self._buffer.find(b"\r\n", start)
        return None if at < 0 else (at, 2)

    def _raw_data_end(self) -> int | None:
        """Where the raw data of an ERXUDP line end; 0 if this is no such line after all; None: more bytes needed."""
        at = -1
        for _ in range(self.layout.tokens - 1):
            at = self._buffer.find(b" ", at + 1)
            if at < 0:
                return 0 if b"\r\n" in self._buffer or len(self._buffer) > LINE_LIMIT else None
        header = bytes(self._buffer[:at])
        if b"\r\n" in header:
            return 0
        try:
            end = at + 1 + udp_length(header.decode("latin-1"))
        except ProtocolError:
            return 0
        return end if len(self._buffer) >= end else None

    def _overlong(self) -> str | None:
        if len(self._buffer) <= LINE_LIMIT:
            return None
        head = "" if self._discarding else bytes(self._buffer[:LINE_LIMIT]).decode("latin-1")
        del self._buffer[: len(self._buffer) - 1]  # the last byte may be the CR of its end
        self._discarding = True
        return head or None
