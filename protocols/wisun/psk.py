"""From B-route id and password to what EAP-PSK needs: two identities and a 16-byte key.

UNVERIFIED. How a Japanese meter derives its key, and what the stick calls itself, stands in TTC TR-1052 and the Wi-SUN
profile, which are not open (``reference/meter-protocols`` §2.2, §9). :class:`BenchDerivation` is this bench's own
invention: it lets our two sides authenticate each other and interoperates with nothing else. Whoever knows the real one
passes another :class:`PskDerivation`.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives import hashes, hmac

from protocols.wisun.radio import Credentials

VERIFIED = False
"""Whether the default derivation is the one of real meters."""


class PskDerivation(Protocol):
    """How credentials become EAP-PSK's parameters."""

    def server_identity(self, route_b_id: bytes) -> bytes:
        """ID_S, the meter's name."""

    def peer_identity(self, route_b_id: bytes) -> bytes:
        """ID_P, the stick's name."""

    def key(self, credentials: Credentials) -> bytes:
        """The pre-shared key, 16 bytes."""


class BenchDerivation:
    """Own invention, see above. ID_S = "SM" + id is as captured (§2.2), ID_P = "HEMS" + id is hearsay."""

    def server_identity(self, route_b_id: bytes) -> bytes:
        """ID_S."""
        return b"SM" + route_b_id

    def peer_identity(self, route_b_id: bytes) -> bytes:
        """ID_P."""
        return b"HEMS" + route_b_id

    def key(self, credentials: Credentials) -> bytes:
        """HMAC-SHA-256 of the id under the password, cut to 16 bytes."""
        mac = hmac.HMAC(credentials.password, hashes.SHA256())
        mac.update(b"meter bench route B PSK" + credentials.route_b_id)
        return mac.finalize()[:16]
