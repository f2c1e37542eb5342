"""Firmware of a twin: where the blocks of an image lie, what an image is worth, and what starting it does.

A twin runs no code, so any complete image is good, and its identifier becomes the firmware version. An image in the
*test form* is judged by what it says of itself: ``TWNFW`` and a zero byte, 16 bytes of version, 32 bytes SHA-256 of the
rest, the rest. Our own form: signed manifests belong to the rollout (``rollout-security``).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

MAGIC = b"TWNFW\0"
_VERSION, _DIGEST = 16, 32
_HEAD = len(MAGIC) + _VERSION + _DIGEST


def test_image(version: str, body: bytes) -> bytes:
    """An image in the test form."""
    return MAGIC + version.encode().ljust(_VERSION, b"\0") + hashlib.sha256(body).digest() + body


def is_good(image: bytes) -> bool:
    """Whether an image is what it says; one that says nothing is."""
    if not image.startswith(MAGIC):
        return True
    return hashlib.sha256(image[_HEAD:]).digest() == image[_HEAD - _DIGEST : _HEAD] and len(image) > _HEAD


def version_of(image: bytes, identifier: bytes) -> str:
    """The firmware version that a meter shows once it runs this image."""
    stated = image[len(MAGIC) : len(MAGIC) + _VERSION].rstrip(b"\0") if image.startswith(MAGIC) else identifier
    text = stated.decode("ascii", "replace")
    return "".join(letter if letter.isprintable() and letter != "\ufffd" else "?" for letter in text)


class ImageFile:
    """The blocks of one meter's image, in a file of its own that survives the process.

    Another image is written over the one before, block by block: which blocks are those of the new one, the meter's
    memory says, and no kill can come between the two.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, offset: int, content: bytes) -> None:
        """Keep a block."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "wb") as file:
            file.seek(offset)
            file.write(content)

    def read(self, size: int) -> bytes:
        """An image of so many bytes; fewer when the file is gone or was cut, which no image survives."""
        try:
            with self._path.open("rb") as file:
                return file.read(size)
        except FileNotFoundError:
            return b""
