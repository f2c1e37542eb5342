"""The EAX mode of AES-128 (Bellare, Rogaway, Wagner 2004), composed of CMAC and CTR, as EAP-PSK's channel needs it."""

from __future__ import annotations

from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from protocols.errors import SecurityError

TAG_BYTES = 16


def cmac(key: bytes, data: bytes) -> bytes:
    """AES-128-CMAC (NIST SP 800-38B), 16 bytes."""
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def _tweaked(key: bytes, tweak: int, data: bytes) -> bytes:
    return cmac(key, bytes(15) + bytes([tweak]) + data)


def _ctr(key: bytes, nonce: bytes, data: bytes) -> bytes:
    stream = Cipher(algorithms.AES(key), modes.CTR(nonce)).encryptor()
    return stream.update(data) + stream.finalize()


def _tag(key: bytes, nonce: bytes, header: bytes, ciphertext: bytes) -> bytes:
    parts = (nonce, _tweaked(key, 1, header), _tweaked(key, 2, ciphertext))
    return bytes(a ^ b ^ c for a, b, c in zip(*parts, strict=True))


def encrypt(key: bytes, nonce: bytes, header: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
    """Ciphertext and 16-byte tag; ``header`` is authenticated only."""
    start = _tweaked(key, 0, nonce)
    ciphertext = _ctr(key, start, plaintext)
    return ciphertext, _tag(key, start, header, ciphertext)


def decrypt(key: bytes, nonce: bytes, header: bytes, ciphertext: bytes, tag: bytes) -> bytes:
    """The plaintext; raises :class:`~protocols.errors.SecurityError` when the tag does not hold."""
    start = _tweaked(key, 0, nonce)
    if not constant_time.bytes_eq(_tag(key, start, header, ciphertext), tag):
        raise SecurityError("EAX tag does not hold")
    return _ctr(key, start, ciphertext)
