"""The parts of a meter's memory: what each holds, and how a new entry joins what is there.

Rules of this file: a part is a plain value that JSON can carry; *kept* parts are replaced whole, *growing* ones get an
entry at a time, because writing a long log again for each line would cost more than the line.
"""

from __future__ import annotations

from typing import Any

import msgspec

from protocols.dlms.disconnect import SwitchState
from protocols.dlms.limiter import LimiterState
from twins.meter.clock import Adjustment

MOST_EVENTS = 512
"""Entries of a meter's event log; the oldest go first. Our own choice."""


class Event(msgspec.Struct, frozen=True, array_like=True):
    """An entry of the event log: when (the meter's own time, Unix s) and what (a code of ``events.toml``)."""

    time: int
    code: int


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """The highest invocation counter accepted from a client, by its system title in hex, under the key in force."""

    title: str
    counter: int


class Opening(msgspec.Struct, frozen=True, array_like=True):
    """The home had no supply from ``begin`` (true Unix s) on, until ``end``; None while that lasts.

    ``outage`` tells the line's failures, which are counted, from what the meter's own switch did.
    """

    begin: int
    end: int | None
    outage: bool


class PastKey(msgspec.Struct, frozen=True, array_like=True):
    """An encryption key that was in force before, by its digest: the next counter under it, and those heard."""

    digest: bytes
    counter: int
    heard: tuple[tuple[bytes, int], ...]


class Secrets(msgspec.Struct, frozen=True):
    """Keys and policy of the security setup; ``counter`` is a ceiling: none at or above it was used yet."""

    encryption: bytes
    authentication: bytes
    wrapping: bytes
    broadcast: bytes
    policy: int
    counter: int
    past: tuple[PastKey, ...] = ()


class Booking(msgspec.Struct, frozen=True):
    """A single-action schedule: the script to run and when. Times are COSEM time (4 bytes) and date (5 bytes).

    ``done`` is the second of the meter's own clock (Unix s) up to which everything due was carried out.
    """

    table: bytes = bytes(6)
    selector: int = 0
    times: tuple[tuple[bytes, bytes], ...] = ()
    done: int = 0


class Push(msgspec.Struct, frozen=True):
    """A push setup: what is sent (A-XDR of the object list), where, within which windows, and how often again."""

    objects: bytes
    service: int = 0
    destination: bytes = b""
    message: int = 0
    windows: bytes = b"\x01\x00"
    random_start: int = 0
    retries: int = 0
    delay: int = 0


class Transfer(msgspec.Struct, frozen=True):
    """An image transfer without its blocks: those are a part of their own, as they come one by one."""

    status: int
    identifier: bytes
    size: int
    enabled: bool
    signature: bytes = b""


class Restart(msgspec.Struct, frozen=True):
    """The meter starts again into another firmware, and is silent from ``begins`` until ``until`` (true Unix s)."""

    begins: float
    until: float
    firmware: str


KEPT: dict[str, Any] = {
    "switch": SwitchState,
    "limiter": LimiterState,
    "limit_booking": Booking,
    "switch_booking": Booking,
    "secrets": Secrets,
    "push": Push,
    "transfer": Transfer,
    "firmware": str,
    "restart": Restart | None,
}
"""Parts that are replaced whole, and their types."""

GROWING: dict[str, Any] = {
    "events": Event,
    "heard": Heard,
    "shifts": Adjustment,
    "openings": Opening,
    "blocks": int,
}
"""Parts that grow, and the types of their entries. An entry of None empties the part."""


def grown(name: str, before: Any, entry: Any) -> Any:
    """A growing part with one more entry; the collection itself may be changed and given back."""
    if entry is None:
        return None
    if name == "blocks":
        before = set() if before is None else before
        before.add(entry)
        return before
    if name == "heard":
        before = {} if before is None else before
        before[entry.title] = entry.counter
        return before
    before = [] if before is None else before
    if name == "openings" and entry.end is not None:  # the end of an opening that lasts, or one seen as a whole
        lasting = Opening(entry.begin, None, entry.outage)
        before[:] = [known for known in before if known != lasting]
    before.append(entry)
    if name == "events":
        del before[:-MOST_EVENTS]
    return before


def entries(name: str, part: Any) -> list[Any]:
    """The entries that make a growing part again."""
    if part is None:
        return []
    if name == "blocks":
        return sorted(part)
    if name == "heard":
        return [Heard(title, counter) for title, counter in part.items()]
    return list(part)
