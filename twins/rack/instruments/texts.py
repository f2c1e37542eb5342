"""Conversations of instruments that speak text: lines over TCP or telnet, and HTTP for small answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

_LONGEST_LINE = 4096
"""Bytes without an end of line that are kept; what is longer is thrown away, as an instrument's input buffer does."""

_LONGEST_REQUEST = 8192


class Spoken(ABC):
    """A :class:`twins.rack.faults.Conversation` that answers at once; subclasses give :meth:`answer`."""

    def __init__(self, greeting: bytes = b"") -> None:
        self._out = greeting

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes that a client sent."""
        answer = self.answer(data, now)  # first, for it may add to what is to be said
        self._out += answer

    @abstractmethod
    def answer(self, data: bytes, now: float) -> bytes:
        """The answers to what is complete with this piece."""

    def take(self, now: float) -> bytes:
        """The bytes for the client, and forget them."""
        taken, self._out = self._out, b""
        return taken

    def due(self) -> float | None:
        """Nothing comes without being asked for."""
        return None

    @property
    def lost(self) -> bool:
        """The instrument itself never hangs up."""
        return False


class Lines(Spoken):
    """A line in CR, LF or both, an answer of ``reply(line, now)``; empty lines are passed over."""

    def __init__(self, reply: Callable[[str, float], bytes], greeting: bytes = b"") -> None:
        super().__init__(greeting)
        self._reply, self._rest = reply, b""

    def answer(self, data: bytes, now: float) -> bytes:
        """The answers to the lines that are complete."""
        *whole, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            self._rest = b""
        lines = [line.decode("ascii", "replace").strip() for line in whole]
        return b"".join(self._reply(line, now) for line in lines if line)


Page: TypeAlias = Callable[[str, str, str, dict[str, str], float], tuple[int, str]]
"""Method, target as it was sent (with its ``?``), body, headers by small letters, now → status and text."""


class Http(Spoken):
    """HTTP/1.1; what is no request gets status 400 and a clean start."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page, self._data = page, b""

    def answer(self, data: bytes, now: float) -> bytes:
        """The answers to the requests that are complete."""
        self._data += data
        answers = b""
        while (end := self._data.find(b"\r\n\r\n") + 4) > 3:
            first, *rest = self._data[: end - 4].decode("latin-1").split("\r\n")
            fields = [line.partition(":") for line in rest]
            headers = {name.strip().lower(): value.strip() for name, _, value in fields}
            words, length = first.split(" "), headers.get("content-length", "0")
            if len(words) != 3 or not length.isdecimal() or int(length) > _LONGEST_REQUEST:
                self._data = b""
                return answers + _response(400, "bad request")
            end_of_body = end + int(length)
            if len(self._data) < end_of_body:
                return answers
            body, self._data = self._data[end:end_of_body].decode("utf-8", "replace"), self._data[end_of_body:]
            answers += _response(*self._page(words[0], words[1], body, headers, now))
        if len(self._data) > _LONGEST_REQUEST:
            self._data = b""
        return answers


_REASONS = {200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


def _response(status: int, text: str) -> bytes:
    body = text.encode()
    kind = "application/json" if text[:1] in ("{", "[") else "text/plain"
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
