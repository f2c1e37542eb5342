"""Where ECHONET Lite frames travel over UDP, and where an answer goes (``meter-protocols`` §1.1, §8 trap 1).

An answer goes to port 3610 of the peer, *whatever port the request came from*: many controllers send from one socket
and listen on another. So addresses inside this package name a host and no port.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, TypeAlias

PORT = 3610
GROUP_IPV4 = "224.0.23.0"
GROUP_IPV6 = "ff02::1"

Address: TypeAlias = Hashable
"""A peer as the carrier names it, without a port: an IP address as text, or the name of a link of a radio stick."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame to be sent: to one peer, or to the multicast group when ``to`` is None."""

    data: bytes
    to: Address | None


def reply_address(source: tuple[Any, ...], port: int = PORT) -> tuple[Any, ...]:
    """A socket's source address with the port an answer goes to; an IPv6 scope and flow label are kept.

    Another ``port`` is for networks of tests in which everybody uses it.
    """
    return (source[0], port, *source[2:])
