"""The clients of one twin over TCP, on asyncio.

Rules of this file: what a client can make us keep is bounded. It is read in pieces of ``PIECE`` bytes; while it does
not take its answers, nothing more is read from it. A twin has ``MOST_CLIENTS`` connections; for one more, the one that
asked least recently is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from protocols.modbus.server import Connection, Unit

MOST_CLIENTS = 16
PIECE = 512
"""Bytes taken at a time: some 40 requests, whose answers are at most 11 kB."""

_UNSENT_MOST = 16_384  # bytes of answers that wait in memory before reading stops


class Clients:
    """The connections of one twin with these units, the least recently used first.

    While the twin does not run (``runs``) connections are reset when they are made or used.
    """

    def __init__(self, units: dict[int, Unit], runs: Callable[[], bool] = lambda: True) -> None:
        self._units, self.runs = units, runs
        self._open: dict[_Client, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def connect(self) -> _Client:
        """A protocol for a new connection."""
        return _Client(self, Connection(self._units))

    def used(self, client: _Client) -> None:
        """Note that a connection was opened or asked something."""
        self._open.pop(client, None)
        self._open[client] = None
        if len(self._open) > MOST_CLIENTS:
            next(iter(self._open)).abort()

    def gone(self, client: _Client) -> None:
        """Note that a connection is closed."""
        self._open.pop(client, None)

    def abort(self) -> None:
        """Close all connections."""
        for client in list(self._open):
            client.abort()


class _Client(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self, clients: Clients, connection: Connection) -> None:
        self._clients, self._connection = clients, connection
        self._piece = bytearray(PIECE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_UNSENT_MOST)
        if not self._clients.runs():
            self._transport.abort()
            return
        self._clients.used(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._clients.gone(self)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the next piece goes."""
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        """Answer what came in."""
        if not self._clients.runs():
            self.abort()
            return
        answers = self._connection.receive(bytes(self._piece[:nbytes]))
        if answers:
            self._clients.used(self)
            self._transport.write(answers)

    def pause_writing(self) -> None:
        """Answers pile up: hear no more requests."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Answers are taken again."""
        self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once, unsent answers or not."""
        self._clients.gone(self)
        self._transport.abort()
