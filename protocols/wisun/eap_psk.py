"""EAP-PSK (RFC 4764): keys, the four messages, and both roles as state machines.

A message is ``code 1 | identifier 1 | length 2 | type 47 | flags 1 | RAND_S 16 | …``; the flags' two top bits number
the messages 0…3. AES-128 throughout: AK and KDK come of the PSK, TEK, MSK and EMSK of KDK and RAND_P. The protected
channel (PCHANNEL) is EAX over one byte, with the packet's first 22 bytes as header. No extension (E flag) is supported.
Two messages of a captured exchange decode and re-encode (``reference/meter-protocols`` §2.2); their key is not known.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from protocols.errors import ProtocolError, SecurityError
from protocols.wisun.eax import TAG_BYTES, cmac, decrypt, encrypt
from protocols.wisun.errors import EncodeError

EAP_PSK = 47
MAX_IDENTITY = 966
"""Bytes of an identity: RFC 4764, 5.1."""

_RAND, _MAC, _NONCE = 16, 16, 4
_HEADER = 22
_CHANNEL = _NONCE + TAG_BYTES + 1


class EapCode(IntEnum):
    """First byte of an EAP packet (RFC 3748)."""

    REQUEST = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4


class Verdict(IntEnum):
    """R of the protected channel."""

    CONTINUE = 1
    SUCCESS = 2
    FAILURE = 3


def end(code: EapCode, identifier: int) -> bytes:
    """EAP-Success or EAP-Failure."""
    return struct.pack(">BBH", code, identifier, 4)


@dataclass(frozen=True, slots=True)
class Keys:
    """What both sides share: AK (16 bytes) authenticates, KDK (16) derives."""

    ak: bytes
    kdk: bytes

    @classmethod
    def of(cls, psk: bytes) -> Keys:
        """RFC 4764, 3.1: two blocks of the modified counter mode over a zero block."""
        if len(psk) != 16:
            raise EncodeError(f"a pre-shared key has 16 bytes, not {len(psk)}")
        ak, kdk = _blocks(psk, bytes(16), 2)
        return cls(ak, kdk)

    def session(self, rand_p: bytes) -> SessionKeys:
        """RFC 4764, 3.2: nine blocks, of which TEK takes one, MSK and EMSK four each."""
        blocks = _blocks(self.kdk, rand_p, 9)
        return SessionKeys(blocks[0], b"".join(blocks[1:5]), b"".join(blocks[5:]))


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """TEK (16 bytes) for the channel, MSK and EMSK (64 each) for whoever asked for the authentication."""

    tek: bytes
    msk: bytes
    emsk: bytes


def _blocks(key: bytes, start: bytes, count: int) -> list[bytes]:
    """The modified counter mode: E(E(start) xor 1), E(E(start) xor 2), …"""
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    seed = int.from_bytes(cipher.update(start), "big")
    return [cipher.update((seed ^ i).to_bytes(16, "big")) for i in range(1, count + 1)]


@dataclass(frozen=True, slots=True)
class First:
    """Server to peer: RAND_S, ID_S."""

    identifier: int
    rand_s: bytes
    id_s: bytes

    def to_bytes(self) -> bytes:
        """The EAP packet."""
        return _packet(EapCode.REQUEST, self.identifier, 0, self.rand_s, self.id_s)


@dataclass(frozen=True, slots=True)
class Second:
    """Peer to server: RAND_S, RAND_P, MAC_P, ID_P."""

    identifier: int
    rand_s: bytes
    rand_p: bytes
    mac_p: bytes
    id_p: bytes

    def to_bytes(self) -> bytes:
        """The EAP packet."""
        return _packet(EapCode.RESPONSE, self.identifier, 1, self.rand_s, self.rand_p + self.mac_p + self.id_p)


@dataclass(frozen=True, slots=True)
class Third:
    """Server to peer: RAND_S, MAC_S, channel (nonce 4, tag 16, ciphertext 1)."""

    identifier: int
    rand_s: bytes
    mac_s: bytes
    channel: bytes

    def to_bytes(self) -> bytes:
        """The EAP packet."""
        return _packet(EapCode.REQUEST, self.identifier, 2, self.rand_s, self.mac_s + self.channel)


@dataclass(frozen=True, slots=True)
class Fourth:
    """Peer to server: RAND_S, channel."""

    identifier: int
    rand_s: bytes
    channel: bytes

    def to_bytes(self) -> bytes:
        """The EAP packet."""
        return _packet(EapCode.RESPONSE, self.identifier, 3, self.rand_s, self.channel)


Message = First | Second | Third | Fourth


def _packet(code: EapCode, identifier: int, number: int, rand_s: bytes, rest: bytes) -> bytes:
    length = _HEADER + len(rest)
    return struct.pack(">BBHBB", code, identifier, length, EAP_PSK, number << 6) + rand_s + rest


def parse(packet: bytes) -> Message:
    """Read one of the four messages; raises ProtocolError."""
    if len(packet) < _HEADER:
        raise ProtocolError(f"EAP-PSK message of {len(packet)} bytes")
    code, identifier, length, kind, flags = struct.unpack_from(">BBHBB", packet)
    number = flags >> 6
    if length != len(packet) or kind != EAP_PSK or flags & 0x3F:
        raise ProtocolError(f"no EAP-PSK message: length {length}, type {kind}, flags {flags:02X}")
    if code != (EapCode.REQUEST if number % 2 == 0 else EapCode.RESPONSE):
        raise ProtocolError(f"EAP-PSK message {number} with code {code}")
    rand_s, rest = packet[6:_HEADER], packet[_HEADER:]
    if number == 0 and 1 <= len(rest) <= MAX_IDENTITY:
        return First(identifier, rand_s, rest)
    if number == 1 and 1 <= len(rest) - _RAND - _MAC <= MAX_IDENTITY:
        return Second(identifier, rand_s, rest[:16], rest[16:32], rest[32:])
    if number == 2 and len(rest) == _MAC + _CHANNEL:
        return Third(identifier, rand_s, rest[:_MAC], rest[_MAC:])
    if number == 3 and len(rest) == _CHANNEL:
        return Fourth(identifier, rand_s, rest)
    raise ProtocolError(f"EAP-PSK message {number} with {len(rest)} bytes")


def seal(tek: bytes, nonce: int, header: bytes, verdict: Verdict) -> bytes:
    """The protected channel of a message: nonce, tag, encrypted R; ``header`` is the packet's first 22 bytes."""
    ciphertext, tag = encrypt(tek, nonce.to_bytes(16, "big"), header, bytes([verdict << 6]))
    return nonce.to_bytes(_NONCE, "big") + tag + ciphertext


