"""One place: its stick over the range of its attenuator. Everything is asked of the gateway.

Levels come from scans (a stick shows the level of beacons), joins are timed now and then, and requests are counted
across the edge, over a session that was made where the radio is loud.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from bench.campaigns.field_sweep.theory import level_fit, lost
from bench.field.attenuators import Wanted, setting_for
from bench.rack.client import GatewayError, RackClient
from bench.rack.errors import LeaseDeniedError
from bench.rack.messages import Attenuate, Radio

_BOOTS: Final = 3  # scans that a meter may need to come up
_HIGHEST: Final = 130.0  # dB: no attenuator takes more
_AT_ONCE: Final = 10  # requests of one message to the gateway
_SEEN: Final = 1e-4  # share of lost requests that begins the edge of theory
_DEAF: Final = 0.9  # share of lost requests from which nothing more is to be learnt

Note = Callable[[str], None]


class Plan(NamedTuple):
    """How to sweep: steps in dB, counts, and what a level may be (parameters of ``limits/field-sweep.toml``)."""

    coarse: float
    joins: float
    fine: float
    around: float
    floor: float
    ceiling: float
    settle: float
    tries: int
    requests: int


@dataclass
class Level:
    """What a scan found at a setting: level and s, None where the meter was not heard; ``why`` it was not."""

    db: float
    rssi_dbm: float | None
    seconds: float | None
    why: str = ""


@dataclass
class Count:
    """Requests at a setting, and how many of them nobody acknowledged."""

    db: float
    sent: int
    failed: int


@dataclass
class Sweep:
    """What was found at one place. ``joins``: (dB, s), None where the stick did not join."""

    place: str
    meter: str
    link: Wanted | None = None
    levels: list[Level] = field(default_factory=list)
    joins: list[tuple[float, float | None]] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    field_db: float | None = None  # what the attenuator was set to from the link table
    field_rssi_dbm: float | None = None
    fault: str = ""

    def heard(self, plan: Plan) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Settings and levels where the stick showed one, its ends left out."""
        points = [(each.db, each.rssi_dbm) for each in self.levels if each.rssi_dbm is not None]
        inside = [(db, rssi) for db, rssi in points if plan.floor < rssi < plan.ceiling]
        return np.array([db for db, _ in inside]), np.array([rssi for _, rssi in inside])

    def at_zero(self, plan: Plan) -> float | None:
        """The level at 0 dB; None where the meter was never heard."""
        db, rssi = self.heard(plan)
        return level_fit(db, rssi)[0] if len(db) else None

    def field_at_zero(self, plan: Plan) -> float | None:
        """The level at 0 dB that the link table goes by: the topology's, where it describes the path's loss."""
        described = None if self.link is None else self.link.described_dbm
        return self.at_zero(plan) if described is None else described


