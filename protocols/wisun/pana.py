"""PANA packets (RFC 5191) as far as the B-route uses them: codec, integrity, key.

``reserved 2 | length 2 | flags 2 | type 2 | session 4 | sequence 4 | AVPs``; an AVP is ``code 2 | flags 2 | length 2 |
reserved 2 | value``, padded with zeros to 4 bytes. Readers raise :class:`~protocols.errors.ProtocolError`. Four packets
of a captured join are the vectors (``reference/meter-protocols`` §2.2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from cryptography.hazmat.primitives import constant_time, hashes, hmac

from protocols.errors import ProtocolError, SecurityError
from protocols.wisun.errors import EncodeError

MAX_PACKET = 1232
"""Bytes of a packet: one datagram of the stick."""

PRF_HMAC_SHA2_256 = 5
AUTH_HMAC_SHA2_256_128 = 12
KEY_BYTES = 32
AUTH_BYTES = 16

_HEADER = struct.Struct(">HHHHII")
_AVP = struct.Struct(">HHHH")
_VENDOR = 0x8000


class Flag(IntFlag):
    """Flags of the header."""

    REQUEST = 0x8000
    START = 0x4000
    COMPLETE = 0x2000
    AUTHENTICATE = 0x1000
    PING = 0x0800
    RECONFIGURATION = 0x0400


class Type(IntEnum):
    """Message types; request or answer is a flag."""

    INITIATION = 1
    AUTH = 2
    TERMINATION = 3
    NOTIFICATION = 4


class AvpCode(IntEnum):
    """AVPs of the protocol."""

    AUTH = 1
    EAP = 2
    INTEGRITY = 3
    KEY_ID = 4
    NONCE = 5
    PRF = 6
    RESULT = 7
    LIFETIME = 8
    TERMINATION_CAUSE = 9


class ResultCode(IntEnum):
    """Values of Result-Code."""

    SUCCESS = 0
    AUTHENTICATION_REJECTED = 1
    AUTHORIZATION_REJECTED = 2


class TerminationCause(IntEnum):
    """Values of Termination-Cause that this bench sends."""

    LOGOUT = 1
    ADMINISTRATIVE = 4
    SESSION_TIMEOUT = 8


@dataclass(frozen=True, slots=True)
class Avp:
    """One attribute-value pair without vendor."""

    code: int
    value: bytes

    @classmethod
    def number(cls, code: AvpCode, value: int) -> Avp:
        """An AVP of one unsigned 32-bit number."""
        return cls(code, value.to_bytes(4, "big"))

    def to_bytes(self) -> bytes:
        """The AVP with its padding."""
        return _AVP.pack(self.code, 0, len(self.value), 0) + self.value + bytes(-len(self.value) % 4)


@dataclass(frozen=True, slots=True)
class Packet:
    """One PANA message."""

    flags: Flag
    type: Type
    session: int
    sequence: int
    avps: tuple[Avp, ...] = ()

    def to_bytes(self) -> bytes:
        """The packet; raises EncodeError if it does not fit a datagram."""
        body = b"".join(avp.to_bytes() for avp in self.avps)
        length = _HEADER.size + len(body)
        if length > MAX_PACKET:
            raise EncodeError(f"a PANA packet of {length} bytes, {MAX_PACKET} fit")
        return _HEADER.pack(0, length, self.flags, self.type, self.session, self.sequence) + body

    @classmethod
    def from_bytes(cls, raw: bytes) -> Packet:
        """Read the packet."""
        if not _HEADER.size <= len(raw) <= MAX_PACKET:
            raise ProtocolError(f"PANA packet of {len(raw)} bytes")
        _, length, flags, kind, session, sequence = _HEADER.unpack_from(raw)
        if length != len(raw):
            raise ProtocolError(f"PANA packet announces {length} bytes and has {len(raw)}")
        try:
            type_ = Type(kind)
        except ValueError:
            raise ProtocolError(f"PANA message type {kind}") from None
        return cls(Flag(flags & sum(Flag)), type_, session, sequence, _avps(raw))

    @property
    def is_request(self) -> bool:
        """Whether it wants an answer."""
        return bool(self.flags & Flag.REQUEST)

    def find(self, code: AvpCode) -> bytes | None:
        """The value of the first AVP of this code, or None."""
        return next((avp.value for avp in self.avps if avp.code == code), None)

    def get(self, code: AvpCode) -> bytes:
        """The value of an AVP that must be there."""
        value = self.find(code)
        if value is None:
            raise ProtocolError(f"PANA packet without {code.name}")
        return value

    def number(self, code: AvpCode) -> int:
        """The value of an AVP that must be there and be one number."""
        value = self.get(code)
        if len(value) != 4:
            raise ProtocolError(f"PANA {code.name} of {len(value)} bytes")
        return int.from_bytes(value, "big")

    def numbers(self, code: AvpCode) -> set[int]:
        """The values of all AVPs of this code that are numbers."""
        return {int.from_bytes(avp.value, "big") for avp in self.avps if avp.code == code and len(avp.value) == 4}


def _avps(raw: bytes) -> tuple[Avp, ...]:
    avps: list[Avp] = []
    at = _HEADER.size
    while at < len(raw):
        if len(raw) - at < _AVP.size:
            raise ProtocolError(f"PANA: {len(raw) - at} bytes after the last AVP")
        code, flags, length, _ = _AVP.unpack_from(raw, at)
        start = at + _AVP.size
        at = start + length + (-length % 4)
        if flags & _VENDOR or at > len(raw):
            raise ProtocolError(f"PANA AVP {code} of {length} bytes, flags {flags:04X}")
        avps.append(Avp(code, raw[start : start + length]))
    return tuple(avps)


def _prf(key: bytes, data: bytes) -> bytes:
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(data)
    return mac.finalize()


def prf_plus(key: bytes, seed: bytes, size: int) -> bytes:
    """``size`` bytes of prf+ (RFC 4306, 2.13) over HMAC-SHA2-256."""
    out = block = b""
    for counter in range(1, -(-size // 32) + 1):
        block = _prf(key, block + seed + bytes([counter]))
        out += block
    return out[:size]


@dataclass(frozen=True, slots=True)
class Association:
    """A PANA security association: the key that signs and its id."""

    key_id: int
    key: bytes

    @classmethod
    def derive(
        cls, msk: bytes, key_id: int, first_request: bytes, first_answer: bytes, pac_nonce: bytes, paa_nonce: bytes
    ) -> Association:
        """PANA_AUTH_KEY (RFC 5191, 5.3) of the MSK, the two packets with the S flag, and the nonces."""
        seed = b"IETF PANA" + first_request + first_answer + pac_nonce + paa_nonce + key_id.to_bytes(4, "big")
        return cls(key_id, prf_plus(msk, seed, KEY_BYTES))

    def sign(self, packet: Packet) -> Packet:
        """The packet with an AUTH AVP at its end: HMAC-SHA2-256-128 over all of it, AUTH itself zero."""
        blank = Packet(*_fields(packet), (*packet.avps, Avp(AvpCode.AUTH, bytes(AUTH_BYTES))))
        value = _prf(self.key, blank.to_bytes())[:AUTH_BYTES]
        return Packet(*_fields(packet), (*packet.avps, Avp(AvpCode.AUTH, value)))

    def verify(self, packet: Packet) -> None:
        """Raises SecurityError when the packet has no AUTH AVP or one that does not hold."""
        found = packet.find(AvpCode.AUTH)
        blanked = tuple(Avp(AvpCode.AUTH, bytes(len(a.value))) if a.code == AvpCode.AUTH else a for a in packet.avps)
        expected = _prf(self.key, Packet(*_fields(packet), blanked).to_bytes())[:AUTH_BYTES]
        if found is None or not constant_time.bytes_eq(expected, found):
            raise SecurityError("PANA: AUTH does not hold")


def _fields(packet: Packet) -> tuple[Flag, Type, int, int]:
    return packet.flags, packet.type, packet.session, packet.sequence


@dataclass(frozen=True, slots=True)
class Retransmission:
    """How often an unanswered request is sent again: seconds before the first time, doubling to at most ``maximum``.

    ``attempts`` counts all sendings. RFC 5191's defaults (section 9) are 1 s, 30 s, 10 without its random tenth; the
    default here is what sticks are seen to do: 2, 4, 8, 8, 8, 8 s, 38 s in all (momonga's notes; unverified).
    """

    initial: float = 2.0
    maximum: float = 8.0
    attempts: int = 6

    @property
    def patience(self) -> float:
        """Seconds from the first sending to giving up."""
        return sum(self.wait(sent) for sent in range(1, self.attempts + 1))

    def wait(self, sent: int) -> float:
        """Seconds to wait after sending number ``sent``, counted from 1."""
        return min(self.maximum, self.initial * 2.0 ** (sent - 1))


RFC_5191 = Retransmission(1.0, 30.0, 10)
