"""Twins on UDP: a socket for each, and one that hears the multicast group for all of them.

Rules of this file:

* A twin sends everything from its own address, as a node is known by its address (``meter-protocols`` §1.1).
* An answer goes to the peer's address and *the* port, whatever port the request came from (§8 trap 1).
  Only a peer at a twin's own address, as all are on ``[::1]``, is answered at its port: *the* port there is the twin's.
* What twins say to the group comes back to the group's socket, and is dropped there by its source.
* Sockets share their address (``SO_REUSEADDR``), because controllers bind ``0.0.0.0:3610`` and would be shut out.
  Sharing would also let two servers take one address and one of them starve, so addresses in use are looked up first.
* A datagram that cannot be sent is lost, as datagrams are.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Iterable, Sequence
from typing import Any

import psutil

from protocols.echonet.frame import MAX_FRAME
from protocols.echonet.transport import GROUP_IPV4, PORT, Address, Outgoing, reply_address
from twins.clock import Clock
from twins.echonet.addresses import AddressError
from twins.echonet.node import TwinNode

log = logging.getLogger(__name__)

IPV6_LOOPBACK = "::1"

_LOOPBACK = "127.0.0.1"
_BURST = 64  # datagrams taken from one socket before the others have their turn
_OTHER_FILES = 64  # open files of the process beside the twins' sockets


class UdpTwins:
    """Nodes at IPv4 addresses, one each, the first also at ``[::1]`` where the machine has that.

    :meth:`open` binds, :meth:`start` begins to answer on the running event loop, :meth:`close` ends it. ``ipv6`` is the
    IPv6 address in use, or None. ``lost`` counts what could not be sent.
    """

    def __init__(self, nodes: Sequence[TwinNode], addresses: Sequence[str], clock: Clock, port: int = PORT) -> None:
        self._nodes, self._addresses = nodes, addresses
        self._clock, self._port = clock, port
        self._sockets: list[socket.socket] = []
        self._group: socket.socket | None = None
        self._six: socket.socket | None = None
        self._own = frozenset({*addresses, IPV6_LOOPBACK})
        self.lost = 0

    @property
    def ipv6(self) -> str | None:
        """The IPv6 address of the first twin."""
        return IPV6_LOOPBACK if self._six else None

    def open(self) -> None:
        """Bind all sockets. Raises :class:`AddressError` for an address that is in use or cannot be had."""
        _allow_files(len(self._addresses) + _OTHER_FILES)
        in_use = _in_use(self._port)
        for address in self._addresses:
            if address in in_use:
                raise AddressError(f"{address} port {self._port} (UDP) is in use")
        try:
            for address in self._addresses:
                self._sockets.append(_bound(socket.AF_INET, address, self._port))
                own = socket.inet_aton(address)
                self._sockets[-1].setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        except AddressError:
            self.close()
            raise
        self._group = self._join()
        if IPV6_LOOPBACK in in_use:
            log.warning("[%s]:%d (UDP) is in use, the first twin answers by IPv4 alone", IPV6_LOOPBACK, self._port)
        else:
            self._six = self._bind_six()

    def start(self) -> None:
        """Begin to answer, and tell everybody which objects there are."""
        loop = asyncio.get_running_loop()
        for place, own in enumerate(self._sockets):
            loop.add_reader(own, self._hear, own, place)
        if self._group:
            loop.add_reader(self._group, self._hear_group, self._group)
        if self._six:
            loop.add_reader(self._six, self._hear, self._six, 0)
        for place, node in enumerate(self._nodes):
            self.send(place, node.announce())

    def close(self) -> None:
        """Close all sockets."""
        for each in (*self._sockets, self._group, self._six):
            if each is not None:
                _forget(each)
                each.close()
        self._sockets, self._group, self._six = [], None, None

    def send(self, place: int, outgoing: Iterable[Outgoing]) -> None:
        """Send unasked what a twin has to say: to the group, or to one peer."""
        for item in outgoing:
            to = GROUP_IPV4 if item.to is None else item.to
            self._transmit(self._sockets[place], item.data, (to, self._port))

    def _hear(self, own: socket.socket, place: int) -> None:
        for _ in range(_BURST):
            received = _receive(own)
            if received is None:
                return
            self._serve(own, place, *received)

    def _hear_group(self, group: socket.socket) -> None:
        for _ in range(_BURST):
            received = _receive(group)
            if received is None:
                return
            data, source = received
            if source[0] not in self._own:
                for place, own in enumerate(self._sockets):
                    self._serve(own, place, data, source, multicast=True)

    def _serve(
        self, own: socket.socket, place: int, data: bytes, source: tuple[Any, ...], multicast: bool = False
    ) -> None:
        """Let a twin take a datagram; what it says goes out through ``own``."""
        reply = source if source[0] in self._own else reply_address(source, self._port)
        for item in self._nodes[place].receive(data, source[0], self._clock.now(), multicast=multicast):
            self._transmit(own, item.data, self._target(own, item.to, reply))

    def _target(self, own: socket.socket, to: Address | None, reply: tuple[Any, ...]) -> tuple[Any, ...]:
        if to is not None or own is self._six:  # no group on IPv6: who asked is everybody
            return reply
        return (GROUP_IPV4, self._port)

    def _transmit(self, own: socket.socket, data: bytes, to: tuple[Any, ...]) -> None:
        try:
            own.sendto(data, to)
        except OSError:
            self.lost += 1

    def _join(self) -> socket.socket | None:
        try:
            group = _bound(socket.AF_INET, GROUP_IPV4, self._port)
            membership = socket.inet_aton(GROUP_IPV4) + socket.inet_aton(_LOOPBACK)
            group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        except (AddressError, OSError) as error:
            log.warning("no multicast group %s here, twins hear only what is sent to them: %s", GROUP_IPV4, error)
            return None
        return group

    def _bind_six(self) -> socket.socket | None:
        try:
            return _bound(socket.AF_INET6, IPV6_LOOPBACK, self._port)
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


def _in_use(port: int) -> set[str]:
    """Addresses at which somebody has this UDP port, wildcards included; nothing where the system does not tell."""
    try:
        return {known.laddr.ip for known in psutil.net_connections("udp") if known.laddr and known.laddr.port == port}
    except psutil.AccessDenied:
        return set()


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise AddressError(f"{count:,} open files are needed and this system allows {hard:,}: serve fewer twins")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def _forget(own: socket.socket) -> None:
    """Take a socket out of the event loop, if one runs."""
    try:
        asyncio.get_running_loop().remove_reader(own)
    except RuntimeError:
        return
