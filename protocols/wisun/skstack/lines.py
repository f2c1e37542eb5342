"""What a stick says: each kind of line as a value that formats itself and is parsed from a line.

Lines are given without their CRLF, as Latin-1 text: raw bytes 00…FF of an ERXUDP in binary mode survive that. Parsers
raise :class:`~protocols.errors.ProtocolError`. Grammar: ``reference/meter-protocols`` §2.1; vectors §6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address

from protocols.errors import ProtocolError
from protocols.wisun.radio import (
    CHANNEL_PAGE,
    FIRST_CHANNEL,
    LAST_CHANNEL,
    MAX_UDP,
    PAIR_ID_LENGTH,
    Beacon,
    Datagram,
)
from protocols.wisun.skstack.dialect import NO_SIDE, Dialect, UdpLayout
from protocols.wisun.skstack.fields import address, characters, format_address, hex_bytes, hex_number

OK = "OK"


class FailCode(IntEnum):
    """Why a command was refused: FAIL ERnn."""

    UNSUPPORTED = 4
    ARGUMENT_COUNT = 5
    ARGUMENT = 6
    UART = 9
    EXECUTION = 10


def fail(code: FailCode) -> str:
    """The line that refuses a command."""
    return f"FAIL ER{code:02d}"


class EventNumber(IntEnum):
    """First token of EVENT (hexadecimal on the wire)."""

    NEIGHBOUR_SOLICITATION = 0x01
    NEIGHBOUR_ADVERTISEMENT = 0x02
    ECHO_REQUEST = 0x05
    ENERGY_SCAN_DONE = 0x1F
    BEACON = 0x20
    SENT = 0x21
    SCAN_DONE = 0x22
    JOIN_FAILED = 0x24
    JOINED = 0x25
    END_REQUESTED = 0x26
    ENDED = 0x27
    END_TIMED_OUT = 0x28
    EXPIRED = 0x29
    LIMIT_REACHED = 0x32
    LIMIT_RELEASED = 0x33
    WOKEN = 0xC0


_WITH_PARAMETER = frozenset({EventNumber.SENT})


@dataclass(frozen=True, slots=True)
class Event:
    """An EVENT line; ``number`` may be one this table does not know, ``parameter`` goes with SENT."""

    number: int
    address: IPv6Address | None = None
    side: int | None = None
    parameter: int | None = None

    def format(self, dialect: Dialect) -> str:
        """The line."""
        parts = ["EVENT", f"{self.number:02X}"]
        if self.address is not None:
            parts.append(format_address(self.address))
            if dialect.has_side:
                parts.append(f"{self.side or 0:X}")
            if self.parameter is not None:
                parts.append(f"{self.parameter:02X}")
        return " ".join(parts)

    @classmethod
    def parse(cls, line: str, dialect: Dialect) -> Event:
        """Read the line."""
        tokens = line.split(" ")
        if tokens[0] != "EVENT" or not 2 <= len(tokens) <= 5:
            raise ProtocolError(f"no EVENT line: {line[:60]!r}")
        number = hex_number(tokens[1], 0, 0xFF, 2)
        if len(tokens) == 2:
            return cls(number)
        rest = [hex_number(token, 0, 0xFF) for token in tokens[3:]]
        side = rest.pop(0) if dialect.has_side and rest else None
        if len(rest) > 1 or (number in _WITH_PARAMETER and not rest):
            raise ProtocolError(f"EVENT {number:02X} with {len(tokens)} tokens")
        return cls(number, address(tokens[2]), side, rest[0] if rest else None)


def format_udp(datagram: Datagram, layout: UdpLayout, side: int = 0, *, as_text: bool = True) -> str:
    """An ERXUDP line; the data as hexadecimal text (ROPT 01) or raw (ROPT 00)."""
    between = {"lqi": f"{datagram.lqi:02X}", "secured": f"{datagram.secured:d}", "side": f"{side:X}"}
    data = datagram.payload.hex().upper() if as_text else datagram.payload.decode("latin-1")
    return " ".join(
        [
            "ERXUDP",
            format_address(datagram.source),
            format_address(datagram.destination),
            f"{datagram.source_port:04X}",
            f"{datagram.destination_port:04X}",
            datagram.mac.hex().upper(),
            *(between[name] for name in layout.value),
            f"{len(datagram.payload):04X}",
            data,
        ]
    )


def udp_length(header: str) -> int:
    """DATALEN of an ERXUDP line up to that field."""
    return hex_number(header.rsplit(" ", 1)[-1], 0, MAX_UDP, 4)


def parse_udp(line: str, layout: UdpLayout, *, as_text: bool = True) -> Datagram:
    """Read an ERXUDP line of a known layout."""
    tokens = line.split(" ", layout.tokens - 1)
    if tokens[0] != "ERXUDP" or len(tokens) != layout.tokens:
        raise ProtocolError(f"ERXUDP with {len(tokens)} tokens instead of {layout.tokens}")
    between = dict(zip(layout.value, tokens[6:-2], strict=True))
    length = hex_number(tokens[-2], 0, MAX_UDP, 4)
    payload = hex_bytes(tokens[-1], length) if as_text else tokens[-1].encode("latin-1", "replace")
    if len(payload) != length:
        raise ProtocolError(f"ERXUDP announces {length} bytes and carries {len(payload)}")
    hex_number(between.get("side", "0"), 0, 1)
    return Datagram(
        address(tokens[1]),
        address(tokens[2]),
        hex_number(tokens[3], 0, 0xFFFF, 4),
        hex_number(tokens[4], 0, 0xFFFF, 4),
        hex_bytes(tokens[5], 8),
        bool(hex_number(between["secured"], 0, 1)),
        payload,
        hex_number(between.get("lqi", "0"), 0, 0xFF),
    )


_DESCRIPTION: dict[str, Callable[[str], int | bytes]] = {  # label of an EPANDESC line, and how to read it
    "Channel": lambda text: hex_number(text, FIRST_CHANNEL, LAST_CHANNEL, 2),
    "Channel Page": lambda text: hex_number(text, 0, 0xFF, 2),
    "Pan ID": lambda text: hex_number(text, 0, 0xFFFF, 4),
    "Addr": lambda text: hex_bytes(text, 8),
    "LQI": lambda text: hex_number(text, 0, 0xFF, 2),
    "Side": lambda text: hex_number(text, 0, 1),
    "PairID": lambda text: characters(text, PAIR_ID_LENGTH, PAIR_ID_LENGTH),
}


def format_description(beacon: Beacon, dialect: Dialect, side: int = 0) -> list[str]:
    """An EPANDESC block; the PairID line only when the beacon has one."""
    lines = [
        "EPANDESC",
        f"  Channel:{beacon.channel:02X}",
        f"  Channel Page:{beacon.page:02X}",
        f"  Pan ID:{beacon.pan_id:04X}",
        f"  Addr:{beacon.mac.hex().upper()}",
        f"  LQI:{beacon.lqi:02X}",
    ]
    if dialect.has_side:
        lines.append(f"  Side:{side:X}")
    if beacon.pair_id:
        lines.append(f"  PairID:{beacon.pair_id.decode('ascii')}")
    return lines


def last_label(dialect: Dialect, *, paired: bool) -> str:
    """The label of the last line of an EPANDESC block; ``paired`` if the scan was of mode ACTIVE_PAIR."""
    if paired:
        return "PairID"
    return "Side" if dialect.has_side else "LQI"


def parse_description(lines: list[str]) -> Beacon:
    """Read the indented lines of an EPANDESC block, in any order."""
    found: dict[str, int | bytes] = {}
    for line in lines:
        label, colon, text = line.strip().partition(":")
        if not colon or label not in _DESCRIPTION or label in found:
            raise ProtocolError(f"EPANDESC line {line[:40]!r}")
        found[label] = _DESCRIPTION[label](text)
    match found:
        case {"Channel": int(channel), "Pan ID": int(pan), "Addr": bytes(mac), "LQI": int(lqi)}:
            pair_id, page = found.get("PairID"), found.get("Channel Page")
            known_page = page if isinstance(page, int) else CHANNEL_PAGE
            return Beacon(channel, pan, mac, lqi, pair_id if isinstance(pair_id, bytes) else b"", known_page)
    raise ProtocolError("EPANDESC without channel, PAN id, address or LQI")


def format_energy(levels: dict[int, int]) -> list[str]:
    """An EEDSCAN answer: channel and LQI in turn, and the empty line that BP35A1 adds."""
    return ["EEDSCAN", " ".join(f"{channel:02X} {level:02X}" for channel, level in sorted(levels.items())), ""]


def parse_energy(line: str) -> dict[int, int]:
    """Read the second line of EEDSCAN: channel to LQI."""
    tokens = line.split()
    if len(tokens) % 2 or len(tokens) > 2 * (LAST_CHANNEL - FIRST_CHANNEL + 1):
        raise ProtocolError(f"EEDSCAN with {len(tokens)} values")
    values = [hex_number(token, 0, 0xFF) for token in tokens]
    return dict(zip(values[::2], values[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class Info:
    """The EINFO line: the stick's own addresses, channel, PAN, and the token that tells its dialect."""

    address: IPv6Address
    mac: bytes
    channel: int
    pan_id: int
    last: str

    def format(self) -> str:
        """The line."""
        return (
            f"EINFO {format_address(self.address)} {self.mac.hex().upper()} {self.channel:02X} {self.pan_id:04X} "
            f"{self.last}"
        )

    @classmethod
    def parse(cls, line: str) -> Info:
        """Read the line."""
        tokens = line.split(" ")
        if tokens[0] != "EINFO" or len(tokens) != 6:
            raise ProtocolError(f"no EINFO line: {line[:80]!r}")
        return cls(
            address(tokens[1]),
            hex_bytes(tokens[2], 8),
            hex_number(tokens[3], 0, 0xFF),
            hex_number(tokens[4], 0, 0xFFFF),
            tokens[5],
        )


def info_tail(dialect: Dialect, side: int = 0) -> str:
    """Last token of EINFO: FFFE, or the side."""
    return f"{side:X}" if dialect.has_side else NO_SIDE
