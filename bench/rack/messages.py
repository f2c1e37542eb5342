"""What clients ask of the gateway and what it answers: JSON over the bus, one reply to each request.

A request goes to ``{root}/_/rack/{rack}/ask`` as :class:`Envelope`; the reply comes on
``{root}/_/rack/{rack}/reply/{client}`` as :class:`Reply` with the same id. ``exit_code`` of a refusal is that of the
error it was: 2 bad input, 3 a fault of the bench, 4 lease denied, 1 an instrument said no.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from bench.rack.leases import Health

MeterWord: TypeAlias = Literal[
    "identity", "clock", "registers", "instant", "profile", "power_failures", "events", "attached"
]
"""What a place's meter may be asked."""

_PATIENCE: Final = 60.0
_RADIO_PATIENCE: Final = 420.0


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


class Gone(msgspec.Struct, frozen=True, tag="gone"):
    """The client has ended without a word: its last will, which the broker sends. Leases that it kept by beats end."""


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
    """The attenuator in the radio path of a place, in dB; ``nearest``: what lies beyond its range is set to its end.

    ``check`` only asks what would be set, and needs no lease.
    """

    place: str
    token: str
    db: float
    nearest: bool = False
    check: bool = False


class Segment(msgspec.Struct, frozen=True):
    """Volts at all phases of a place for some seconds, or a ramp that ends there after them.

    ``hertz`` is the rated frequency if not given; ``angle`` (degrees) is added to the angle of each phase.
    """

    volts: float
    seconds: float
    hertz: float | None = None
    ramp: bool = False
    angle: float = 0.0


class Play(msgspec.Struct, frozen=True, tag="play"):
    """Segments played by the source of a place, whose output is on; the reply comes when they are over.

    Seconds are the instrument's own. The last segment has to end at what is set now: it holds again afterwards.
    """

    place: str
    token: str
    segments: tuple[Segment, ...]


class Integrate(msgspec.Struct, frozen=True, tag="integrate"):
    """The analyser of a place counts energy: from 0, to an end, or what it has so far.

    The result: ``wh`` of the place's elements, ``seconds``, and ``percent``, the bound on the analyser's error in % of
    its power reading now (null where nothing flows). ``volts`` and ``amps`` that are expected, given with *begin*,
    choose the smallest ranges that hold them; the *end* goes back to the widest.
    """

    place: str
    token: str
    action: Literal["begin", "end", "read"]
    volts: float | None = None
    amps: float | None = None


class ReadMeter(msgspec.Struct, frozen=True, tag="read_meter"):
    """Ask the meter of a place; needs no lease. ``via`` is a protocol, else the first of the place's that can.

    ``first`` and ``last`` (Unix s) bound periodic rows and events, ``period_s`` chooses the rows. The result is the
    contract's record in JSON: a list of them for profile and events, ``{"count": n}`` for power_failures.
    """

    place: str
    what: MeterWord
    period_s: int = 1800
    first: int = 0
    last: int = 0
    via: str | None = None


class Radio(msgspec.Struct, frozen=True, tag="radio"):
    """The stick of a place: look for its meter, join it, tell how it stands, leave; or probe the session that stands.

    A probe sends ``count`` small requests. The result is how many were ``sent``, and how many of them ``acknowledged``
    by the meter's radio after all tries of the stick; other actions tell how the radio stands. At a place with a PLC
    bridge and no stick, status and probe tell how many probes over the power line were ``sent`` and ``answered``, and
    the median (``seconds``) and the ``longest`` of their times there and back.
    """

    place: str
    token: str
    action: Literal["scan", "join", "status", "leave", "probe"]
    count: int = 20


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
    | Gone
    | Release
    | Power
    | Source
    | Load
    | Attenuate
    | Play
    | Integrate
    | ReadMeter
    | Radio
    | Measure
    | Safe
    | SetHealth
    | Doctor
)


def patience(request: Request) -> float:
    """Real seconds that the reply to a request may take; beyond, something is wrong.

    A ramp over the whole range and a doctor's round fit into a minute. Segments last as long as they say. Over a stick
    three scans (two minutes) and three attempts to join (a minute each) may come first: meter-protocols §2.2.
    """
    match request:
        case Power():
            return _PATIENCE + request.seconds
        case Play():
            return _PATIENCE + sum(segment.seconds for segment in request.segments)
        case Radio() | ReadMeter():
            return _RADIO_PATIENCE
        case _:
            return _PATIENCE


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
