"""Opening and closing an association: AARQ, AARE, RLRQ, RLRE (ACSE in BER, IEC 62056-5-3).

``user_information`` is the xDLMS APDU inside, as bytes:
it may be ciphered, and is read in :mod:`protocols.dlms.initiate`. Fields that DLMS leaves to the maker (called titles,
invocation identifiers, certificates, implementation information) are accepted and dropped. Vectors:
``meter-protocols`` §3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocols.dlms.apdu import code
from protocols.dlms.axdr import Reader, encode_length
from protocols.errors import ProtocolError

AARQ_TAG: Final = 0x60
AARE_TAG: Final = 0x61
RLRQ_TAG: Final = 0x62
RLRE_TAG: Final = 0x63

_NAME_PREFIX = bytes.fromhex("6085740508")  # joint-iso-ccitt(2) country(16) 756 identified-organisation(5) DLMS-UA(8)
_CONTEXT = b"\x06\x07" + _NAME_PREFIX + b"\x01"
_MECHANISM = _NAME_PREFIX + b"\x02"
_AUTHENTICATION_WANTED = b"\x07\x80"  # bit string of one bit, 7 unused
_LONGEST_TITLE = 32
_LONGEST_SECRET = 64


class Context(IntEnum):
    """Application context names; those with short names are known only so that they can be refused by name."""

    PLAIN = 1
    SHORT_NAMES_PLAIN = 2
    CIPHERED = 3
    SHORT_NAMES_CIPHERED = 4


class Mechanism(IntEnum):
    """Authentication mechanisms that exist; which ones are served is the server's choice."""

    NONE = 0
    LLS = 1
    HLS = 2
    HLS_MD5 = 3
    HLS_SHA1 = 4
    HLS_GMAC = 5
    HLS_SHA256 = 6
    HLS_ECDSA = 7


class Result(IntEnum):
    """What became of an association request."""

    ACCEPTED = 0
    REJECTED_PERMANENT = 1
    REJECTED_TRANSIENT = 2


class Diagnostic(IntEnum):
    """Why, in the words of the ACSE service user."""

    NULL = 0
    NO_REASON = 1
    CONTEXT_NOT_SUPPORTED = 2
    CALLING_TITLE_NOT_RECOGNIZED = 3
    MECHANISM_NOT_RECOGNISED = 11
    MECHANISM_REQUIRED = 12
    AUTHENTICATION_FAILURE = 13
    AUTHENTICATION_REQUIRED = 14


class ReleaseReason(IntEnum):
    """Reason of a release; 1 is *urgent* in a request and *not finished* in a response."""

    NORMAL = 0
    URGENT_OR_NOT_FINISHED = 1
    USER_DEFINED = 30


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """AARQ. ``title`` is the client's system title, ``secret`` its password or challenge; both empty when absent."""

    context: Context
    user_information: bytes
    mechanism: Mechanism = Mechanism.NONE
    title: bytes = b""
    secret: bytes = b""

    def to_bytes(self) -> bytes:
        """The APDU."""
        authentication = b""
        if self.mechanism is not Mechanism.NONE:
            authentication = _field(0x8A, _AUTHENTICATION_WANTED) + _field(0x8B, _MECHANISM + bytes([self.mechanism]))
        return _field(
            AARQ_TAG,
            _field(0xA1, _CONTEXT + bytes([self.context]))
            + _octets_field(0xA6, self.title)
            + authentication
            + (_field(0xAC, _field(0x80, self.secret)) if self.secret else b"")
            + _octets_field(0xBE, self.user_information),
        )

    @classmethod
    def from_bytes(cls, apdu: bytes) -> AssociationRequest:
        """Read the APDU."""
        fields = _fields(apdu, AARQ_TAG, _AARQ_FIELDS)
        return cls(
            _context(fields),
            _octets(fields, "user information"),
            _mechanism(fields),
            _short(_octets(fields, "title"), _LONGEST_TITLE, "a system title"),
            _secret(fields),
        )


@dataclass(frozen=True, slots=True)
class AssociationResponse:
    """AARE. ``title`` is the server's system title, ``secret`` its challenge; both empty when absent.

    ``by_provider`` marks a diagnostic of the ACSE provider, whose codes are 0 null, 1 no reason, 2 no common version.
    """

    context: Context
    result: Result
    diagnostic: int
    user_information: bytes = b""
    mechanism: Mechanism = Mechanism.NONE
    title: bytes = b""
    secret: bytes = b""
    by_provider: bool = False

    def to_bytes(self) -> bytes:
        """The APDU."""
        authentication = b""
        if self.mechanism is not Mechanism.NONE:
            authentication = _field(0x88, _AUTHENTICATION_WANTED) + _field(0x89, _MECHANISM + bytes([self.mechanism]))
        source = 0xA2 if self.by_provider else 0xA1
        return _field(
            AARE_TAG,
            _field(0xA1, _CONTEXT + bytes([self.context]))
            + _field(0xA2, _field(0x02, bytes([self.result])))
            + _field(0xA3, _field(source, _field(0x02, bytes([self.diagnostic]))))
            + _octets_field(0xA4, self.title)
            + authentication
            + (_field(0xAA, _field(0x80, self.secret)) if self.secret else b"")
            + _octets_field(0xBE, self.user_information),
        )

    @classmethod
    def from_bytes(cls, apdu: bytes) -> AssociationResponse:
        """Read the APDU."""
        fields = _fields(apdu, AARE_TAG, _AARE_FIELDS)
        result = code(Result, _small_integer(_need(fields, "result")))
        diagnostic = Reader(_need(fields, "diagnostic"))
        source = diagnostic.integer(1)
        if source not in (0xA1, 0xA2):
            raise ProtocolError(f"a diagnostic from {source:02x}")
        reason = _small_integer(diagnostic.take(diagnostic.length()))
        diagnostic.end()
        return cls(
            _context(fields),
            result,
            reason,
            _octets(fields, "user information"),
            _mechanism(fields),
            _short(_octets(fields, "title"), _LONGEST_TITLE, "a system title"),
            _secret(fields),
            source == 0xA2,
        )


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """RLRQ; ``reason`` may be absent."""

    reason: ReleaseReason | None = ReleaseReason.NORMAL
    user_information: bytes = b""

    def to_bytes(self) -> bytes:
        """The APDU."""
        return _release_to_bytes(RLRQ_TAG, self.reason, self.user_information)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ReleaseRequest:
        """Read the APDU."""
        return cls(*_read_release(apdu, RLRQ_TAG))


