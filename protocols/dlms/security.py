"""Ciphering of one APDU: DLMS/COSEM security suite 0 (AES-128-GCM, 12-byte tag, RFC 3394 key wrap).

IV = system title of the *sender* (8 bytes) | invocation counter u32. So a meter and its head-end may share a key
without ever sharing an IV, as long as each counts under its own title. Vectors: ``meter-protocols`` §3.2. Whether a
counter is fresh is decided elsewhere (:mod:`protocols.dlms.replay`): here is no state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocols.dlms.axdr import Reader, encode_length
from protocols.dlms.errors import EncodeError
from protocols.errors import ProtocolError, SecurityError

AUTHENTICATED = 0x10
ENCRYPTED = 0x20
AUTHENTICATED_ENCRYPTED = 0x30
"""Security control byte: bits 0-3 suite (0), 4 authentication, 5 encryption, 6 broadcast key, 7 compression."""

GENERAL_GLO = 0xDB
TITLE_BYTES = 8
KEY_BYTES = 16
TAG_BYTES = 12

GLO_TAGS = {0x01: 0x21, 0x08: 0x28, 0xC0: 0xC8, 0xC1: 0xC9, 0xC3: 0xCB, 0xC4: 0xCC, 0xC5: 0xCD, 0xC7: 0xCF}
"""Tag of a plain service to tag of its glo-ciphered form."""

KeyLookup: TypeAlias = Callable[[bytes], tuple[bytes, bytes] | None]
"""System title to (encryption key, authentication key), or None for a stranger."""

_CONTROLS = (AUTHENTICATED, ENCRYPTED, AUTHENTICATED_ENCRYPTED)
_STRONG = frozenset({AUTHENTICATED_ENCRYPTED})


def protect_general(
    plain: bytes, title: bytes, counter: int, key: bytes, auth_key: bytes, control: int = AUTHENTICATED_ENCRYPTED
) -> bytes:
    """General-glo-ciphering (DB) of an APDU; the message names its sender's system title."""
    secured = _seal(plain, title, counter, key, auth_key, control)
    return bytes([GENERAL_GLO, TITLE_BYTES]) + title + encode_length(len(secured)) + secured


def unprotect_general(apdu: bytes, key_for: KeyLookup, allowed: Collection[int] = _STRONG) -> tuple[bytes, int, bytes]:
    """``(title, counter, plain)`` of a general-glo-ciphering.

    ``allowed`` are the control bytes that the receiver is content with: a message must not choose for itself to be left
    unauthenticated. Raises :class:`~protocols.errors.SecurityError` for a stranger, a weak control byte or a wrong tag,
    :class:`~protocols.errors.ProtocolError` for a wrong form.
    """
    reader = Reader(apdu)
    reader.expect(bytes([GENERAL_GLO, TITLE_BYTES]), "general-glo-ciphering")
    title = reader.take(TITLE_BYTES)
    secured = reader.take(reader.length())
    reader.end()
    keys = key_for(title)
    if keys is None:
        raise SecurityError(f"no key for system title {title.hex()}")
    counter, plain = _open(secured, title, *keys, allowed)
    return title, counter, plain


def protect_glo(
    plain: bytes, title: bytes, counter: int, key: bytes, auth_key: bytes, control: int = AUTHENTICATED_ENCRYPTED
) -> bytes:
    """Service-specific glo-ciphering of an APDU; the receiver knows the title from the association."""
    if not plain or plain[0] not in GLO_TAGS:
        raise EncodeError(f"no glo-ciphering for an APDU {plain[:1].hex()}")
    secured = _seal(plain, title, counter, key, auth_key, control)
    return bytes([GLO_TAGS[plain[0]]]) + encode_length(len(secured)) + secured


def unprotect_glo(
    apdu: bytes, title: bytes, key: bytes, auth_key: bytes, allowed: Collection[int] = _STRONG
) -> tuple[int, bytes]:
    """``(counter, plain)`` of a service-specific glo-ciphering from the peer with this title; errors as above."""
    reader = Reader(apdu)
    tag = reader.integer(1)
    if tag not in GLO_TAGS.values():
        raise ProtocolError(f"no glo-ciphering: {tag:02x}")
    secured = reader.take(reader.length())
    reader.end()
    counter, plain = _open(secured, title, key, auth_key, allowed)
    if not plain or GLO_TAGS.get(plain[0]) != tag:
        raise ProtocolError(f"an APDU {plain[:1].hex()} inside a glo-ciphering {tag:02x}")
    return counter, plain


