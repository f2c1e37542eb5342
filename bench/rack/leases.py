"""Leases: who may use which places, until when; and how fit the places are. Pure: time and secrets are handed in.

A lease is of one or more places and of all that is wired to them (its *claims*), so two leases can never meet at one
source. It is held by a *token*, ``<number>-<secret>``. Numbers only rise, also over restarts: an old token can never
pass again, whatever became of the place since.

Every change is an *event*. Decisions (``acquire``, ``extend`` …) only look and return an event or refuse; :meth:`apply`
changes. Who keeps all events and applies them again has the same book (:mod:`bench.rack.journal`).

A lease ends in two steps. *Ending*: its token no longer passes, its places are not free yet: the safe state is being
reached. *Freed*: the places may be taken again. *Armed* says that something may be energised under the lease; it is
recorded before it is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import msgspec

from bench.rack.errors import LeaseDeniedError

Health: TypeAlias = Literal["good", "unknown", "bad", "maintenance"]
Cause: TypeAlias = Literal["new", "person", "answered", "silent", "stranger", "doubt", "unsafe", "late"]
State: TypeAlias = Literal["idle", "reserved", "running", "ending"]

RESUME_GRACE = 10.0
"""Seconds that every lease has at least after the gateway has come back: nobody could prolong it meanwhile."""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """One lease. Times in Unix seconds, ``ttl`` in seconds; ``ending`` is the reason once it ends."""

    number: int
    secret: str
    owner: str
    places: tuple[str, ...]
    claims: tuple[str, ...]
    since: float
    ttl: float
    expires: float
    armed: bool = False
    ending: str | None = None

    @property
    def token(self) -> str:
        """What its holder shows at every write."""
        return f"{self.number}-{self.secret}"


class Fitness(msgspec.Struct, frozen=True):
    """How fit a place is, why, since when (Unix s), and what made it so: see :mod:`bench.rack.fitness`."""

    health: Health
    reason: str
    since: float = 0.0
    cause: Cause = "person"


_NEW = Fitness("unknown", "never looked at", cause="new")


class Acquired(msgspec.Struct, frozen=True, tag="acquired"):
    """A lease begins."""

    lease: Lease


class Extended(msgspec.Struct, frozen=True, tag="extended"):
    """A lease goes on until ``expires``, and has ``ttl`` from now on."""

    number: int
    ttl: float
    expires: float


class Armed(msgspec.Struct, frozen=True, tag="armed"):
    """From here on something may be energised under the lease, or, with ``armed`` false, no more."""

    number: int
    armed: bool


class Ending(msgspec.Struct, frozen=True, tag="ending"):
    """The token no longer passes."""

    number: int
    reason: str


class Freed(msgspec.Struct, frozen=True, tag="freed"):
    """The places of the lease may be taken again."""

    number: int


class HealthSet(msgspec.Struct, frozen=True, tag="health"):
    """A place's health is another one."""

    place: str
    fitness: Fitness


Event: TypeAlias = Acquired | Extended | Armed | Ending | Freed | HealthSet


