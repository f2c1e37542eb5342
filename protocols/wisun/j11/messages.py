"""Codes of the J11 dialect and the data that go with them (``reference/meter-protocols`` §2.3).

Readers raise :class:`~protocols.errors.ProtocolError`. ``RSSI`` travels as a byte, dBm + 256.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address

from protocols.errors import ProtocolError
from protocols.wisun.radio import (
    ALL_NODES,
    FIRST_CHANNEL,
    MAX_UDP,
    Beacon,
    Credentials,
    Datagram,
    lqi,
    rssi_dbm,
)

RESPONSE_BIT = 0x2000
BROKEN_HEADER = 0x2FFF
"""Code of the response to a frame whose header checksum is wrong, as its command cannot be believed."""

FIRST_J11_CHANNEL, LAST_J11_CHANNEL = 0x04, 0x11
CHANNEL_MASK = 0x0003FFF0
MAX_SCAN_DURATION = 14
_CHANNEL_SECONDS = 0.00964


class Command(IntEnum):
    """What a host asks."""

    OPEN_PORT = 0x0005
    TRANSMIT = 0x0008
    SCAN = 0x0051
    START_ROUTE_B = 0x0053
    SET_CREDENTIALS = 0x0054
    START_PANA = 0x0056
    END_PANA = 0x0057
    STOP_ROUTE_B = 0x0058
    SET_UP = 0x005F
    VERSION = 0x006B
    RESET = 0x00D9


class Notification(IntEnum):
    """What a stick says unasked."""

    SCAN_RESULT = 0x4051
    RECEIVED = 0x6018
    STARTED = 0x6019
    CONNECTION = 0x601A
    PANA = 0x6028
    RECEIVE_FAILED = 0x6038


class Result(IntEnum):
    """First byte of every response."""

    OK = 0x01
    INVALID_COMMAND = 0x03
    INVALID_PARAMETER = 0x04
    PORT_OPEN = 0x0A
    MAC_FAILED = 0x0E
    WRONG_MODE = 0x0F
    NOT_STARTED = 0x10
    TIMEOUT = 0x13
    ROUTE_B_RUNNING = 0x34
    AUTHENTICATING = 0x35
    NOT_SET_UP = 0x37
    BUSY = 0x3D
    PANA_NOT_SET = 0x51
    PANA_RUNNING = 0x52
    PANA_NO_PEER = 0x53
    CREDENTIALS_SET = 0x58
    HEADER_CHECKSUM = 0xF0
    DATA_CHECKSUM = 0xF1
    TOO_SHORT = 0xF2
    TOO_LONG = 0xF3


class PanaResult(IntEnum):
    """First byte of notification PANA."""

    OK = 0x01
    REFUSED = 0x02
    NO_ANSWER = 0x03


class Connection(IntEnum):
    """First byte of notification CONNECTION."""

    MAC_UP = 1
    PANA_UP = 2
    MAC_DOWN = 3
    PANA_DOWN = 4


class SendCode(IntEnum):
    """Low half of the second byte of a transmit response; only these two are documented."""

    OK = 0
    NO_ACKNOWLEDGE = 5


def arib_channel(channel: int) -> int:
    """The channel 33…59 of a J11 channel 4…17: 400 kHz apart, 922.5 MHz the first."""
    if not FIRST_J11_CHANNEL <= channel <= LAST_J11_CHANNEL:
        raise ProtocolError(f"channel {channel}")
    return FIRST_CHANNEL + 2 * (channel - FIRST_J11_CHANNEL)


def j11_channel(channel: int) -> int:
    """The J11 channel of a channel 33…60."""
    return FIRST_J11_CHANNEL + (channel - FIRST_CHANNEL) // 2


def scan_seconds(channels: int, duration: int) -> float:
    """Seconds of a scan: 9.64 ms · 2^duration a channel."""
    return float(channels * _CHANNEL_SECONDS * 2**duration)


def rssi_byte(link_quality: int) -> int:
    """The byte that stands for an LQI."""
    return (round(rssi_dbm(link_quality)) + 256) & 0xFF


def lqi_of_rssi(byte: int) -> int:
    """The LQI that a byte stands for."""
    return lqi(byte - 256)


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """Data of SCAN: duration 1…14, mask (bit n is channel n), pairing id or empty for any."""

    duration: int
    mask: int
    pair_id: bytes

    def to_bytes(self) -> bytes:
        """The data."""
        return struct.pack(">BIB", self.duration, self.mask, bool(self.pair_id)) + self.pair_id

    @classmethod
    def from_bytes(cls, data: bytes) -> ScanRequest:
        """Read the data; without pairing id the 8 bytes may be missing or anything."""
        if len(data) not in (6, 14):
            raise ProtocolError(f"scan request of {len(data)} bytes")
        duration, mask, paired = struct.unpack_from(">BIB", data)
        request = cls(duration, mask, data[6:] if paired else b"")
        if not 1 <= duration <= MAX_SCAN_DURATION or paired > 1 or mask & ~CHANNEL_MASK or not mask:
            raise ProtocolError(f"scan duration {duration}, mask {mask:08X}")
        if paired and len(request.pair_id) != 8:
            raise ProtocolError("scan without its pairing id")
        return request

    @property
    def channels(self) -> tuple[int, ...]:
        """The J11 channels asked for."""
        return tuple(c for c in range(FIRST_J11_CHANNEL, LAST_J11_CHANNEL + 1) if self.mask >> c & 1)


def scan_result(channel: int, beacons: list[Beacon]) -> bytes:
    """Data of SCAN_RESULT for one J11 channel."""
    if not beacons:
        return bytes([0x01, channel])
    rows = (b.mac + b.pan_id.to_bytes(2, "big") + bytes([rssi_byte(b.lqi)]) for b in beacons)
    return bytes([0x00, channel, len(beacons)]) + b"".join(rows)


def read_scan_result(data: bytes) -> tuple[int, list[Beacon]]:
    """The J11 channel of a SCAN_RESULT and its beacons, which carry no pairing id."""
    if len(data) < 2 or data[0] > 1:
        raise ProtocolError(f"scan result {data[:2].hex()}")
    channel = arib_channel(data[1])
    if data[0] == 1:
        return data[1], []
    if len(data) < 3 or len(data) != 3 + 11 * data[2]:
        raise ProtocolError(f"scan result of {len(data)} bytes")
    rows = [data[at : at + 11] for at in range(3, len(data), 11)]
    return data[1], [Beacon(channel, int.from_bytes(r[8:10], "big"), r[:8], lqi_of_rssi(r[10])) for r in rows]


def route_b_started(beacon: Beacon) -> bytes:
    """Data of the response to START_ROUTE_B."""
    return struct.pack(
        ">BBH8sB", Result.OK, j11_channel(beacon.channel), beacon.pan_id, beacon.mac, rssi_byte(beacon.lqi)
    )


def read_route_b_started(data: bytes) -> Beacon:
    """The meter that START_ROUTE_B connected to; the result byte is first and must be OK."""
    if len(data) != 13 or data[0] != Result.OK:
        raise ProtocolError(f"route-B start answer of {len(data)} bytes")
    _, channel, pan, mac, rssi = struct.unpack(">BBH8sB", data)
    return Beacon(arib_channel(channel), pan, mac, lqi_of_rssi(rssi))


def set_up(channel: int) -> bytes:
    """Data of SET_UP: dual mode, no HAN sleep, J11 channel, 20 mW."""
    return bytes([0x05, 0x00, channel, 0x00])


def read_set_up(data: bytes) -> int:
    """The J11 channel of a SET_UP; only dual mode serves route B."""
    if len(data) != 4 or data[0] not in (1, 2, 3, 5) or data[1] > 1 or data[3] > 2:
        raise ProtocolError(f"initial setup {data[:4].hex()}")
    arib_channel(data[2])
    return data[2]


def read_credentials(data: bytes) -> Credentials:
    """Id and password of SET_CREDENTIALS."""
    if len(data) != 44 or not data.isalnum():
        raise ProtocolError("credentials of the wrong form")  # not quoted: they are secret
    return Credentials(data[:32], data[32:])


@dataclass(frozen=True, slots=True)
class TransmitRequest:
    """Data of TRANSMIT."""

    destination: IPv6Address
    source_port: int
    destination_port: int
    payload: bytes

    def to_bytes(self) -> bytes:
        """The data."""
        head = struct.pack(
            ">16sHHH", self.destination.packed, self.source_port, self.destination_port, len(self.payload)
        )
        return head + self.payload

    @classmethod
    def from_bytes(cls, data: bytes) -> TransmitRequest:
        """Read the data."""
        if len(data) < 23:
            raise ProtocolError(f"transmit request of {len(data)} bytes")
        destination, source_port, destination_port, length = struct.unpack_from(">16sHHH", data)
        payload = data[22:]
        if length != len(payload) or length > MAX_UDP or not source_port or not destination_port:
            raise ProtocolError(f"transmit request announces {length} bytes and carries {len(payload)}")
        return cls(IPv6Address(destination), source_port, destination_port, payload)


def received(datagram: Datagram, pan_id: int) -> bytes:
    """Data of RECEIVED."""
    head = struct.pack(
        ">16sHHHBBBH",
        datagram.source.packed,
        datagram.source_port,
        datagram.destination_port,
        pan_id,
        datagram.destination.is_multicast,
        2 if datagram.secured else 1,
        rssi_byte(datagram.lqi),
        len(datagram.payload),
    )
    return head + datagram.payload


def read_received(data: bytes, own: IPv6Address, mac: bytes) -> Datagram:
    """The datagram of a RECEIVED; the frame tells no destination but whether it was to all, and no MAC address."""
    if len(data) < 27:
        raise ProtocolError(f"received data of {len(data)} bytes")
    source, source_port, port, _, multicast, secured, rssi, length = struct.unpack_from(">16sHHHBBBH", data)
    payload = data[27:]
    if length != len(payload):
        raise ProtocolError(f"received data announce {length} bytes and carry {len(payload)}")
    destination = ALL_NODES if multicast else own
    return Datagram(IPv6Address(source), destination, source_port, port, mac, secured == 2, payload, lqi_of_rssi(rssi))
