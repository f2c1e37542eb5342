"""What clients ask of the gateway and what it answers: JSON over the bus, one reply to each request.

A request goes to ``{root}/_/rack/{rack}/ask`` as :class:`Envelope`; the reply comes on
``{root}/_/rack/{rack}/reply/{client}`` as :class:`Reply` with the same id. ``exit_code`` of a refusal is that of the
error it was: 2 bad input, 3 a fault of the bench, 4 lease denied, 1 an instrument said no.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from bench.rack.leases import Health


class Places(msgspec.Struct, frozen=True, tag="places"):
    """All places with state, health and holder; with ``place`` only that one, with its wiring."""

    place: str | None = None


class Who(msgspec.Struct, frozen=True, tag="who"):
    """All leases."""


class Acquire(msgspec.Struct, frozen=True, tag="acquire"):
    """Lease these places, or ``count`` healthy free ones that have these tags. ``ttl`` in seconds."""

    places: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    count: int = 1
    ttl: float | None = None


class Extend(msgspec.Struct, frozen=True, tag="extend"):
    """The lease goes on for ``ttl`` seconds from now."""

    token: str
    ttl: float | None = None


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """A heartbeat of the holder: the lease goes on for its own ttl from now."""

    token: str


class Release(msgspec.Struct, frozen=True, tag="release"):
    """End a lease: safe state, then its places are free. Without a token the lease of a place is broken: ``kick``."""

    token: str = ""
    kick: str | None = None


class Power(msgspec.Struct, frozen=True, tag="power"):
    """The relay in the supply of a place."""

    place: str
    token: str
    action: Literal["on", "off", "cycle", "get"]
    seconds: float = 2.0


class Source(msgspec.Struct, frozen=True, tag="source"):
    """The source of a place: bring it to these values (its meter's ratings where not given), or off.

    ``clear`` switches it off and releases a protection that has tripped.
    """

    place: str
    token: str
    action: Literal["on", "off", "clear"]
    volts: float | None = None
    hertz: float | None = None
    amps_limit: float | None = None


class Load(msgspec.Struct, frozen=True, tag="load"):
    """The load behind a place: so many A at this power factor; 0 switches it off and releases its protections."""

    place: str
    token: str
    amps: float
    power_factor: float = 1.0


class Attenuate(msgspec.Struct, frozen=True, tag="attenuate"):
    """The attenuator in the radio path of a place, in dB."""

    place: str
    token: str
    db: float


class Measure(msgspec.Struct, frozen=True, tag="measure"):
    """What the instruments of a place read; needs no lease."""

    place: str


class Safe(msgspec.Struct, frozen=True, tag="safe"):
    """Safe state of a place, or of the whole rack. Whoever asks without its token breaks the lease."""

    place: str | None = None
    token: str = ""


class SetHealth(msgspec.Struct, frozen=True, tag="health"):
    """Say how fit a place is."""

    place: str
    health: Health
    reason: str


class Doctor(msgspec.Struct, frozen=True, tag="doctor"):
    """Does each instrument answer, and is it what the topology says?"""


Request: TypeAlias = (
    Places
    | Who
    | Acquire
    | Extend
    | Beat
    | Release
    | Power
    | Source
    | Load
    | Attenuate
    | Measure
    | Safe
    | SetHealth
    | Doctor
)


class Envelope(msgspec.Struct, frozen=True):
    """A request on its way: which client asks, under which number, and in whose name."""

    id: int
    client: str
    owner: str
    request: Request


class Reply(msgspec.Struct, frozen=True):
    """The answer: a result, or the error."""

    id: int
    result: Any = None
    error: str = ""
    exit_code: int = 0