def unseal(tek: bytes, nonce: int, header: bytes, channel: bytes) -> Verdict:
    """What a protected channel says; raises SecurityError when it does not hold or its nonce is not this one."""
    if int.from_bytes(channel[:_NONCE], "big") != nonce:
        raise SecurityError("EAP-PSK: nonce out of order")
    tag, ciphertext = channel[_NONCE:-1], channel[-1:]
    plain = decrypt(tek, nonce.to_bytes(16, "big"), header, ciphertext, tag)[0]
    if plain & 0x3F or plain >> 6 == 0:
        raise SecurityError(f"EAP-PSK: result byte {plain:02X}")
    return Verdict(plain >> 6)


def _check(expected: bytes, found: bytes, what: str) -> None:
    if not constant_time.bytes_eq(expected, found):
        raise SecurityError(f"EAP-PSK: {what} does not hold")


class Progress(Enum):
    """Where a role stands."""

    START = auto()
    WAITING = auto()
    PROVED = auto()
    DONE = auto()
    FAILED = auto()


class Server:
    """The meter's role. ``msk`` is set once the peer has proved itself and agreed."""

    def __init__(self, psk: bytes, id_s: bytes, id_p: bytes, random: Callable[[int], bytes]) -> None:
        self.progress = Progress.START
        self.msk = b""
        self._keys = Keys.of(psk)
        self._id_s, self._id_p = id_s, id_p
        self._random = random
        self._rand_s = self._tek = self._pending_msk = b""
        self._identifier = 0

    def start(self) -> bytes:
        """Message 1."""
        self._rand_s = self._random(_RAND)
        self._identifier = self._random(1)[0]
        self.progress = Progress.WAITING
        return First(self._identifier, self._rand_s, self._id_s).to_bytes()

    def receive(self, packet: bytes) -> bytes:
        """The peer's message to the next one: message 3, or EAP-Success.

        A peer that does not prove itself ends in EAP-Failure and ``progress`` FAILED. Raises ProtocolError for a packet
        that is none, which changes nothing.
        """
        message = parse(packet)
        if message.identifier != self._identifier or message.rand_s != self._rand_s:
            raise ProtocolError("EAP-PSK answer to another request")
        try:
            if isinstance(message, Second) and self.progress is Progress.WAITING:
                return self._second(message)
            if isinstance(message, Fourth) and self.progress is Progress.PROVED:
                return self._fourth(message, packet)
        except SecurityError:
            self.progress = Progress.FAILED
            return end(EapCode.FAILURE, self._identifier)
        raise ProtocolError(f"EAP-PSK message out of order: {type(message).__name__}")

    def _second(self, message: Second) -> bytes:
        if message.id_p != self._id_p:
            raise SecurityError("EAP-PSK: unknown peer")
        proof = message.id_p + self._id_s + self._rand_s + message.rand_p
        _check(cmac(self._keys.ak, proof), message.mac_p, "MAC_P")
        session = self._keys.session(message.rand_p)
        self._tek, self._pending_msk = session.tek, session.msk
        self._identifier = (self._identifier + 1) & 0xFF
        mac_s = cmac(self._keys.ak, self._id_s + message.rand_p)
        draft = Third(self._identifier, self._rand_s, mac_s, bytes(_CHANNEL)).to_bytes()
        channel = seal(self._tek, 0, draft[:_HEADER], Verdict.SUCCESS)
        self.progress = Progress.PROVED
        return Third(self._identifier, self._rand_s, mac_s, channel).to_bytes()

    def _fourth(self, message: Fourth, packet: bytes) -> bytes:
        if unseal(self._tek, 1, packet[:_HEADER], message.channel) is not Verdict.SUCCESS:
            raise SecurityError("EAP-PSK: the peer declined")
        self.progress, self.msk = Progress.DONE, self._pending_msk
        return end(EapCode.SUCCESS, self._identifier)


