"""What the addresses of a rack's instruments must be: such as their drivers take, and their emulation can have."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from bench.topology.problems import Fault
from hil_drivers.addresses import AddressKind, Place, place_of_host, place_of_visa
from hil_drivers.bridge import meter_behind
from hil_drivers.errors import AddressError
from hil_drivers.registry import DRIVERS

if TYPE_CHECKING:
    from bench.topology.rack import Instrument, Rack

LOOPBACK: Final = "give an IPv4 address of 127.0.0.0/8, or remove emulation"
"""What would be right for an address that an emulation cannot have."""

_SOCKETS: Final = {
    AddressKind.VISA: "TCPIP::127.0.0.11::5025::SOCKET",
    AddressKind.HOST: "127.0.0.11:5020",
    AddressKind.METER: "127.0.0.61:3610",
}
"""What an emulated instrument may answer at, by what its driver takes."""


def place_of(kind: AddressKind, address: str) -> Place:
    """Host and port of an address, as a driver of this kind would take it. Raises AddressError."""
    match kind:
        case AddressKind.VISA:
            return place_of_visa(address)
        case AddressKind.HOST:
            return place_of_host(address)
        case AddressKind.METER:
            host, port = meter_behind(address)
            return Place(host, port)


def check_addresses(rack: Rack) -> Iterator[Fault]:
    """Faults of addresses that no driver could use, or no emulation answer at."""
    for position, instrument in enumerate(rack.instruments):
        at, kind = ("instruments", position, "address"), DRIVERS[instrument.driver].address
        try:
            place = place_of(kind, instrument.address)
        except AddressError as error:
            what, _, right = str(error).rpartition("; ")
            yield Fault(at, what, right)
            continue
        if rack.emulation is None:
            continue
        if not can_be_emulated_at(place.host):
            yield Fault(at, "is not on this machine, where all of an emulated rack is", LOOPBACK)
        elif place.port is None or (kind is AddressKind.VISA and not instrument.address.upper().endswith("::SOCKET")):
            what = f"{instrument.address} names no port for an emulated instrument to answer at"
            yield Fault(at, what, f"give one such as {_SOCKETS[kind]}")


def is_loopback(instrument: Instrument) -> bool:
    """Whether an instrument's address is on this machine, so that what answers there can only be emulated."""
    host = place_of(DRIVERS[instrument.driver].address, instrument.address).host or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def can_be_emulated_at(host: str | None) -> bool:
    """Whether this is an IPv4 address of this machine alone, at which something can be emulated."""
    try:
        return ipaddress.IPv4Address(host or "").is_loopback
    except ValueError:
        return False
