"""In-band marks: how sender and receiver of a stream keep in step.

A mark travels in the same stream as the readings, so whoever reads it knows that everything sent before it has been
delivered or is lost. Three kinds: ``open`` and ``close`` enclose what belongs to one tick of the virtual clock (the
next tick is their acknowledgement); ``fill`` asks for an acknowledgement in between, so that a sender never has more
than its window in flight (the embedded broker's queues are bounded: a slow subscriber would lose messages).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from twins.bus.message import read


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One in-band mark. ``due`` is when the sender will next have something to do (simulated Unix s), if ever."""

    kind: Literal["open", "fill", "close"]
    sender: str
    epoch: int
    sequence: int
    tick: int
    time: float
    due: float | None = None


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to this mark has been worked off."""

    epoch: int
    sequence: int


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """The conductor lets all shards work up to ``time``; a repeated tick is a question, not an order."""

    number: int
    time: float


class TickDone(msgspec.Struct, frozen=True, kw_only=True):
    """The head-end has everything of a tick. ``due``: the next instant at which anybody has something to do."""

    number: int
    due: float | None
    finished: bool


def read_mark(payload: bytes) -> Mark:
    """A mark out of its payload; ProtocolError when it is none."""
    return read(payload, Mark)
