"""Twins on UDP: a socket for each, and one that hears the multicast group for all of them.

Rules of this file:

* A twin sends everything from its own address, as a node is known by its address (``meter-protocols`` §1.1).
* An answer goes to the peer's address and *the* port, whatever port the request came from (§8 trap 1).
  Only a peer at a twin's own address, as all are on ``[::1]``, is answered at its port: *the* port there is the twin's.
* What twins say to the group comes back to the group's socket, and is dropped there by its source.
* Sockets share their address (``SO_REUSEADDR``), because controllers bind ``0.0.0.0:3610`` and would be shut out.
  Sharing would also let two servers take one address and one of them starve, so addresses in use are looked up first.
* A datagram that cannot be sent is lost, as datagrams are.
* Too frequent requests to one twin wait for their turn, then are dropped (:mod:`twins.route_b.pace`).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
from collections.abc import Iterable, Sequence
from typing import Any

import psutil

from protocols.echonet.frame import MAX_FRAME
from protocols.echonet.transport import GROUP_IPV4, PORT, Outgoing, reply_address
from twins.clock import Clock
from twins.echonet.addresses import AddressError
from twins.echonet.everybody import Everybody
from twins.echonet.node import TwinNode
from twins.route_b.limits import Pace, shipped_limits
from twins.route_b.pace import RequestQueue, is_confirmation
from twins.serving.files import make_room

log = logging.getLogger(__name__)

IPV6_LOOPBACK = "::1"

_LOOPBACK = "127.0.0.1"

_Datagram = tuple[socket.socket, bytes, tuple[Any, ...], bool]
"""What came: to which socket, the data, from where, and whether by the group."""


class UdpTwins:
    """Nodes at IPv4 addresses, one each, the first also at ``[::1]`` where the machine has that, if ``six``.

    A node whose address is None is on other media alone. :meth:`open` binds, :meth:`start` begins to answer on the
    running event loop, :meth:`close` ends it. ``ipv6`` is the IPv6 address in use, or None. ``lost`` counts what could
    not be sent, ``refused`` the too frequent requests. ``everybody`` joins the group with the other media of the same
    twins.
    """

    def __init__(
        self,
        nodes: Sequence[TwinNode],
        addresses: Sequence[str | None],
        clock: Clock,
        port: int = PORT,
        *,
        six: bool = True,
        everybody: Everybody | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._nodes, self.addresses = nodes, addresses
        self.everybody = everybody or Everybody()
        self.everybody.add(self.say)
        wire = pace or shipped_limits().requests.wire
        self._queues: list[RequestQueue[_Datagram]] = [RequestQueue(wire) for _ in nodes]
        self._turns: dict[int, asyncio.TimerHandle] = {}  # by place: when what waits comes to its turn
        self._clock, self.port = clock, port
        self._wants_six = six
        self._sockets: list[socket.socket | None] = []
        self._group: socket.socket | None = None
        self._six: socket.socket | None = None
        self._own: frozenset[str | None] = frozenset({*addresses, IPV6_LOOPBACK})
        self.lost = 0

    @property
    def ipv6(self) -> str | None:
        """The IPv6 address of the first twin."""
        return IPV6_LOOPBACK if self._six else None

    @property
    def refused(self) -> int:
        """Requests that were dropped because they came too fast."""
        return sum(queue.refused for queue in self._queues)

    def open(self) -> None:
        """Bind all sockets. Raises :class:`AddressError` for an address that is in use or cannot be had."""
        make_room(len(self.addresses))
        in_use = addresses_in_use(self.port)
        for address in self.addresses:
            if address in in_use:
                raise AddressError(f"{address} port {self.port} (UDP) is in use")
        try:
            for address in self.addresses:
                self._sockets.append(None if address is None else _speaking(address, self.port))
        except AddressError:
            self.close()
            raise
        self._group = self._join()
        if not self._wants_six:
            return
        if IPV6_LOOPBACK in in_use:
            log.warning("[%s]:%d (UDP) is in use, the first twin answers by IPv4 alone", IPV6_LOOPBACK, self.port)
        else:
            self._six = self._bind_six()

    def start(self) -> None:
        """Begin to answer, and tell everybody which objects there are."""
        loop = asyncio.get_running_loop()
        for place, own in enumerate(self._sockets):
            if own is not None:
                loop.add_reader(own, self._hear, own, place)
        if self._group:
            loop.add_reader(self._group, self._hear_group, self._group)
        if self._six:
            loop.add_reader(self._six, self._hear, self._six, 0)
        for place, node in enumerate(self._nodes):
            if node.runs(self._clock.now()):
                self.send(place, node.announce())

    def close(self) -> None:
        """Close all sockets."""
        for turn in self._turns.values():
            turn.cancel()
        self._turns.clear()
        for each in (*self._sockets, self._group, self._six):
            if each is not None:
                _forget(each)
                each.close()
        self._sockets, self._group, self._six = [], None, None

    def send(self, place: int, outgoing: Iterable[Outgoing]) -> None:
        """Send unasked what a twin has to say: to everybody, or to one peer."""
        for item in outgoing:
            if item.to is None:
                self.everybody.say(place, item.data)
            else:
                self._transmit(self._sockets[place], item.data, (item.to, self.port))

    def say(self, place: int, data: bytes) -> None:
        """Send a frame of a twin to the group."""
        self._transmit(self._sockets[place], data, (GROUP_IPV4, self.port))

    def _hear(self, own: socket.socket, place: int) -> None:
        # One datagram, then all other sockets have their turn: a client as quick as we are would hold us here.
        received = _receive(own)
        if received is not None:
            self._serve(own, place, *received)

    def _hear_group(self, group: socket.socket) -> None:
        received = _receive(group)
        if received is not None and received[1][0] not in self._own:
            for place, own in enumerate(self._sockets):
                if own is not None:
                    self._serve(own, place, *received, multicast=True)

    def _serve(
        self, own: socket.socket, place: int, data: bytes, source: tuple[Any, ...], multicast: bool = False
    ) -> None:
        """Let a twin take a datagram, now or when its turn comes."""
        datagram, queue = (own, data, source, multicast), self._queues[place]
        if is_confirmation(data) or queue.offer(datagram, self._clock.monotonic()):
            self._answer(place, datagram)
        elif place not in self._turns:
            self._wait_for_turn(place)

    def _wait_for_turn(self, place: int) -> None:
        wait = self._queues[place].next_due - self._clock.monotonic()
        if wait < float("inf"):
            loop = asyncio.get_running_loop()
            self._turns[place] = loop.call_later(max(0.0, wait), functools.partial(self._take_turn, place))

    def _take_turn(self, place: int) -> None:
        del self._turns[place]
        for datagram in self._queues[place].due(self._clock.monotonic()):
            self._answer(place, datagram)
        self._wait_for_turn(place)

    def _answer(self, place: int, datagram: _Datagram) -> None:
        """What the twin says goes out through the socket that was spoken to; what is for everybody, everywhere."""
        own, data, source, multicast = datagram
        reply = source if source[0] in self._own else reply_address(source, self.port)
        for item in self._nodes[place].receive(data, source[0], self._clock.now(), multicast=multicast):
            if item.to is None and own is not self._six:
                self.everybody.say(place, item.data)
            else:  # no group on IPv6: who asked is everybody
                self._transmit(own, item.data, reply)

    def _transmit(self, own: socket.socket | None, data: bytes, to: tuple[Any, ...]) -> None:
        if own is None:
            return
        try:
            own.sendto(data, to)
        except OSError:
            self.lost += 1

    def _join(self) -> socket.socket | None:
        try:
            group = _bound(socket.AF_INET, GROUP_IPV4, self.port)
            membership = socket.inet_aton(GROUP_IPV4) + socket.inet_aton(_LOOPBACK)
            group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        except (AddressError, OSError) as error:
            log.warning("no multicast group %s here, twins hear only what is sent to them: %s", GROUP_IPV4, error)
            return None
        return group

    def _bind_six(self) -> socket.socket | None:
        try:
            return _bound(socket.AF_INET6, IPV6_LOOPBACK, self.port)
        except (AddressError, OSError) as error:
            log.warning("no IPv6 here, the first twin answers by IPv4 alone: %s", error)
            return None


def _receive(own: socket.socket) -> tuple[bytes, tuple[Any, ...]] | None:
    try:
        return own.recvfrom(MAX_FRAME + 1)
    except OSError:  # nothing there, or the report of an earlier answer that nobody took
        return None


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    own = socket.socket(family, socket.SOCK_DGRAM)
    try:
        own.setblocking(False)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        own.bind((address, port))
    except OSError as error:
        own.close()
        raise AddressError(f"{address} port {port} (UDP) cannot be had: {error.strerror}") from None
    return own


def _speaking(address: str, port: int) -> socket.socket:
    own = _bound(socket.AF_INET, address, port)
    own.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    return own


def addresses_in_use(port: int) -> set[str]:
    """Addresses at which somebody has this UDP port, wildcards included; nothing where the system does not tell."""
    try:
        return {known.laddr.ip for known in psutil.net_connections("udp") if known.laddr and known.laddr.port == port}
    except psutil.AccessDenied:
        return set()


def _forget(own: socket.socket) -> None:
    """Take a socket out of the event loop, if one runs."""
    try:
        asyncio.get_running_loop().remove_reader(own)
    except RuntimeError:
        return
