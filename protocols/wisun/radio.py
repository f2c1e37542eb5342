"""What lies under every stick: addresses, channels, and the words between a stick and its radio.

An emulated stick turns commands of its host into the requests below; the radio (a twin's field) answers by calling
the methods of :class:`Stick`. Sources: ``reference/meter-protocols`` §2.1 to §2.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address
from typing import Protocol, TypeAlias

from protocols.wisun.errors import EncodeError

ECHONET_PORT = 0x0E1A
PANA_PORT = 0x02CC
ALL_NODES = IPv6Address("ff02::1")
MAX_UDP = 1232
"""Bytes of one datagram: 04D0 in SKSENDTO, the same in the J11 dialect."""

CHANNEL_PAGE = 9
FIRST_CHANNEL, LAST_CHANNEL = 33, 60
ID_LENGTH, PASSWORD_LENGTH, PAIR_ID_LENGTH, MAC_LENGTH = 32, 12, 8, 8

_RSSI_PER_LQI, _RSSI_FLOOR = 0.275, -104.27


def rssi_dbm(lqi: int) -> float:
    """Received power in dBm of a link quality 0…255: 0.275·LQI − 104.27 (§2.1, from the BP35A1 reference)."""
    return _RSSI_PER_LQI * lqi + _RSSI_FLOOR


def lqi(rssi: float) -> int:
    """The link quality a stick reports for a received power in dBm; it saturates at 0 and 255 (−104.3 and −34.1)."""
    return min(255, max(0, round((rssi - _RSSI_FLOOR) / _RSSI_PER_LQI)))


def channel_mhz(channel: int) -> float:
    """Centre frequency of channel 33…60 (§2.1: 922.5 to 927.9 MHz in steps of 0.2)."""
    return 922.5 + 0.2 * (channel - FIRST_CHANNEL)


def scan_seconds(channels: int, duration: int) -> float:
    """Seconds of a scan: 9.6 ms · (2^duration + 1) a channel (§2.1; 28 channels, duration 6: 17.5 s)."""
    return float(channels * 0.0096 * (2**duration + 1))


def link_local(mac: bytes) -> IPv6Address:
    """The link-local address of a 64-bit MAC address: FE80::/64 and the MAC with its universal/local bit flipped."""
    if len(mac) != MAC_LENGTH:
        raise EncodeError(f"a MAC address has {MAC_LENGTH} bytes, not {len(mac)}")
    return IPv6Address(b"\xfe\x80" + bytes(6) + bytes([mac[0] ^ 0x02]) + mac[1:])


def mac_of(address: IPv6Address) -> bytes:
    """The MAC address that :func:`link_local` made this address of."""
    tail = address.packed[8:]
    return bytes([tail[0] ^ 0x02]) + tail[1:]


@dataclass(frozen=True, slots=True)
class Credentials:
    """B-route id (32 characters) and password (12): requirement B3. The password does not show in a ``repr``."""

    route_b_id: bytes
    password: bytes

    def __post_init__(self) -> None:
        for name, value, size in (("id", self.route_b_id, ID_LENGTH), ("password", self.password, PASSWORD_LENGTH)):
            if len(value) != size or not value.isalnum():
                raise EncodeError(f"a B-route {name} has {size} letters and digits")

    def __repr__(self) -> str:
        return f"Credentials({self.route_b_id!r}, …)"

    @property
    def pair_id(self) -> bytes:
        """The last 8 characters of the id: what a meter's beacon carries, so that a scan finds it."""
        return self.route_b_id[-PAIR_ID_LENGTH:]


