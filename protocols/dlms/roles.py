"""Who may associate with a meter, and how well that must be protected: one role per client address (wPort, SAP).

The addresses 16 (public) and 1 (management) are common practice (``meter-protocols`` §3.1); the reader and what each
may do are this project's choice. The hand terminal (requirement A12) is unverified: no open source says how one speaks
to a Japanese meter (``meter-protocols`` §3.5 proposes a client address from 0x20 on). It has a password of its own
instead of the meter's keys, so that a lost terminal opens nothing over the network; the optical port alone knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from protocols.dlms.acse import Context, Mechanism
from protocols.dlms.conformance import SERVED, Conformance
from protocols.dlms.security import AUTHENTICATED, AUTHENTICATED_ENCRYPTED, ENCRYPTED

MANAGEMENT: Final = 1
READER: Final = 2
PUBLIC: Final = 16
HAND_TERMINAL: Final = 0x20

EVERYBODY: Final = frozenset({MANAGEMENT, READER, PUBLIC, HAND_TERMINAL})
IDENTIFIED: Final = frozenset({MANAGEMENT, READER, HAND_TERMINAL})
CONTROLLERS: Final = frozenset({MANAGEMENT, HAND_TERMINAL})
MANAGERS: Final = frozenset({MANAGEMENT})
NOBODY: Final[frozenset[int]] = frozenset()
"""Groups of clients, for the access rights of objects."""

CURRENT_ASSOCIATION: Final = bytes([0, 0, 40, 0, 0, 255])
SECURITY_SETUP: Final = bytes([0, 0, 43, 0, 0, 255])


@dataclass(frozen=True, slots=True)
class Role:
    """What a client must show, and what it is offered.

    ``controls`` are the security control bytes that its ciphered requests may have; none means that it speaks plain.
    ``association`` is the logical name of its association object.
    """

    name: str
    client: int
    association: bytes
    context: Context
    mechanism: Mechanism
    controls: frozenset[int]
    conformance: frozenset[Conformance]


_READING: Final = frozenset(
    {
        Conformance.PRIORITY,
        Conformance.BLOCK_TRANSFER_WITH_GET,
        Conformance.MULTIPLE_REFERENCES,
        Conformance.GET,
        Conformance.SELECTIVE_ACCESS,
    }
)


def _association(number: int) -> bytes:
    return bytes([0, 0, 40, 0, number, 255])


ROLES: Final[Mapping[int, Role]] = MappingProxyType(
    {
        role.client: role
        for role in (
            Role("public", PUBLIC, _association(1), Context.PLAIN, Mechanism.NONE, frozenset(), _READING),
            Role("reader", READER, _association(2), Context.PLAIN, Mechanism.LLS, frozenset(), _READING),
            Role(
                "management",
                MANAGEMENT,
                _association(3),
                Context.CIPHERED,
                Mechanism.HLS_GMAC,
                frozenset({AUTHENTICATED_ENCRYPTED}),
                SERVED,
            ),
        )
    }
)
"""Client address to role, of a meter that has no reason to differ."""

_ON_SITE: Final = Role(
    "hand terminal",
    HAND_TERMINAL,
    _association(4),
    Context.PLAIN,
    Mechanism.LLS,
    frozenset(),
    SERVED - {Conformance.GENERAL_PROTECTION, Conformance.DATA_NOTIFICATION},
)

ON_SITE_ROLES: Final[Mapping[int, Role]] = MappingProxyType({**ROLES, HAND_TERMINAL: _ON_SITE})
"""The same at the optical port, where a hand terminal may come too."""

POLICY_CONTROLS: Final[Mapping[int, frozenset[int]]] = MappingProxyType(
    {
        0: frozenset({AUTHENTICATED, ENCRYPTED, AUTHENTICATED_ENCRYPTED}),
        1: frozenset({AUTHENTICATED, AUTHENTICATED_ENCRYPTED}),
        2: frozenset({ENCRYPTED, AUTHENTICATED_ENCRYPTED}),
        3: frozenset({AUTHENTICATED_ENCRYPTED}),
    }
)
"""Security policy of IC64 (0 nothing, 1 authenticated, 2 encrypted, 3 both) to the control bytes it lets pass."""
