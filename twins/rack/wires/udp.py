"""A front end on a UDP port: each datagram goes in whole, and what is due goes out, one datagram for each answer.

Clients are told apart by their address. Answers go there to *the* port, as ECHONET Lite nodes send them
(``meter-protocols`` §8 trap 1); only a client at our own address is answered at the port that it sent from. ``open``
and ``close`` are called in the event loop that serves. What cannot be sent is lost, as datagrams are.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import Any

from protocols.echonet.transport import reply_address
from twins.clock import Clock
from twins.echonet.udp import addresses_in_use
from twins.rack.faults import Conversation, FrontEnd

_MOST_CLIENTS = 64
_LOOK_AGAIN_S = 3600.0  # a virtual clock cannot tell when its next tick comes

_Peer = tuple[Any, ...]


class UdpWire(asyncio.DatagramProtocol):
    """One front end on one port of one address; port 0 takes a free one."""

    def __init__(self, front_end: FrontEnd, clock: Clock, address: str = "127.0.0.1", port: int = 0) -> None:
        self.address, self.port = address, port
        self._front_end, self._clock = front_end, clock
        self._transport: asyncio.DatagramTransport | None = None
        self._clients: dict[_Peer, Conversation] = {}
        self._timers: dict[_Peer, asyncio.TimerHandle] = {}

    async def open(self) -> None:
        """Take the port; raises OSError when it cannot be had."""
        if self.address in addresses_in_use(self.port):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # controllers bind the port at all addresses
            own.bind((self.address, self.port))
        except OSError:
            own.close()
            raise
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=own)
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        """Let go of port and clients, as a lost network does."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._clients.clear()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def datagram_received(self, data: bytes, source: _Peer) -> None:
        """Hand a datagram in; one of more clients at a time than anybody needs is lost."""
        peer = source if source[0] == self.address else reply_address(source, self.port)
        now = self._clock.now()
        if peer not in self._clients:
            if len(self._clients) >= _MOST_CLIENTS:
                return
            self._clients[peer] = self._front_end.connect(now)
        self._clients[peer].receive(data, now)
        self._send(peer)

    def _send(self, peer: _Peer) -> None:
        """Give out what is due, and come back when more is; a client for whom nothing is on its way is forgotten."""
        if (timer := self._timers.pop(peer, None)) is not None:
            timer.cancel()
        client = self._clients[peer]
        while self._transport is not None and not client.lost and (answer := client.take(self._clock.now())):
            self._transport.sendto(answer, peer)
        due = client.due()
        if due is None or client.lost:
            del self._clients[peer]
            return
        loop = asyncio.get_running_loop()
        self._timers[peer] = loop.call_later(min(self._clock.real_until(due), _LOOK_AGAIN_S), lambda: self._send(peer))