@dataclass(frozen=True, slots=True)
class Beacon:
    """A meter's answer to an active scan; ``channel`` 33…60, ``pair_id`` 8 ASCII bytes or empty."""

    channel: int
    pan_id: int
    mac: bytes
    lqi: int
    pair_id: bytes = b""
    page: int = CHANNEL_PAGE


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram as it arrives; ``mac`` and ``lqi`` are of the hop it came over."""

    source: IPv6Address
    destination: IPv6Address
    source_port: int
    destination_port: int
    mac: bytes
    secured: bool
    payload: bytes
    lqi: int = 0


class ScanMode(IntEnum):
    """First argument of SKSCAN: energy only, meters with our pairing id only, any coordinator."""

    ENERGY = 0
    ACTIVE_PAIR = 2
    ACTIVE = 3


class SendResult(IntEnum):
    """What became of a datagram (parameter of EVENT 21); UNKNOWN if the stick never said."""

    OK = 0
    FAILED = 1
    NEIGHBOUR_SOLICITED = 2
    UNKNOWN = 0x100


@dataclass(frozen=True, slots=True)
class Scan:
    """Listen on each channel (33…60), ``seconds`` in total. Answer: ``beacon_found`` …, ``scan_finished``."""

    mode: ScanMode
    channels: tuple[int, ...]
    seconds: float
    pair_id: bytes


@dataclass(frozen=True, slots=True)
class Associate:
    """Find the meter of this pairing id on one channel and connect at MAC level. Answer: ``associated`` (J11 only)."""

    channel: int
    pair_id: bytes


@dataclass(frozen=True, slots=True)
class Join:
    """Authenticate by PANA at this address, for ``lifetime`` seconds. Answer: ``joined`` or ``join_failed``."""

    address: IPv6Address
    credentials: Credentials
    lifetime: int


@dataclass(frozen=True, slots=True)
class Rejoin:
    """Authenticate again in the running session. Answer as of :class:`Join`."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """End the PANA session. Answer: ``terminated``."""


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send a datagram. Answer: ``transmit_finished``, always: the stick takes no command before it."""

    destination: IPv6Address
    source_port: int
    destination_port: int
    secured: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ping:
    """Send an ICMP echo request. Answer: ``pong``, or nothing."""

    address: IPv6Address


@dataclass(frozen=True, slots=True)
class Reset:
    """Forget all: running scans and sessions are over, nothing of them may be answered any more."""


Request: TypeAlias = Scan | Associate | Join | Rejoin | Terminate | Transmit | Ping | Reset


class Stick(Protocol):
    """The radio's and the serial line's view of an emulated stick, whatever its dialect."""

    @property
    def tuning(self) -> tuple[int, int] | None:
        """Channel 33…60 and network id that the stick listens on, None while it has none."""

    def receive(self, data: bytes) -> None:
        """Bytes from the host, in any chunks."""

    def input_timeout(self) -> None:
        """The host fell silent in the middle of a command: it is dropped and answered with an error."""

    def output(self) -> bytes:
        """Take the bytes for the host."""

    def requests(self) -> list[Request]:
        """Take the requests to the radio."""

    def beacon_found(self, beacon: Beacon) -> None:
        """A coordinator answered the scan."""

    def scan_finished(self, energy: dict[int, int] | None = None) -> None:
        """The scan's time is over; ``energy`` maps channel to LQI after a scan of mode ENERGY."""

    def joined(self) -> None:
        """PANA ended well."""

    def join_failed(self, *, no_answer: bool = False) -> None:
        """PANA failed: refused, or the meter never answered."""

    def transmit_finished(self, result: SendResult) -> None:
        """The datagram asked for is out, or is not."""

    def udp_received(self, datagram: Datagram) -> None:
        """A datagram for the stick arrived."""

    def packet_sent(self, address: IPv6Address, result: SendResult) -> None:
        """The stick itself, while joining, sent something."""

    def neighbour_resolved(self, address: IPv6Address) -> None:
        """A neighbour advertisement arrived."""

    def sent_for(self, seconds: float) -> None:
        """How long the stick has sent since it was switched on."""

    def session_expired(self) -> None:
        """The session's lifetime is over; the stick authenticates again if it is set to."""

    def session_ended(self) -> None:
        """The meter ended the session."""

    def terminated(self, *, timed_out: bool = False) -> None:
        """The session is over because the stick asked for it."""

    def send_limit(self, reached: bool) -> None:
        """The air time of the hour is used up, or is free again (ARIB STD-T108)."""
