"""What a PLC bridge can do: the box between Ethernet and the power line that a meter with G3-PLC lies on.

The B-route of a meter over G3-PLC is ECHONET Lite on UDP, port 3610, on IPv6 and 6LoWPAN (ITU-T G.9903; in Japan TTC
JJ-300.11, 154.7-403.1 kHz; keys by the adaptation layer's bootstrapping, LBP). So a bridge forwards datagrams, and that
is all that each of them does. How the bridge itself is spoken to is not known of any that is sold in Japan: no open
description was found. Maker's kits of modems have serial interfaces of their own (Microchip's G3 Modem: MAC and
adaptation layer over USI), which are no bridges.

Sources: ``field-network`` §5 (bands, the B-route's second choice), ``meter-protocols`` §1.1 (UDP, port 3610); the stack
of JJ-300.11 after JSCA's guideline for the operation of the B-route, seen as a transcript only: not verified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final, Protocol

from hil_drivers.errors import AddressError, UnsupportedError
from hil_drivers.guard import DeviceIdentity
from protocols.echonet.transport import PORT

_PORTS: Final = 65_535
_ADDRESS: Final = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?", re.ASCII)


class BridgeCan(Enum):
    """What may be asked of a bridge, in the words that messages use."""

    FORWARD = "forwarding"
    LEVEL = "the level on the line"
    JOIN = "joining a network"


@dataclass(frozen=True, slots=True)
class BridgeCapabilities:
    """What it can do; all of them forward."""

    can: frozenset[BridgeCan] = frozenset({BridgeCan.FORWARD})


@dataclass(frozen=True, slots=True)
class LineLink:
    """What probes through the bridge found: how many were ``sent`` and ``answered``, and the time there and back in s.

    ``seconds`` is the median over those that were answered, ``longest`` the longest; None when none was.
    """

    sent: int
    answered: int
    seconds: float | None
    longest: float | None

    @property
    def reachable(self) -> bool:
        """Whether anything came back."""
        return self.answered > 0


@dataclass(frozen=True, slots=True)
class LineLevel:
    """Signal on the line above the noise, in dB, as the bridge's own receiver measures it."""

    snr_db: float


class PlcBridge(Protocol):
    """A bridge. Drivers derive from this class and replace what they can do; all else refuses.

    Calls block until there is an answer or its time is over; errors are those of :mod:`hil_drivers.errors`.
    """

    capabilities: ClassVar[BridgeCapabilities] = BridgeCapabilities()
    place: str

    def identity(self) -> DeviceIdentity:
        """Who answers through it."""

    def link(self, probes: int = 5) -> LineLink:
        """Send so many probes, one after the other; silence is a finding here, and no error."""

    def level(self) -> LineLevel:
        """What the bridge's receiver measures."""
        raise self.unsupported(BridgeCan.LEVEL)

    def join(self) -> None:
        """Join the network of the meter."""
        raise self.unsupported(BridgeCan.JOIN)

    def safe(self) -> None:
        """Bring it into its safe state."""

    def close(self) -> None:
        """Let go of it."""

    def unsupported(self, what: BridgeCan) -> UnsupportedError:
        """The error that says what this bridge has no words for."""
        can = ", ".join(sorted(each.value for each in self.capabilities.can))
        return UnsupportedError(f"{self.place}: this bridge has no words for {what.value}; it can do {can}")


def meter_behind(address: str) -> tuple[str, int]:
    """Host and port of the meter behind a bridge: ``host``, ``host:port``, ``[IPv6]`` or ``[IPv6]:port``.

    Raises :class:`AddressError` for what is none of them.
    """
    found = _ADDRESS.fullmatch(address)
    port = int(found["port"] or PORT) if found else 0
    if found is None or not 0 < port <= _PORTS:
        raise AddressError(f"{address}: no address of a meter; give host:port, or [IPv6]:port")
    return found["six"] or found["host"], port
