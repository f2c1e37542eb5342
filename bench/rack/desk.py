"""The desk: who gets what, and what becomes of it when a lease ends. Called from any thread.

Two locks guard a lease. Its *gate* is held while one command is sent, and when its end is recorded: after that no
command of it can be on its way any more. Its *turn* is held for a whole request, so that two requests of one holder do
not mix. No lock is held for all while an instrument is waited for.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench.errors import InputError
from bench.rack.audit import Audit
from bench.rack.doctor import look_at
from bench.rack.errors import LeaseDeniedError, OutputError
from bench.rack.inventory import Inventory, taps
from bench.rack.journal import Journal, JournalError
from bench.rack.leases import Armed, Ending, Health, Lease
from bench.rack.ledger import Ledger
from bench.rack.messages import Play
from bench.rack.playing import Playing
from bench.rack.rig import Rig
from bench.rack.sequencer import Open, SafeReport, make_safe
from hil_drivers.errors import AnswerError, IdentityError, LinkError
from protocols.errors import MeterBenchError

T = TypeVar("T")

_ORDER: dict[Health, int] = {"good": 0, "unknown": 1}
"""Which health lets a place be chosen by tags, the better first."""


_DIED = "the gateway died while it ran"


@dataclass
class _Guard:
    gate: threading.RLock = field(default_factory=threading.RLock)
    turn: threading.Lock = field(default_factory=threading.Lock)
    cuts: int = 0  # how often the safe state has come between; what began before it is not carried on


class Desk:
    """The rules of the rack around its journal. ``now`` tells Unix seconds, ``opened`` gives instruments."""

    def __init__(
        self, inventory: Inventory, journal: Journal, audit: Audit, opened: Open, now: Callable[[], float]
    ) -> None:
        self.inventory, self._opened, self._now = inventory, opened, now
        self.ledger = Ledger(inventory, journal, audit, now)
        self._lock = self.ledger.lock  # of the guards too
        self._guards: dict[int, _Guard] = {}
        self._closed = False

    def shut_down(self) -> None:
        """From here on no token passes; leases stay as they are."""
        with self._lock:
            self._closed = True

    def recover(self) -> None:
        """After a start: end what ran when the gateway before this one died, and give the others time to beat."""
        self.ledger.book.resume(self._now())
        for lease in list(self.ledger.book.leases.values()):
            if not set(lease.places) <= self.inventory.places.keys():
                self._forget(lease)
            elif lease.armed or lease.ending:
                self._end(lease, lease.ending or _DIED, doubt=lease.armed)

    def settle(self, by: str, report: SafeReport) -> None:
        """After a safe state of the whole rack by somebody else: end what ran before, as that report tells."""
        for lease in list(self.ledger.book.leases.values()):
            if lease.armed:
                self.ledger.find_unsafe(by, report, lease.places)
            if lease.armed or lease.ending:
                self._end(lease, lease.ending or _DIED, doubt=lease.armed, by=by, safe=report)
        if not report.failures and (places := self.ledger.unsafe()):
            self.ledger.safe_at_last(by, report, places)

    def _forget(self, lease: Lease) -> None:
        """A lease of a place that the topology does not describe any more."""
        if lease.armed:
            self.make_all_safe("gateway")
        self.ledger.freed("gateway", lease, "a place of it is not in the topology any more")

    def place(self, name: str) -> dict[str, Any]:
        """How a place stands."""
        place, book = self.inventory.place(name), self.ledger.book
        with self._lock:
            lease, fitness, state = book.holder(name), book.health(name), book.state(name)
        return {
            "place": name,
            "meter": place.meter,
            "class": place.meter_class,
            "tags": place.tags,
            "state": state,
            "health": fitness.health,
            "reason": fitness.reason,
            "owner": lease.owner if lease else None,
            "lease": lease.number if lease else None,
            "wiring": {kind.value: f"{of}:{channel}" if channel else of for kind, of, channel in taps(place)},
        }

    def leases(self) -> list[dict[str, Any]]:
        """All leases, without their tokens."""
        with self._lock:
            found = list(self.ledger.book.leases.values())
        return [_listed(lease, self._now()) for lease in found]

    def acquire(
        self, owner: str, places: tuple[str, ...], tags: dict[str, str], count: int, ttl: float | None
    ) -> dict[str, Any]:
        """A lease of these places, or of ``count`` that have these tags. Raises LeaseDeniedError, InputError."""
        seconds = self._ttl(ttl)
        for place in places:
            self.inventory.place(place)
        chosen = places or self._choose(tags, count)
        wanted = {place: self.inventory.claims(place) for place in chosen}
        with self._lock:
            event = self.ledger.book.acquire(owner, wanted, seconds, self._now(), secrets.token_hex(4))
            self.ledger.record(event)
        lease = event.lease
        self.ledger.line(owner, "acquired", lease=lease.number, places=lease.places, ttl=seconds)
        return {**_listed(lease, self._now()), "token": lease.token}

    def _ttl(self, ttl: float | None) -> float:
        rules = self.inventory.rack.leases
        if ttl is not None and not 1 <= ttl <= rules.longest:
            raise InputError(f"a lease lasts 1 to {rules.longest:g} s, not {ttl:g} s")
        return rules.ttl if ttl is None else ttl

    def _choose(self, tags: dict[str, str], count: int) -> tuple[str, ...]:
        """Free, healthy places with these tags whose instruments answer, the healthiest first."""
        fitting = [name for name, place in self.inventory.places.items() if tags.items() <= place.tags.items()]
        if len(fitting) < count:
            words = ", ".join(f"{name}={value}" for name, value in tags.items()) or "any tags"
            raise InputError(f"{len(fitting)} places have {words}; {count} were asked for")
        chosen: dict[str, frozenset[str]] = {}
        reasons = []
        book = self.ledger.book
        for name in sorted(fitting, key=lambda name: _ORDER.get(book.health(name).health, 2)):
            claims = self.inventory.claims(name)
            with self._lock:
                fitness, why = book.health(name), book.obstacle(name, claims)
            if why is None and fitness.health not in _ORDER:
                why = f"{name} is {fitness.health} ({fitness.reason})"
            if why := why or self._unreachable(name):
                reasons.append(why)
                continue
            chosen[name] = claims
            if len(chosen) == count:
                return tuple(chosen)
        raise LeaseDeniedError(f"{len(chosen)} of {count} places can be had: {'; '.join(reasons)}")

    def _unreachable(self, place: str) -> str | None:
        looked = (look_at(name, self._opened) for name in self.inventory.speaking(place))
        return next((f"{place}: {why}" for finding, why in looked if finding != "answered"), None)

    def extend(self, owner: str, token: str, ttl: float | None) -> dict[str, Any]:
        """The lease goes on. Raises LeaseDeniedError."""
        seconds = self._ttl(ttl)
        with self._lock:
            event = self.ledger.book.extend(token, seconds, self._now())
            self.ledger.record(event)
            lease = self.ledger.book.leases[event.number]
        self.ledger.line(owner, "extended", lease=lease.number, ttl=seconds)
        return _listed(lease, self._now())

    def beat(self, token: str) -> dict[str, Any]:
        """A heartbeat. Raises LeaseDeniedError."""
        with self._lock:
            return _listed(self.ledger.book.beat(token, self._now()), self._now())

    def check(self, token: str) -> Lease:
        """The living lease of a token. Raises LeaseDeniedError."""
        with self._lock:
            return self.ledger.book.check(token, self._now())

    def running(self) -> list[Lease]:
        """Leases under which something may be energised."""
        return [lease for lease in self.living() if lease.armed]

    def touching(self, place: str) -> list[Lease]:
        """The living leases of a place, and of anything that is wired to it."""
        claims = self.inventory.claims(place)
        return [lease for lease in self.living() if place in lease.places or claims & set(lease.claims)]

    def of_place(self, place: str) -> Lease | None:
        """The lease that a place is under."""
        self.inventory.place(place)
        with self._lock:
            return self.ledger.book.holder(place)

    def overdue(self) -> list[Lease]:
        """Leases whose time is over."""
        with self._lock:
            return self.ledger.book.overdue(self._now())

    def living(self) -> list[Lease]:
        """Leases that are not ending."""
        with self._lock:
            return [lease for lease in self.ledger.book.leases.values() if lease.ending is None]

    def operate(self, owner: str, token: str, place: str, what: str, act: Callable[[Rig], T], **details: Any) -> T:
        """Do something at a place under a lease, with all of it in the audit log. Raises what ``act`` does.

        An instrument that does not answer, or is another one, tells on the health of the place.
        """
        with self._told(owner, place, what, details) as told, self._noticed(owner, place, what):
            with self._turn(token, place) as (lease, rig):
                result = told["result"] = act(rig)
            told["lease"] = lease.number
        return result

    def under(self, owner: str, token: str, place: str, what: str, act: Callable[[], T], **details: Any) -> T:
        """Do something under a lease that no instrument has a part in. Raises what ``act`` does."""
        with self._told(owner, place, what, details) as told:
            told["lease"] = self._checked(token, place).number
            result = told["result"] = act()
        return result

    def play(self, owner: str, asked: Play) -> dict[str, Any]:
        """Play segments at a place until they are over. Other requests under the lease have their turn meanwhile."""
        place, seconds = asked.place, sum(segment.seconds for segment in asked.segments)
        details = {"segments": len(asked.segments), "seconds": seconds}
        with self._told(owner, place, "play", details) as told, self._noticed(owner, place, "play"):
            with self._turn(asked.token, place) as (lease, rig):
                playing, guard = Playing(rig, asked), self._guard(lease.number)
            told["lease"] = lease.number
        told_later = self._told(owner, place, "played", {"lease": lease.number})
        with told_later as told, self._noticed(owner, place, "play"):
            while not playing.over:
                time.sleep(playing.pause)
                with guard.turn:
                    playing.look()
            result = told["result"] = playing.result
        return result

    @contextlib.contextmanager
    def _told(self, owner: str, place: str, what: str, details: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Something asked for by ``owner``: how it ends stands in the audit log, with what the block adds."""
        self.inventory.place(place)
        told: dict[str, Any] = {}
        try:
            yield told
        except LeaseDeniedError as error:
            self.ledger.line(owner, "denied", asked=what, place=place, why=str(error), **details)
            raise
        except (MeterBenchError, OSError) as error:
            self.ledger.line(owner, "failed", asked=what, place=place, why=str(error), **details)
            raise
        self.ledger.line(owner, what, place=place, **told, **details)

    @contextlib.contextmanager
    def _noticed(self, owner: str, place: str, what: str) -> Iterator[None]:
        """What tells on the health of the place: an instrument silent, another one, or at something else."""
        try:
            yield
        except IdentityError as error:
            self.ledger.find(owner, place, "stranger", f"{what}: {error}")
            raise
        except (LinkError, AnswerError, OSError) as error:
            self.ledger.find(owner, place, "silent", f"{what}: {error}")
            raise
        except OutputError as error:
            self.ledger.find(owner, place, "doubt", f"{what}: {error}")
            raise

    @contextlib.contextmanager
    def _turn(self, token: str, place: str) -> Iterator[tuple[Lease, Rig]]:
        """The turn of a lease, and the rig of its place whose commands are fenced from here on."""
        lease = self._checked(token, place)
        guard = self._guard(lease.number)
        with guard.turn:
            cuts = self._arm(guard, token, place)
            fence = functools.partial(self._fenced, guard, cuts, token, place)
            yield lease, Rig(self.inventory, place, self._opened, fence)

    def measure(self, place: str) -> dict[str, Any]:
        """What the instruments of a place read; needs no lease."""
        return self.looking(place).measure()

    def looking(self, place: str) -> Rig:
        """The rig of a place for who only looks; needs no lease."""
        return Rig(self.inventory, place, self._opened, _read_only)

    def _checked(self, token: str, place: str) -> Lease:
        with self._lock:
            if self._closed:
                raise LeaseDeniedError("the gateway is ending")
            return self.ledger.book.check(token, self._now(), place)

    def _guard(self, number: int) -> _Guard:
        with self._lock:
            return self._guards.setdefault(number, _Guard())

    def _arm(self, guard: _Guard, token: str, place: str) -> int:
        with guard.gate:
            lease = self._checked(token, place)
            if not lease.armed:
                self.ledger.record(Armed(lease.number, True))
            return guard.cuts

    def _fenced(self, guard: _Guard, cuts: int, token: str, place: str, send: Callable[[], T]) -> T:
        with guard.gate:
            self._checked(token, place)
            if guard.cuts != cuts:
                raise LeaseDeniedError("the safe state was asked for meanwhile")
            return send()

    def disarm(self, owner: str, lease: Lease) -> SafeReport:
        """Safe state of a lease's places; the lease goes on."""
        with self._shut(lease.number):
            self._guard(lease.number).cuts += 1
            report = self.make_safe(owner, lease.places)
            if not report.failures:
                self.ledger.record(Armed(lease.number, False))
        return report

    def end(self, lease: Lease, reason: str, *, doubt: bool = False) -> SafeReport:
        """End a lease: its token no longer passes; when it was armed, safe state; then its places are free.

        With ``doubt`` the health of its places is unknown afterwards; it is bad when the safe state was not reached.
        """
        with self._shut(lease.number), self._lock:
            known = self.ledger.book.leases.get(lease.number)
            if known is None or known.ending is not None:
                return SafeReport(())  # somebody else ends it
            with contextlib.suppress(JournalError):  # it ends all the same
                self.ledger.record(Ending(lease.number, reason))
        return self._end(known, reason, doubt=doubt)

    def _end(
        self, lease: Lease, reason: str, *, doubt: bool, by: str = "gateway", safe: SafeReport | None = None
    ) -> SafeReport:
        """Safe state, unless it has been reached (``safe``); then the places of an ending lease are free."""
        self.ledger.line(by, "ending", lease=lease.number, places=lease.places, owner=lease.owner, why=reason)
        report = safe or (self.make_safe(by, lease.places) if lease.armed else SafeReport(()))
        if doubt:
            for place in lease.places:
                self.ledger.find(by, place, "doubt", reason)
        self.ledger.freed(by, lease)
        with self._lock:
            self._guards.pop(lease.number, None)
        return report

    @contextlib.contextmanager
    def _shut(self, number: int) -> Iterator[None]:
        """No command of this lease is sent in the block. One that hangs is not waited for: drivers keep the order."""
        gate = self._guard(number).gate
        held = gate.acquire(timeout=self.inventory.rack.safe_state.step_seconds)
        try:
            yield
        finally:
            if held:
                gate.release()

    def make_safe(self, by: str, places: tuple[str, ...]) -> SafeReport:
        """Safe state of these places; no lease is touched."""
        report = make_safe(self.inventory, self._opened, places)
        self.ledger.safe_state(by, report, places)
        return report

    def make_all_safe(self, by: str) -> SafeReport:
        """Safe state of the whole rack; no lease is touched."""
        report = make_safe(self.inventory, self._opened)
        self.ledger.safe_state(by, report, tuple(self.inventory.places))
        return report


def _listed(lease: Lease, now: float) -> dict[str, Any]:
    return {
        "lease": lease.number,
        "owner": lease.owner,
        "places": lease.places,
        "since": lease.since,
        "ttl": lease.ttl,
        "expires": lease.expires,
        "left": round(lease.expires - now, 3),
        "armed": lease.armed,
        "ending": lease.ending,
    }


def _read_only(send: Callable[[], T]) -> T:
    raise LeaseDeniedError("reading needs no lease, and changes nothing")