class Sweeper:
    """Sweeps one place that is leased; ``stop`` ends it at the next step."""

    def __init__(
        self, client: RackClient, token: str, found: Sweep, plan: Plan, note: Note, stop: threading.Event
    ) -> None:
        self._client, self._token, self._found, self._plan = client, token, found, plan
        self._note, self._stop = note, stop

    def run(self) -> None:
        """All of it. Raises what the gateway says when the bench or the lease is at fault."""
        self._levels()
        self._as_in_the_field()
        self._joins()
        self._edge()
        with contextlib.suppress(GatewayError):
            self._radio("leave")
        found = self._found
        self._note(
            f"{found.place}: {len(found.heard(self._plan)[0])} levels, {sum(each.sent for each in found.counts)} "
            f"requests at {len(found.counts)} settings"
        )

    def _levels(self) -> None:
        self._set(0.0)
        for _ in range(_BOOTS):
            level = self._scan(0.0)
            if level.seconds is not None or not self._goes_on():
                break
        db = 0.0
        while level.seconds is not None and self._goes_on():
            self._found.levels.append(level)
            db += self._plan.coarse
            if not self._set(db):
                return
            level = self._scan(db)
        self._found.levels.append(level)

    def _as_in_the_field(self) -> None:
        """The attenuator as the link table has it, and what the stick hears then."""
        link, at_zero = self._found.link, self._found.field_at_zero(self._plan)
        if link is None or at_zero is None or not self._goes_on():
            return
        self._found.field_db = self._nearest(setting_for(link, at_zero))
        self._found.field_rssi_dbm = self._scan(self._found.field_db).rssi_dbm

    def _joins(self) -> None:
        for level in self._found.levels:
            if level.db % self._plan.joins or level.seconds is None or not self._goes_on():
                continue
            self._set(level.db)
            seconds = None
            with contextlib.suppress(GatewayError):
                self._radio("leave")
                seconds = float(self._radio("join")["seconds"])
            self._found.joins.append((level.db, seconds))

    def _edge(self) -> None:
        """Coarse steps until requests are lost, then fine ones across."""
        if not self._goes_on():
            return
        if self._found.levels[0].seconds is None:
            self._found.fault = self._found.levels[0].why
            return
        self._set(0.0)
        self._radio("join")
        last, first = 0.0, None
        db = 0.0
        while first is None and self._goes_on() and self._set(db):
            share = self._count(db, _AT_ONCE)
            first = db if share >= _DEAF else None
            last = db if share == 0 else last
            db += self._plan.coarse
        if first is None:
            return
        earliest = max(0.0, last - self._plan.fine)
        begin = self._begin(earliest, first)
        if begin > earliest and self._set(begin) and self._count(begin, self._plan.requests) > 0:
            begin = earliest  # the edge lies before the one of theory
        db = begin
        while self._goes_on() and db <= first + self._plan.around and self._set(db):
            if self._count(db, self._plan.requests) >= 1.0:
                return
            db += self._plan.fine

    def _begin(self, earliest: float, first: float) -> float:
        """Where fine steps begin: before theory's edge at the levels found, if that is in the bracket."""
        at_zero = self._found.at_zero(self._plan)
        if at_zero is None:
            return earliest
        steps = np.arange(earliest, first, self._plan.fine)
        ahead = steps[lost(at_zero - steps, self._plan.tries) > _SEEN]
        return max(earliest, float(ahead[0]) - self._plan.around / 2) if len(ahead) else earliest

    def _count(self, db: float, requests: int) -> float:
        count = Count(db, 0, 0)
        self._found.counts.append(count)
        while count.sent < requests and self._goes_on():
            told = self._radio("probe", min(_AT_ONCE, requests - count.sent))
            count.sent += told["sent"]
            count.failed += told["sent"] - told["acknowledged"]
        return count.failed / max(1, count.sent)

    def _scan(self, db: float) -> Level:
        try:
            told = self._radio("scan")
        except GatewayError as error:
            return Level(db, None, None, str(error))
        return Level(db, told["rssi_dbm"], told["seconds"])

    def _radio(self, action: Any, count: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = self._client.ask(Radio(self._found.place, self._token, action, count))
        return found

    def _set(self, db: float) -> bool:
        """Set the attenuator; whether it goes so far."""
        return db <= _HIGHEST and abs(self._nearest(db) - db) < self._plan.fine

    def _nearest(self, db: float) -> float:
        """Set the attenuator as near to this as it goes, and wait until it is there."""
        found = float(self._client.ask(Attenuate(self._found.place, self._token, db, nearest=True))["db"])
        self._stop.wait(self._plan.settle)
        return found

    def _goes_on(self) -> bool:
        return not self._stop.is_set()


def sweep_place(client: RackClient, token: str, found: Sweep, plan: Plan, note: Note, stop: threading.Event) -> None:
    """Sweep one place into ``found``; what goes wrong stands in its ``fault``, a lost lease is raised."""
    try:
        Sweeper(client, token, found, plan, note, stop).run()
    except LeaseDeniedError:
        raise
    except GatewayError as error:
        found.fault = str(error)
        note(f"{found.place}: {error}")
