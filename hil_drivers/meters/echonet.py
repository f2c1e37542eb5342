"""A meter over ECHONET Lite on UDP (``meter-protocols`` §1.1).

::

    protocol: echonet
    address: 127.1.0.1      # port 3610
    eoj: "028801"           # 028A01 or 028F01 high voltage, 028101 water, 028201 gas
    local: 127.0.0.9        # our own address, where not the one that the system would choose
    wait: 20                # seconds for an answer, where not as long as the AIF says (20 and 60)

A meter answers to port 3610 whatever port it was asked from (§8 trap 1), so we must have that port at an address of our
own, and alone: two controllers at one address take each other's answers. On loopback any free address will do.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from hil_drivers.errors import AddressError, LinkError
from hil_drivers.meters.echonet_meter import EchonetMeter
from protocols.echonet.frame import LV_METER, MAX_FRAME, Eoj
from protocols.echonet.transport import PORT

_OWN_LOOPBACK = 64  # addresses tried, from the end of 127.0.0.0/8


@dataclass(frozen=True, slots=True)
class EchonetAddress:
    """A meter's host and port, which is our port too; ``local`` and ``wait_s`` as in the module."""

    host: str
    port: int = PORT
    eoj: Eoj = LV_METER
    local: str | None = None
    wait_s: float | None = None


class UdpCarrier:
    """Datagrams to and from one host, at the port that both have."""

    def __init__(self, address: EchonetAddress) -> None:
        try:
            self._host = ipaddress.ip_address(address.host.partition("%")[0])  # who answers is compared without zone
        except ValueError:
            raise AddressError(f"{address.host} is no IP address") from None
        self._address = address
        self._socket: socket.socket | None = None

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self._address.host}:{self._address.port}"

    @property
    def wait_s(self) -> float | None:
        """As the address says."""
        return self._address.wait_s

    def send(self, data: bytes) -> None:
        """Send a datagram, over a socket that is made for the first."""
        if self._socket is None:
            self._socket = self._bound()
        try:
            self._socket.sendto(data, _whole(self._address.host, self._address.port))
        except OSError as error:
            raise LinkError(f"{self.place}: {error.strerror or error}") from error

    def receive(self, deadline: float) -> bytes | None:
        """The next datagram from the host; others are passed over."""
        link = self._socket
        while link is not None and (left := deadline - time.monotonic()) > 0:
            link.settimeout(left)
            try:
                data, source = link.recvfrom(MAX_FRAME + 1)
            except TimeoutError:
                return None
            except OSError as error:
                raise LinkError(f"{self.place}: {error.strerror or error}") from error
            if ipaddress.ip_address(source[0].partition("%")[0]) == self._host:
                return data
        return None

    def close(self) -> None:
        """Give the port back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _bound(self) -> socket.socket:
        """A socket at our port: at the address told, else at the system's choice, on loopback at any that is free."""
        family = socket.AF_INET6 if self._host.version == 6 else socket.AF_INET
        refused: OSError | None = None
        for local in self._own_addresses(family):
            link = socket.socket(family, socket.SOCK_DGRAM)
            try:
                link.bind(_whole(local, self._own_port(local)))
                return link
            except OSError as error:
                link.close()
                refused = error
        raise LinkError(
            f"port {self._address.port} (UDP), to which {self.place} would answer, cannot be had here"
            f" ({refused and refused.strerror}): end what has it, or give another address of ours with local"
        )

    def _own_addresses(self, family: socket.AddressFamily) -> Iterator[str]:
        if self._address.local is not None:
            yield self._address.local
            return
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(_whole(self._address.host, self._address.port))  # sends nothing
                chosen, _port, *zone = probe.getsockname()
        except OSError as error:
            raise LinkError(f"{self.place}: {error.strerror or error}") from error
        yield f"{chosen}%{zone[1]}" if zone and zone[1] else chosen
        if self._host.version == 4 and self._host.is_loopback:
            last = int(ipaddress.IPv4Address("127.255.255.254"))
            yield from (str(ipaddress.IPv4Address(last - step)) for step in range(_OWN_LOOPBACK))

    def _own_port(self, local: str) -> int:
        """Beside a meter at our own address its port is taken, and it answers to where it was asked from."""
        return 0 if ipaddress.ip_address(local.partition("%")[0]) == self._host else self._address.port


def _whole(host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]:
    """The address as sockets want it: of host and port alone, they forget the zone of a link-local one."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][4]


class UdpEchonetMeter(EchonetMeter):
    """One meter on UDP."""

    protocol = "echonet"

    def __init__(self, address: EchonetAddress) -> None:
        self.address = address
        super().__init__(UdpCarrier(address), address.eoj)
