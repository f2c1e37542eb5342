"""What a client and a server offer each other when they associate: the 24 conformance bits of xDLMS (IEC 62056-5-3).

Bit 0 is the most significant one. Only the names of the bits are the standard's business here; what this project
serves is :data:`SERVED`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from protocols.errors import ProtocolError

_BITS = 24


class Conformance(IntEnum):
    """Services and features, each by the number of its bit."""

    GENERAL_PROTECTION = 1
    GENERAL_BLOCK_TRANSFER = 2
    READ = 3
    WRITE = 4
    UNCONFIRMED_WRITE = 5
    ATTRIBUTE_0_WITH_SET = 8
    PRIORITY = 9
    ATTRIBUTE_0_WITH_GET = 10
    BLOCK_TRANSFER_WITH_GET = 11
    BLOCK_TRANSFER_WITH_SET = 12
    BLOCK_TRANSFER_WITH_ACTION = 13
    MULTIPLE_REFERENCES = 14
    INFORMATION_REPORT = 15
    DATA_NOTIFICATION = 16
    ACCESS = 17
    PARAMETERIZED_ACCESS = 18
    GET = 19
    SET = 20
    SELECTIVE_ACCESS = 21
    EVENT_NOTIFICATION = 22
    ACTION = 23


SERVED: Final = frozenset(
    {
        Conformance.GENERAL_PROTECTION,
        Conformance.PRIORITY,
        Conformance.BLOCK_TRANSFER_WITH_GET,
        Conformance.BLOCK_TRANSFER_WITH_SET,
        Conformance.BLOCK_TRANSFER_WITH_ACTION,
        Conformance.MULTIPLE_REFERENCES,
        Conformance.DATA_NOTIFICATION,
        Conformance.GET,
        Conformance.SET,
        Conformance.SELECTIVE_ACCESS,
        Conformance.ACTION,
    }
)
"""What the server and the client of this package can do."""


def to_bytes(bits: Iterable[Conformance]) -> bytes:
    """The three bytes."""
    return sum(1 << _BITS - 1 - bit for bit in set(bits)).to_bytes(_BITS // 8, "big")


def from_bytes(raw: bytes) -> frozenset[Conformance]:
    """The bits that have a name; a reserved bit asks for nothing that could be granted, so it is dropped."""
    if len(raw) != _BITS // 8:
        raise ProtocolError(f"a conformance block of {len(raw)} bytes instead of {_BITS // 8}")
    word = int.from_bytes(raw, "big")
    return frozenset(bit for bit in Conformance if word >> _BITS - 1 - bit & 1)
