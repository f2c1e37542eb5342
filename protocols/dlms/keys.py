"""Keys of its own for every meter and epoch, derived from one master.

A key is one AES block: ``AES(master, system title 8 | epoch u32 | purpose u8 | 000000)``. AES under one key is a
permutation, so no two meters, epochs or purposes get the same key; and it is a pseudo-random one, so whoever takes
the keys out of a meter (or of all meters but one) learns nothing about the master or any other meter's key: that
is requirement X5. A key costs one AES block, so it need not be kept.

The master is the one secret that opens everything. It belongs to the head-end (in a utility: into its HSM) and to
nobody else; twins are the exception, as the shard that plays the meters has to play their key stores too. A real
meter gets its two derived keys at provisioning, never the master.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from protocols.dlms.errors import EncodeError

_BLOCK: Final = np.dtype([("title", ">u8"), ("epoch", ">u4"), ("purpose", "u1"), ("zeros", "u1", 3)])


class Purpose(IntEnum):
    """What a derived key is for."""

    ENCRYPTION = 1
    AUTHENTICATION = 2
    WRAPPING = 3


class KeyRing:
    """Derives the keys of any meter from the master (16, 24 or 32 bytes)."""

    def __init__(self, master: bytes) -> None:
        if len(master) not in (16, 24, 32):
            raise EncodeError(f"a master key of {len(master)} bytes instead of 16, 24 or 32")
        # ECB because each block is a derivation of its own: this is the bare AES function, not a cipher for messages.
        self._cipher = Cipher(algorithms.AES(master), modes.ECB())

    def derive(self, titles: NDArray[np.uint64], epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Encryption keys and authentication keys, each (N, 16), of the meters with these system titles (N,)."""
        if not 0 <= epoch < 2**32:
            raise EncodeError(f"a key epoch is a u32, not {epoch}")
        encryption, authentication = self._blocks(titles, epoch, [[Purpose.ENCRYPTION], [Purpose.AUTHENTICATION]])
        return encryption, authentication

    def for_title(self, title: bytes, epoch: int) -> tuple[bytes, bytes]:
        """Encryption key and authentication key of one meter, by its 8-byte system title."""
        encryption, authentication = self.derive(_one(title), epoch)
        return encryption.tobytes(), authentication.tobytes()

    def wrapping(self, title: bytes) -> bytes:
        """The key under which new keys travel to one meter (IC64 key transfer)."""
        (key,) = self._blocks(_one(title), 0, [[Purpose.WRAPPING]])
        return bytes(key)

    def _blocks(self, titles: NDArray[np.uint64], epoch: int, purposes: list[list[Purpose]]) -> NDArray[np.uint8]:
        """One AES block for each purpose and title, ``(purposes, titles, 16)``."""
        blocks = np.zeros((len(purposes), len(titles)), dtype=_BLOCK)
        blocks["title"] = titles
        blocks["epoch"] = epoch
        blocks["purpose"] = purposes
        derived = np.frombuffer(self._cipher.encryptor().update(blocks.tobytes()), np.uint8)
        return derived.reshape(*blocks.shape, 16)


def _one(title: bytes) -> NDArray[np.uint64]:
    if len(title) != 8:
        raise EncodeError(f"a system title has 8 bytes, not {len(title)}")
    return np.array([int.from_bytes(title, "big")], dtype=np.uint64)
