"""Questions and answers in lines over TCP, with telnet's option bytes taken out.

Options are not answered: the instruments in question go on without (``rack-instruments`` §2.1). A link that failed is
closed by its user (:mod:`hil_drivers.guard`), so nothing that arrives late is ever read.
"""

from __future__ import annotations

import socket
import time
from enum import Enum, auto

from hil_drivers.errors import LinkError

_IAC, _SE, _SB, _WILL, _DONT = 255, 240, 250, 251, 254
_LONGEST = 65_536


class _At(Enum):
    TEXT = auto()
    COMMAND = auto()  # after IAC
    OPTION = auto()  # after IAC WILL, WONT, DO, DONT
    PARAMETERS = auto()  # after IAC SB
    PARAMETERS_COMMAND = auto()  # after IAC in parameters


class TelnetFilter:
    """Takes telnet's commands out of a stream, in whatever pieces it comes (RFC 854)."""

    def __init__(self) -> None:
        self._at = _At.TEXT

    def feed(self, data: bytes) -> bytes:
        """The text in a piece."""
        text = bytearray()
        for byte in data:
            if (self._at is _At.TEXT and byte != _IAC) or (self._at is _At.COMMAND and byte == _IAC):
                text.append(byte)
            self._at = _next(self._at, byte)
        return bytes(text)


def _next(at: _At, byte: int) -> _At:
    if at is _At.TEXT:
        return _At.COMMAND if byte == _IAC else _At.TEXT
    if at is _At.COMMAND:
        return _At.OPTION if _WILL <= byte <= _DONT else _At.PARAMETERS if byte == _SB else _At.TEXT
    if at is _At.PARAMETERS:
        return _At.PARAMETERS_COMMAND if byte == _IAC else _At.PARAMETERS
    if at is _At.PARAMETERS_COMMAND:
        return _At.TEXT if byte == _SE else _At.PARAMETERS
    return _At.TEXT


class LineLink:
    """A connection to ``host`` and ``port`` that is made when it is needed; no wait is longer than ``timeout_s``.

    Lines end in CR, LF or both, empty ones are passed over. Raises :class:`LinkError`.
    """

    def __init__(self, host: str, port: int, timeout_s: float, end: bytes = b"\r\n") -> None:
        self.place = f"{host}:{port}"
        self._address, self._timeout_s, self._end = (host, port), timeout_s, end
        self._socket: socket.socket | None = None
        self._filter = TelnetFilter()
        self._lines: list[str] = []
        self._rest = b""

    def send(self, line: str) -> list[str]:
        """Send a line; returns what had arrived before it, which is no answer to it."""
        before = self._arrived()
        try:
            self._connected().sendall(line.encode("ascii") + self._end)
        except OSError as error:
            raise LinkError(f"{self.place}: connection lost ({error})") from error
        return before

    def line(self, until: float | None = None) -> str:
        """The next line; ``until`` is an instant of :func:`time.monotonic`, by default ``timeout_s`` from now."""
        until = time.monotonic() + self._timeout_s if until is None else until
        while not self._lines:
            left = until - time.monotonic()
            if left <= 0:
                half = f", but half of one: {self._rest!r}" if self._rest.strip() else ""
                raise LinkError(f"{self.place}: no answer within {self._timeout_s:g} s{half}")
            self._read(left)
        return self._lines.pop(0)

    @property
    def patience(self) -> float:
        """When an answer to a question of now must be there at the latest."""
        return time.monotonic() + self._timeout_s

    def close(self) -> None:
        """Hang up, and forget what was heard."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._filter, self._rest = None, TelnetFilter(), b""
        self._lines.clear()

    def _connected(self) -> socket.socket:
        if self._socket is None:
            try:
                self._socket = socket.create_connection(self._address, timeout=self._timeout_s)
            except OSError as error:
                raise LinkError(f"{self.place}: no connection ({error})") from error
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(self._timeout_s)
        return self._socket

    def _arrived(self) -> list[str]:
        """Take the lines that are there without waiting."""
        if self._socket is not None:
            self._read(0.0)
        taken, self._lines = self._lines, []
        return taken

    def _read(self, seconds: float) -> None:
        """Read once, for so many seconds at most; nothing may come."""
        connection = self._connected()
        connection.settimeout(seconds)
        try:
            data = connection.recv(4096)
        except (TimeoutError, BlockingIOError):
            return
        except OSError as error:
            raise LinkError(f"{self.place}: connection lost ({error})") from error
        if not data:
            raise LinkError(f"{self.place}: connection lost (the other side hung up)")
        *whole, rest = (self._rest + self._filter.feed(data)).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[-_LONGEST:]
        self._lines += [text for line in whole if (text := line.decode("ascii", "backslashreplace").strip())]
