"""One IPv4 loopback address a twin: an ECHONET Lite node is known by its address alone, as the port is always 3610.

The addresses are 127.x.y.1 to 127.x.y.254, in order; 127.0.0.1 is left to clients.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address

from protocols.errors import MeterBenchError

FIRST = "127.1.0.1"
LAST = "127.255.255.254"
_HOSTS = 254  # of 256: .0 and .255 are left out
_NET = 127 << 16


class AddressError(MeterBenchError):
    """An address that no twin can have, or that somebody else has."""

    exit_code = 2


def loopback_addresses(count: int, first: str = FIRST) -> list[str]:
    """Addresses of ``count`` twins from ``first`` on; raises :class:`AddressError` when there are not so many."""
    begin = _number(first)
    room = _number(LAST) - begin + 1
    if count > room:
        raise AddressError(f"{count:,} twins need an address each, and from {first} to {LAST} there are {room:,}")
    return [_address(number) for number in range(begin, begin + count)]


def _number(address: str) -> int:
    try:
        value = int(IPv4Address(address))
    except AddressValueError:
        value = 0
    net, host = divmod(value, 256)
    if net >> 16 != 127 or not 1 <= host <= _HOSTS or address == "127.0.0.1":
        raise AddressError(f"{address} is no address for a twin: take 127.x.y.1 to 127.x.y.254, and not 127.0.0.1")
    return (net - _NET) * _HOSTS + host - 1


def _address(number: int) -> str:
    net, host = divmod(number, _HOSTS)
    return f"127.{net >> 8}.{net & 0xFF}.{host + 1}"