@dataclass(frozen=True, slots=True)
class ReleaseResponse:
    """RLRE; ``reason`` may be absent."""

    reason: ReleaseReason | None = ReleaseReason.NORMAL
    user_information: bytes = b""

    def to_bytes(self) -> bytes:
        """The APDU."""
        return _release_to_bytes(RLRE_TAG, self.reason, self.user_information)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ReleaseResponse:
        """Read the APDU."""
        return cls(*_read_release(apdu, RLRE_TAG))


_AARQ_FIELDS: Final = {
    0x80: "protocol version",
    0xA1: "context",
    0xA2: "called title",
    0xA3: "called qualifier",
    0xA4: "called process invocation",
    0xA5: "called entity invocation",
    0xA6: "title",
    0xA7: "qualifier",
    0xA8: "process invocation",
    0xA9: "entity invocation",
    0x8A: "requirements",
    0x8B: "mechanism",
    0xAC: "secret",
    0xBD: "implementation information",
    0xBE: "user information",
}
_AARE_FIELDS: Final = {
    0x80: "protocol version",
    0xA1: "context",
    0xA2: "result",
    0xA3: "diagnostic",
    0xA4: "title",
    0xA5: "qualifier",
    0xA6: "process invocation",
    0xA7: "entity invocation",
    0x88: "requirements",
    0x89: "mechanism",
    0xAA: "secret",
    0xBD: "implementation information",
    0xBE: "user information",
}
_RELEASE_FIELDS: Final = {0x80: "reason", 0xBE: "user information"}


def _field(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + encode_length(len(content)) + content


def _octets_field(tag: int, content: bytes) -> bytes:
    """An explicitly tagged octet-string, or nothing."""
    return _field(tag, _field(0x04, content)) if content else b""


def _fields(apdu: bytes, tag: int, names: Mapping[int, str]) -> dict[str, bytes]:
    """Contents of the fields by name: each known, and none of them twice."""
    reader = Reader(_whole(apdu, tag))
    fields: dict[str, bytes] = {}
    while reader.left:
        name = names.get(found := reader.integer(1))
        if name is None or name in fields:
            raise ProtocolError(f"APDU {tag:02x}: field {found:02x} is unknown or there twice")
        fields[name] = reader.take(reader.length())
    return fields


def _whole(raw: bytes, tag: int) -> bytes:
    """Content of the one BER element that these bytes are."""
    reader = Reader(raw)
    reader.expect(bytes([tag]), "BER tag")
    content = reader.take(reader.length())
    reader.end()
    return content


def _need(fields: Mapping[str, bytes], name: str) -> bytes:
    if name not in fields:
        raise ProtocolError(f"no {name}")
    return fields[name]


def _context(fields: Mapping[str, bytes]) -> Context:
    raw = _need(fields, "context")
    if raw[:-1] != _CONTEXT:
        raise ProtocolError(f"application context name {raw.hex()}")
    return code(Context, raw[-1])


def _mechanism(fields: Mapping[str, bytes]) -> Mechanism:
    raw = fields.get("mechanism")
    if raw is None:
        return Mechanism.NONE
    if raw[:-1] != _MECHANISM:
        raise ProtocolError(f"mechanism name {raw.hex()}")
    return code(Mechanism, raw[-1])


def _octets(fields: Mapping[str, bytes], name: str) -> bytes:
    return _whole(fields[name], 0x04) if name in fields else b""


def _secret(fields: Mapping[str, bytes]) -> bytes:
    """The authentication value, of which only the choice *character string* is known."""
    return _short(_whole(fields["secret"], 0x80), _LONGEST_SECRET, "a secret") if "secret" in fields else b""


def _short(raw: bytes, longest: int, what: str) -> bytes:
    if len(raw) > longest:
        raise ProtocolError(f"{what} of {len(raw)} bytes, at most {longest} are allowed")
    return raw


def _small_integer(raw: bytes) -> int:
    value = _whole(raw, 0x02)
    if len(value) != 1 or value[0] > 0x7F:
        raise ProtocolError(f"a code {value.hex()}")
    return value[0]


def _release_to_bytes(tag: int, reason: ReleaseReason | None, user_information: bytes) -> bytes:
    head = b"" if reason is None else _field(0x80, bytes([reason]))
    return _field(tag, head + _octets_field(0xBE, user_information))


def _read_release(apdu: bytes, tag: int) -> tuple[ReleaseReason | None, bytes]:
    fields = _fields(apdu, tag, _RELEASE_FIELDS)
    reason = None
    if "reason" in fields:
        reader = Reader(fields["reason"])
        reason = code(ReleaseReason, reader.integer(1))
        reader.end()
    return reason, _octets(fields, "user information")
