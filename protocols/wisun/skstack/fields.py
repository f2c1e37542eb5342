"""Tokens of SKSTACK-IP lines to values and back; every reader raises :class:`~protocols.errors.ProtocolError`."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from protocols.errors import ProtocolError

_HEX = re.compile(r"[0-9A-Fa-f]+\Z")
_IP6 = re.compile(r"[0-9A-Fa-f]{4}(:[0-9A-Fa-f]{4}){7}\Z")
_PRINTABLE = re.compile(r"[!-~]+\Z")


def hex_number(token: str, low: int, high: int, digits: int | None = None) -> int:
    """A hexadecimal number in low…high, of exactly ``digits`` digits or of up to 16."""
    if not _HEX.match(token) or len(token) > 16 or (digits is not None and len(token) != digits):
        raise ProtocolError(f"{token[:20]!r} is no hexadecimal number")
    value = int(token, 16)
    if not low <= value <= high:
        raise ProtocolError(f"{token!r} is not in {low:X}…{high:X}")
    return value


def hex_bytes(token: str, size: int) -> bytes:
    """``size`` bytes, two hexadecimal digits each."""
    if len(token) != 2 * size or (size and not _HEX.match(token)):
        raise ProtocolError(f"{token[:20]!r} is not {size} bytes")
    return bytes.fromhex(token)


def address(token: str) -> IPv6Address:
    """An IPv6 address, written out in full as the sticks do."""
    if not _IP6.match(token):
        raise ProtocolError(f"{token[:40]!r} is no full IPv6 address")
    return IPv6Address(token)


def format_address(value: IPv6Address) -> str:
    """The address in full, upper case."""
    return value.exploded.upper()


def characters(token: str, low: int, high: int) -> bytes:
    """Between ``low`` and ``high`` printable ASCII characters."""
    if not low <= len(token) <= high or not _PRINTABLE.match(token):
        raise ProtocolError(f"{low} to {high} characters expected")  # not quoted: it may be a password
    return token.encode("ascii")