class LeaseBook:
    """All leases that are not freed, the fitness of places, and the highest number that a lease ever had."""

    def __init__(self) -> None:
        self.leases: dict[int, Lease] = {}
        self.fitness: dict[str, Fitness] = {}
        self.last = 0

    def apply(self, event: Event) -> None:
        """Change the book by an event that one of its decisions made; KeyError for a lease that is not there."""
        match event:
            case Acquired(lease):
                self.leases[lease.number] = lease
                self.last = max(self.last, lease.number)
            case Extended(number, ttl, expires):
                self._change(number, ttl=ttl, expires=expires)
            case Armed(number, armed):
                self._change(number, armed=armed)
            case Ending(number, reason):
                self._change(number, ending=reason)
            case Freed(number):
                del self.leases[number]
            case HealthSet(place, fitness):
                self.fitness[place] = fitness

    def _change(self, number: int, **fields: object) -> None:
        self.leases[number] = msgspec.structs.replace(self.leases[number], **fields)

    def holder(self, place: str) -> Lease | None:
        """The lease that a place is under, also while it ends."""
        return next((lease for lease in self.leases.values() if place in lease.places), None)

    def state(self, place: str) -> State:
        """What a place is doing, whatever its health."""
        lease = self.holder(place)
        if lease is None:
            return "idle"
        return "ending" if lease.ending else "running" if lease.armed else "reserved"

    def health(self, place: str) -> Fitness:
        """How fit a place is."""
        return self.fitness.get(place, _NEW)

    def obstacle(self, place: str, claims: Iterable[str]) -> str | None:
        """Why a place with these claims cannot be taken now; None when it can."""
        fitness = self.health(place)
        if fitness.health == "bad":
            return f"{place} is bad ({fitness.reason}); mend it and set its health"
        wanted = set(claims)
        for lease in self.leases.values():
            if place in lease.places:
                return f"{place} is held by {lease.owner} (lease {lease.number}{', ending' if lease.ending else ''})"
            if shared := sorted(wanted & set(lease.claims)):
                what = ", ".join(shared)
                return f"{what} of {place} is held by {lease.owner} with {', '.join(lease.places)}"
        return None

    def acquire(self, owner: str, wanted: Mapping[str, Iterable[str]], ttl: float, now: float, secret: str) -> Acquired:
        """A new lease of all places that ``wanted`` maps to their claims, or of none. Raises LeaseDeniedError."""
        if not wanted:
            raise LeaseDeniedError("no place was asked for")
        for place, claims in wanted.items():
            if (why := self.obstacle(place, claims)) is not None:
                raise LeaseDeniedError(why)
        return Acquired(
            Lease(
                number=self.last + 1,
                secret=secret,
                owner=owner,
                places=tuple(wanted),
                claims=tuple(sorted({claim for claims in wanted.values() for claim in claims})),
                since=now,
                ttl=ttl,
                expires=now + ttl,
            )
        )

    def check(self, token: str, now: float, place: str | None = None) -> Lease:
        """The living lease of a token (and of this place). Raises LeaseDeniedError with what is wrong with it."""
        number = _number(token)
        lease = self.leases.get(number)
        if lease is None:
            over = 0 < number <= self.last
            raise LeaseDeniedError(f"lease {number} is over" if over else "there is no lease of this token")
        if lease.token != token:
            raise LeaseDeniedError(f"this is not the token of lease {number}")
        if lease.ending is not None:
            raise LeaseDeniedError(f"lease {number} is over: {lease.ending}")
        if now >= lease.expires:
            raise LeaseDeniedError(f"lease {number} expired {now - lease.expires:.1f} s ago")
        if place is not None and place not in lease.places:
            raise LeaseDeniedError(f"lease {number} is of {', '.join(lease.places)}, not of {place}")
        return lease

    def extend(self, token: str, ttl: float, now: float) -> Extended:
        """The lease goes on for ``ttl`` seconds from now. Raises LeaseDeniedError."""
        return Extended(self.check(token, now).number, ttl, now + ttl)

    def beat(self, token: str, now: float) -> Lease:
        """A heartbeat: the lease goes on for its own ttl from now. No event: see :meth:`resume`."""
        lease = self.check(token, now)
        self._change(lease.number, expires=max(lease.expires, now + lease.ttl))
        return self.leases[lease.number]

    def resume(self, now: float) -> None:
        """After a restart: heartbeats are not kept, and nobody could beat meanwhile, so each lease has a grace."""
        for lease in list(self.leases.values()):
            self._change(lease.number, expires=max(lease.expires, now + min(lease.ttl, RESUME_GRACE)))

    def overdue(self, now: float) -> list[Lease]:
        """Leases that have expired and are not ending yet."""
        return [lease for lease in self.leases.values() if lease.ending is None and now >= lease.expires]


def _number(token: str) -> int:
    """The number in a token; 0, which no lease has, when there is none."""
    digits = token.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 18 else 0
