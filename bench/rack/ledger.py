"""What is written down of a rack: the lease book in its journal, how fit the places are, the audit log."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict

from bench.rack.audit import Audit
from bench.rack.fitness import Found, after
from bench.rack.inventory import Inventory, taps
from bench.rack.journal import Journal
from bench.rack.leases import Event, Fitness, Freed, Health, HealthSet, Lease, LeaseBook
from bench.rack.sequencer import SafeReport


class Ledger:
    """Journal and audit log of one rack; ``now`` tells Unix seconds. Called from any thread.

    ``lock`` is for who looks at the book and decides by it; it is never held while an instrument is waited for.
    """

    def __init__(self, inventory: Inventory, journal: Journal, audit: Audit, now: Callable[[], float]) -> None:
        self._inventory, self._journal, self._audit, self.now = inventory, journal, audit, now
        self.line = audit.line
        self.lock = threading.RLock()

    @property
    def book(self) -> LeaseBook:
        """The lease book."""
        return self._journal.book

    def record(self, event: Event) -> None:
        """Write an event down. Raises JournalError for one of a lease that is over."""
        with self.lock:
            self._journal.record(event)

    def freed(self, by: str, lease: Lease, why: str | None = None) -> None:
        """The places of a lease may be taken again."""
        self.record(Freed(lease.number))
        self.line(by, "freed", lease=lease.number, places=lease.places, **({"why": why} if why else {}))

    def set_health(self, by: str, place: str, health: Health, reason: str) -> None:
        """Say how fit a place is, as people do."""
        self._inventory.place(place)
        self._set(by, place, Fitness(health, reason, self.now()))

    def find(self, by: str, place: str, finding: Found, reason: str) -> None:
        """Take down what was found at a place; whether it counts there is the table's affair."""
        with self.lock:
            fitness = after(self.book.health(place), finding, reason, self.now())
            if fitness is not None:
                self._set(by, place, fitness)

    def safe_state(self, by: str, report: SafeReport, places: tuple[str, ...]) -> None:
        """Tell how the safe state of these places went."""
        steps = [asdict(step) for step in report.steps]
        self.line(by, "safe state", places=places, reached=not report.failures, steps=steps)
        self.find_unsafe(by, report, places)

    def find_unsafe(self, by: str, report: SafeReport, places: tuple[str, ...]) -> None:
        """Places of a failed step are bad; so are others that have the same source, analyser or load."""
        guilty = {step.instrument for step in report.failures}
        for place in self._inventory.places:
            own = {name for _kind, name, _channel in taps(self._inventory.place(place))} if place in places else set()
            if guilty & (own | self._inventory.claims(place)):
                self.find(by, place, "unsafe", f"safe state not reached: {report}")

    def safe_at_last(self, by: str, report: SafeReport, places: tuple[str, ...]) -> None:
        """The safe state of these places had not been reached, and now is."""
        steps = [asdict(step) for step in report.steps]
        self.line(by, "safe state", places=places, reached=True, late=True, steps=steps)
        for place in places:
            self.find(by, place, "late", "the safe state was reached late: look at it before it is used again")

    def unsafe(self) -> tuple[str, ...]:
        """Places under no lease whose safe state is still to be reached."""
        with self.lock:
            return tuple(
                place
                for place in self._inventory.places
                if self.book.health(place).cause == "unsafe" and self.book.holder(place) is None
            )

    def idle(self) -> tuple[str, ...]:
        """Places of which nothing is under a lease, so that looking at them disturbs nobody."""
        with self.lock:
            taken = {claim for lease in self.book.leases.values() for claim in lease.claims}
            held = {place for lease in self.book.leases.values() for place in lease.places}
        return tuple(
            place for place in self._inventory.places if place not in held and not taken & self._inventory.claims(place)
        )

    def _set(self, by: str, place: str, fitness: Fitness) -> None:
        self.record(HealthSet(place, fitness))
        self.line(by, "health", place=place, health=fitness.health, why=fitness.reason)