def hls_gmac(challenge: bytes, title: bytes, counter: int, key: bytes, auth_key: bytes) -> bytes:
    """f(challenge) of high level security mechanism 5: ``10 | counter | GMAC over 10 | AK | challenge``."""
    sealed = _seal(challenge, title, counter, key, auth_key, AUTHENTICATED)
    return sealed[:5] + sealed[-TAG_BYTES:]


def check_hls_gmac(answer: bytes, challenge: bytes, title: bytes, key: bytes, auth_key: bytes) -> int:
    """Counter of the peer's f(challenge), or :class:`~protocols.errors.SecurityError` when it is not the answer."""
    if len(answer) != 5 + TAG_BYTES:
        raise ProtocolError(f"f(challenge) has {len(answer)} bytes instead of {5 + TAG_BYTES}")
    counter, _ = _open(answer[:5] + challenge + answer[5:], title, key, auth_key, {AUTHENTICATED})
    return counter


def wrap_key(wrapping_key: bytes, key: bytes) -> bytes:
    """RFC 3394 key wrap, for key transfer under the KEK: 16 bytes become 24."""
    return keywrap.aes_key_wrap(wrapping_key, key)


def unwrap_key(wrapping_key: bytes, wrapped: bytes) -> bytes:
    """The wrapped key, or :class:`~protocols.errors.SecurityError` when it was altered or wrapped under another KEK."""
    try:
        return keywrap.aes_key_unwrap(wrapping_key, wrapped)
    except (keywrap.InvalidUnwrap, ValueError):
        raise SecurityError("a wrapped key that does not open") from None


def _seal(plain: bytes, title: bytes, counter: int, key: bytes, auth_key: bytes, control: int) -> bytes:
    """``SC | counter | content | tag``."""
    if control not in _CONTROLS:
        raise EncodeError(f"unsupported security control byte {control:02x}")
    if len(title) != TITLE_BYTES or not 0 <= counter < 2**32:
        raise EncodeError(f"a system title of {len(title)} bytes or a counter {counter} out of range")
    head = bytes([control]) + counter.to_bytes(4, "big")
    iv, associated, cipher = title + head[1:], head[:1] + auth_key, AESGCM(key)
    if control == AUTHENTICATED:
        return head + plain + cipher.encrypt(iv, b"", associated + plain)[:TAG_BYTES]
    if control == ENCRYPTED:
        return head + cipher.encrypt(iv, plain, None)[: len(plain)]
    return head + cipher.encrypt(iv, plain, associated)[: len(plain) + TAG_BYTES]


def _open(secured: bytes, title: bytes, key: bytes, auth_key: bytes, allowed: Collection[int]) -> tuple[int, bytes]:
    reader = Reader(secured)
    control, counter = reader.integer(1), reader.integer(4)
    if control not in _CONTROLS:
        raise ProtocolError(f"unsupported security control byte {control:02x}")
    if control not in allowed:
        raise SecurityError(f"security control byte {control:02x} is weaker than agreed")
    iv, associated = title + counter.to_bytes(4, "big"), bytes([control]) + auth_key
    if control == ENCRYPTED:  # counter mode is its own inverse
        content = reader.rest()
        return counter, AESGCM(key).encrypt(iv, content, None)[: len(content)]
    if reader.left < TAG_BYTES:
        raise ProtocolError("too short for a tag")
    content, tag = reader.take(reader.left - TAG_BYTES), reader.rest()
    decryptor = Cipher(algorithms.AES(key), modes.GCM(iv, tag, TAG_BYTES)).decryptor()
    try:
        if control == AUTHENTICATED:
            decryptor.authenticate_additional_data(associated + content)
            decryptor.finalize()
            return counter, content
        decryptor.authenticate_additional_data(associated)
        return counter, decryptor.update(content) + decryptor.finalize()
    except InvalidTag:
        raise SecurityError("the tag does not hold: altered, or under another key") from None
