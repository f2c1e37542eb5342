"""A file that keeps the endpoint of one meter with its new key, for its owner alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.errors import InputError
from twins.serving.endpoint import Endpoint

_KEYS = ("encryption", "authentication", "wrapping")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of endpoints with one line."""

    path: Path

    @classmethod
    def create(cls, path: Path, endpoint: Endpoint, details: Mapping[str, str], key: bytes) -> KeyFile:
        """Write the endpoint, with what the user told of it and the new encryption key; never over another file.

        Raises :class:`InputError` when the file cannot be made.
        """
        told = {name: details[name] for name in _KEYS if name in details}
        renewed = msgspec.structs.replace(endpoint, keys={**endpoint.keys, **told, "encryption": key.hex().upper()})
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "wb") as file:
                file.write(renewed.to_json() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; the new key needs a file of its own") from None
        return cls(path)

    def remove(self) -> None:
        """The key never came into force."""
        self.path.unlink(missing_ok=True)