class Peer:
    """The stick's role. ``msk`` is set once the server has proved itself and said success."""

    def __init__(self, psk: bytes, id_p: bytes, random: Callable[[int], bytes], id_s: bytes | None = None) -> None:
        """``id_s`` None: any server that knows the key."""
        self.progress = Progress.START
        self.msk = b""
        self._keys = Keys.of(psk)
        self._id_s, self._id_p = id_s, id_p
        self._random = random
        self._rand_s = self._rand_p = self._server = b""

    def receive(self, packet: bytes) -> bytes:
        """The server's message to the answer; raises ProtocolError, SecurityError for a server that is no server.

        A false server leaves ``progress`` FAILED, as does an EAP-Failure; that and EAP-Success are answered with
        nothing.
        """
        if packet[:1] in (b"\x03", b"\x04"):
            return self._end(packet)
        message = parse(packet)
        if isinstance(message, First) and self.progress in (Progress.START, Progress.WAITING):
            return self._first(message)
        if isinstance(message, Third) and self.progress is Progress.WAITING and message.rand_s == self._rand_s:
            try:
                return self._third(message, packet)
            except SecurityError:
                self.progress = Progress.FAILED
                raise
        raise ProtocolError(f"EAP-PSK message out of order: {type(message).__name__}")

    def _first(self, message: First) -> bytes:
        if self._id_s is not None and message.id_s != self._id_s:
            raise SecurityError("EAP-PSK: another server than expected")
        self._rand_s, self._server = message.rand_s, message.id_s
        self._rand_p = self._random(_RAND)
        proof = self._id_p + self._server + self._rand_s + self._rand_p
        self.progress = Progress.WAITING
        mac_p = cmac(self._keys.ak, proof)
        return Second(message.identifier, self._rand_s, self._rand_p, mac_p, self._id_p).to_bytes()

    def _third(self, message: Third, packet: bytes) -> bytes:
        _check(cmac(self._keys.ak, self._server + self._rand_p), message.mac_s, "MAC_S")
        session = self._keys.session(self._rand_p)
        if unseal(session.tek, 0, packet[:_HEADER], message.channel) is not Verdict.SUCCESS:
            raise SecurityError("EAP-PSK: the server declined")
        draft = Fourth(message.identifier, self._rand_s, bytes(_CHANNEL)).to_bytes()
        channel = seal(session.tek, 1, draft[:_HEADER], Verdict.SUCCESS)
        self.progress, self.msk = Progress.PROVED, session.msk
        return Fourth(message.identifier, self._rand_s, channel).to_bytes()

    def _end(self, packet: bytes) -> bytes:
        if len(packet) != 4 or packet[2:] != b"\x00\x04":
            raise ProtocolError(f"EAP end of {len(packet)} bytes")
        succeeded = packet[0] == EapCode.SUCCESS
        if succeeded and self.progress is not Progress.PROVED:
            raise ProtocolError("EAP-Success before the server proved itself")
        self.progress = Progress.DONE if succeeded else Progress.FAILED
        return b""
