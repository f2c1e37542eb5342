"""A front end on a TCP port: what clients send goes in, what is due goes out. Several clients may be connected.

``open`` and ``close`` are called in the event loop that serves; everything of a world lives in that one loop. A client
that does not take its answers is not heard any more until it does.
"""

from __future__ import annotations

import asyncio
from typing import cast

from twins.clock import Clock
from twins.rack.faults import Conversation, FrontEnd

_MOST_CLIENTS = 8
_UNSENT_MOST = 65_536
_LOOK_AGAIN_S = 3600.0  # a virtual clock cannot tell when its next tick comes


class TcpWire:
    """One front end on one port of one address; port 0 takes a free one."""

    def __init__(self, front_end: FrontEnd, clock: Clock, address: str = "127.0.0.1", port: int = 0) -> None:
        self.address, self.port = address, port
        self._front_end, self._clock = front_end, clock
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()

    async def open(self) -> None:
        """Take the port; raises OSError when it cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._client, self.address, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Let go of port and clients, as a lost network does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for client in list(self._clients):
            client.abort()

    def _client(self) -> _Client:
        return _Client(self._front_end, self._clock, self._clients)


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, front_end: FrontEnd, clock: Clock, clients: set[_Client]) -> None:
        self._front_end, self._clock, self._clients = front_end, clock, clients
        self._timer: asyncio.TimerHandle | None = None
        self._conversation: Conversation | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless too many are connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_UNSENT_MOST)
        if len(self._clients) >= _MOST_CLIENTS:
            self._transport.abort()
            return
        self._clients.add(self)
        self._conversation = self._front_end.connect(self._clock.now())
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._clients.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Hand bytes in, and give out what is due."""
        if self._conversation is not None:
            self._conversation.receive(data, self._clock.now())
            self._send()

    def pause_writing(self) -> None:
        """Answers pile up: hear no more."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Answers are taken again."""
        self._transport.resume_reading()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def _send(self) -> None:
        """Give out what is due, and come back when more is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._conversation is None:
            return
        if self._conversation.lost:
            self._transport.abort()
            return
        if answer := self._conversation.take(self._clock.now()):
            self._transport.write(answer)
        due = self._conversation.due()
        if due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(self._clock.real_until(due), _LOOK_AGAIN_S), self._send)
