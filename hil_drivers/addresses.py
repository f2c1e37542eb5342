"""Where an instrument is, as its driver expects it: read without opening anything, so that a topology can be checked.

VISA resources are those of pyvisa-py (``rack-instruments`` §5.2): sockets, VXI-11 and HiSLIP over the network, serial
ports, USB and GPIB. Everything else is a host with or without a port. Nothing is looked up: a name that nobody knows
passes.
"""

from __future__ import annotations

import ipaddress
import re
from enum import Enum
from typing import Final, NamedTuple

from hil_drivers.errors import AddressError

PORTS: Final = 65_535

_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?", re.ASCII)
_DOTTED: Final = re.compile(r"[\d.]+", re.ASCII)
_TCPIP: Final = re.compile(r"TCPIP\d*", re.ASCII | re.IGNORECASE)
_DEVICE: Final = re.compile(r"(?P<name>[A-Za-z0-9_-]+)(?:,(?P<port>\d+))?", re.ASCII)  # of VXI-11 and HiSLIP
_OTHERS: Final = re.compile(
    r"ASRL(\d+|/.+?)(::INSTR)?"  # serial: a number, or the path of a device
    r"|USB\d*(::\w+){3}(::\d+)?(::(INSTR|RAW))?"
    r"|GPIB\d*::\d+(::\d+)?(::INSTR)?",
    re.ASCII | re.IGNORECASE,
)
_RIGHT_VISA: Final = "give one such as TCPIP::192.168.10.11::5025::SOCKET, ASRL/dev/ttyUSB0::INSTR or GPIB0::5::INSTR"


class AddressKind(Enum):
    """What a driver takes for an address, in the words that messages use."""

    VISA = "a VISA resource"
    HOST = "host or host:port"
    METER = "host:port of the meter behind a bridge"


class Place(NamedTuple):
    """Host and port of an address; None what it does not name, both for what is not on a network."""

    host: str | None = None
    port: int | None = None


def place_of_visa(address: str) -> Place:
    """Where a VISA resource is. Raises AddressError, which says what would be right."""
    interface, *fields = address.split("::")
    if not _TCPIP.fullmatch(interface):
        if not _OTHERS.fullmatch(address):
            raise AddressError(f"{address}: no VISA resource; {_RIGHT_VISA}")
        return Place()
    what = fields[-1].upper() if fields else ""
    if what == "SOCKET":
        if len(fields) != 3:
            raise AddressError(f"{address}: a SOCKET has a host and a port; give TCPIP::host::port::SOCKET")
        return Place(_host(address, fields[0]), _port(address, fields[1]))
    if what == "INSTR":
        fields = fields[:-1]
    if not 1 <= len(fields) <= 2:
        raise AddressError(f"{address}: no VISA resource; {_RIGHT_VISA}")
    device = _DEVICE.fullmatch(fields[1]) if len(fields) == 2 else None
    if len(fields) == 2 and (device is None or fields[1].isdecimal()):
        raise AddressError(f"{address}: {fields[1]} is no device; give TCPIP::host::port::SOCKET, or hislip0 for it")
    return Place(_host(address, fields[0]), _port(address, device["port"]) if device and device["port"] else None)


def place_of_host(address: str) -> Place:
    """Where ``host`` or ``host:port`` is. Raises AddressError, which says what would be right."""
    host, colon, port = address.partition(":")
    if "//" in address or ":" in port:
        raise AddressError(f"{address}: neither host nor host:port; give it without scheme and path")
    return Place(_host(address, host), _port(address, port) if colon else None)


def host_and_port(address: str, port: int) -> tuple[str, int]:
    """``host`` or ``host:port``, with the port that is meant without one; raises AddressError for what is neither."""
    place = place_of_host(address)
    return place.host or "", port if place.port is None else place.port


def _host(address: str, host: str) -> str:
    if not _HOST.fullmatch(host):
        raise AddressError(f"{address}: {host!r} is no host; give an IPv4 address or a name")
    if _DOTTED.fullmatch(host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise AddressError(f"{address}: {host} is no IPv4 address; give four numbers from 0 to 255") from None
    return host


def _port(address: str, port: str) -> int:
    if not (port.isascii() and port.isdigit() and 0 < int(port[:9]) <= PORTS):
        raise AddressError(f"{address}: {port!r} is no port; give 1 to {PORTS}")
    return int(port)
