"""What a provider hands to the server: a logical device with its objects, roles, secrets and counters.

The server keeps nothing that must outlive a session; counters and keys live behind :class:`Security`, and a provider
that journals them *before* they are used never reuses a nonce, not even after a power cut (``meter-protocols`` §8
trap 16). :class:`protocols.dlms.security_setup.SecuritySetup` is one in memory.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from protocols.dlms.objects import ObjectModel
from protocols.dlms.roles import ROLES, Role

MIN_PDU: Final = 64
"""Bytes; a shorter limit leaves no room for a ciphered block (our own choice)."""


class Security(Protocol):
    """Keys and counters of one logical device."""

    @property
    def title(self) -> bytes:
        """The device's own system title, 8 bytes."""

    @property
    def policy(self) -> int:
        """Security policy of IC64, 0…3."""

    @property
    def answers_under_new_key(self) -> bool:
        """Whether the answer to a key transfer already goes out under the new key; the standard leaves it open."""

    def keys(self) -> tuple[bytes, bytes]:
        """Encryption key and authentication key now in force."""

    def next_counter(self) -> int:
        """An invocation counter that was never handed out under the key in force."""

    def last_counter(self, title: bytes) -> int | None:
        """Highest counter accepted from this client under the key in force."""

    def note_counter(self, title: bytes, counter: int) -> None:
        """Remember it; raises :class:`~protocols.errors.SecurityError` when there is no room for another client."""


@dataclass(slots=True)
class LogicalDevice:
    """One logical device.

    ``passwords`` are those of the LLS clients by address, ``holds`` compares one with what a client gave. ``random``
    gives so many bytes that nobody can foresee (the challenges of HLS). ``max_pdu`` is the longest APDU in bytes that
    it receives, ``address`` its wPort. ``associated`` is called with the client's address and True when an association
    stands, False when it is gone.
    """

    objects: ObjectModel
    security: Security
    random: Callable[[int], bytes]
    passwords: Mapping[int, bytes] = field(default_factory=dict)
    holds: Callable[[bytes, bytes], bool] = hmac.compare_digest
    roles: Mapping[int, Role] = field(default_factory=lambda: ROLES)
    max_pdu: int = 1024
    address: int = 1
    associated: Callable[[int, bool], None] = lambda client, stands: None
