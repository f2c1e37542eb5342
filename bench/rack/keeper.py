"""What the gateway does by itself: watchdogs fed, idle places looked at, unsafe places brought into their safe state.

Each duty has a thread of its own, so that none waits for another's instruments.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Final

from bench.rack.desk import Desk
from bench.rack.doctor import look_at
from bench.rack.fitness import Found
from bench.rack.journal import JournalError
from bench.rack.leases import Lease
from bench.rack.sequencer import Open, make_safe
from hil_drivers.registry import Kind

log = logging.getLogger(__name__)

_FEED_AT_LEAST: Final = 1.0
"""Real seconds between looks at the sources of armed leases, at most: a lost one is to be noticed soon."""

_AGAIN: Final = 2.0
"""Real seconds between attempts to reach a safe state that was not reached."""

_STEP_SECONDS: Final = 10.0
"""Real seconds that a step of such an attempt may take: longer than drivers wait, so that none is left behind."""


class Keeper:
    """The gateway's own duties, until ``stop``. ``lost`` is told of leases whose source does not answer, and why."""

    def __init__(self, desk: Desk, opened: Open, stop: threading.Event, lost: Callable[[Lease, str], None]) -> None:
        self._desk, self._ledger, self._inventory = desk, desk.ledger, desk.inventory
        self._opened, self._stop, self._lost = opened, stop, lost

    def start(self) -> None:
        """Begin all duties."""
        rules = self._inventory.rack
        every = min(_FEED_AT_LEAST, rules.safe_state.watchdog_seconds / 4)
        duties: list[tuple[str, Callable[[], None], float]] = [
            (f"feed {name}", functools.partial(self.feed, name), every)  # none starves while another does not answer
            for name, instrument in self._inventory.instruments.items()
            if instrument.kind is Kind.SOURCE
        ]
        duties.append(("safe again", self.try_again, _AGAIN))
        if rules.health.interval:
            duties.append(("health", self.look, rules.health.interval))
        for name, duty, every in duties:
            threading.Thread(target=self._every, args=(every, duty), name=name, daemon=True).start()

    def _every(self, seconds: float, duty: Callable[[], None]) -> None:
        while not self._stop.wait(seconds):
            try:
                duty()
            except JournalError as error:  # a duty that ended here would not be done any more
                log.error("%s", error)

    def feed(self, source: str) -> None:
        """Feed the watchdog of a source that is in use: any exchange does.

        A source that does not answer twice in a row ends its lease: nobody knows what it puts out. Under a lease whose
        time is over none is fed: should nobody be there to end it, the watchdog does.
        """
        over = {lease.number for lease in self._desk.overdue()}
        for lease in self._desk.running():
            if lease.number in over or source not in self._inventory.wired(lease.places, Kind.SOURCE):
                continue
            if self._silence(source) is not None and (why := self._silence(source)) is not None:
                self._lost(lease, f"{source} is lost: {why}")

    def _silence(self, source: str) -> str | None:
        found, why = look_at(source, self._opened)
        return None if found == "answered" else why

    def try_again(self) -> None:
        """Reach the safe state of places where it was not reached, once their instruments answer again."""
        places = self._ledger.unsafe()
        if not places:
            return
        report = make_safe(self._inventory, self._opened, places, _STEP_SECONDS)
        if not report.failures:
            self._ledger.safe_at_last("gateway", report, places)

    def look(self) -> None:
        """Ask the instruments of idle places who they are, and take down what that says of the places."""
        known: dict[str, tuple[Found, str]] = {}
        for place in self._inventory.places:
            wired = set(self._inventory.speaking(place))
            if self._stop.is_set() or not wired:
                continue
            for name in sorted(wired - known.keys()):
                if place not in self._ledger.idle():  # it may have been taken since the last question
                    break
                known[name] = look_at(name, self._opened)
            else:
                finding, why = _worst(known[name] for name in sorted(wired))
                self._ledger.find("gateway", place, finding, why)


def _worst(found: Iterable[tuple[Found, str]]) -> tuple[Found, str]:
    order: tuple[Found, ...] = ("stranger", "silent", "answered")
    return min(found, key=lambda each: order.index(each[0]))
