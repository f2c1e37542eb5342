"""One TCP connection to a meter: wrapped frames in, wrapped answers out, one session for each client address.

Sans-I/O: feed what the socket gave, send what comes back; :class:`~protocols.errors.ProtocolError` means that the
stream is beyond repair and the connection should be closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from protocols.dlms.device import LogicalDevice
from protocols.dlms.server import Session
from protocols.dlms.wrapper import Frame, WrapperReader

MAX_SESSIONS: Final = 8
"""Clients on one connection, our own limit; frames of a further one are dropped."""


class Connection:
    """The sessions of one connection."""

    def __init__(self, device: LogicalDevice) -> None:
        self._device = device
        self._reader = WrapperReader()
        self._sessions: dict[int, Session] = {}

    def receive(self, chunk: bytes) -> bytes:
        """The bytes to send back; frames for another logical device get no answer."""
        return b"".join(self.answers(chunk))

    def answers(self, chunk: bytes) -> Iterator[bytes]:
        """The same frame by frame, each served when it is asked for: a chunk may hold hundreds of requests."""
        for frame in self._reader.feed(chunk):
            yield self._answer(frame)

    def lost(self) -> None:
        """The connection is gone, and every association on it."""
        for session in self._sessions.values():
            session.lost()
        self._sessions.clear()

    def _answer(self, frame: Frame) -> bytes:
        if frame.destination != self._device.address:
            return b""
        session = self._sessions.get(frame.source)
        if session is None:
            if len(self._sessions) >= MAX_SESSIONS:
                return b""
            session = self._sessions[frame.source] = Session(self._device, frame.source)
        answers = session.receive(frame.apdu)
        return b"".join(Frame(frame.destination, frame.source, answer).to_bytes() for answer in answers)
