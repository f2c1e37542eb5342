"""One meter as it stands on the B-route's radio: its beacon, its sessions, and what it answers to whom.

Rules of this file:

* Without credentials the route is closed: no beacon, no PANA, no answer (requirement B3).
* Only a controller with an open session is answered, and only what came encrypted (B5); what else comes is counted.
* Requests of all controllers share one queue (:mod:`twins.route_b.pace`). Confirmations (INFC_Res) do not count.
* A meter that is down hears and says nothing, and has forgotten its sessions when it is back: :meth:`RouteB.restart`.
* A controller that joins is greeted with the instance list (``meter-protocols`` §8 trap 14).

Sessions live in simulated time (``now``, Unix s), requests are paced in real time (``steady``, s), as clients are.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import NamedTuple

from protocols.echonet.transport import Outgoing
from protocols.wisun.radio import Credentials
from twins.echonet.node import TwinNode
from twins.route_b.limits import Limits, shipped_limits
from twins.route_b.pace import RequestQueue, is_confirmation
from twins.route_b.sessions import Sessions


@dataclass(slots=True)
class Dropped:
    """What a meter left unanswered, by reason: no session, not encrypted, too frequent."""

    not_joined: int = 0
    not_encrypted: int = 0
    too_frequent: int = 0


class _Asked(NamedTuple):
    controller: IPv6Address
    payload: bytes
    multicast: bool


class RouteB:
    """The B-route of one twin. ``credentials`` None: the route is not open.

    ``defects`` are names of the catalogue; those of other routes are passed over.
    """

    def __init__(
        self,
        node: TwinNode,
        credentials: Credentials | None,
        *,
        limits: Limits | None = None,
        defects: Collection[str] = (),
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.node = node
        self._limits = limits or shipped_limits()
        self._defects, self._random = defects, random
        self._queue: RequestQueue[_Asked] = RequestQueue(self._limits.requests.radio)
        self._dropped = Dropped()
        self._said: list[Outgoing] = []
        self._ended: Sessions | None = None
        self.credentials: Credentials | None = None
        self._sessions: Sessions | None = None
        if credentials is not None:
            self.open(credentials)

    @property
    def dropped(self) -> Dropped:
        """What was left unanswered so far."""
        self._dropped.too_frequent = self._queue.refused
        return self._dropped

    @property
    def joined(self) -> list[IPv6Address]:
        """Controllers with a session."""
        return [] if self._sessions is None else self._sessions.joined

    # --- the contract ----------------------------------------------------------------------------------------------

    def open(self, credentials: Credentials) -> None:
        """Open the route under these credentials; a new tenant or an exchanged meter has others."""
        at_once = self._limits.controllers[self.node.view.generation].at_once
        lifetime = self._limits.session.lifetime_s
        self.credentials = credentials
        self._sessions = Sessions(credentials, at_once, lifetime, self._defects, self._random)

    def shut(self, now: float) -> None:
        """Close the route: the controllers are told that their sessions are over."""
        if self._sessions is not None:
            self._sessions.end_all(now)
        self._ended, self._sessions, self.credentials = self._sessions, None, None
        self._queue.clear()

    def restart(self) -> None:
        """The meter was down: nobody has a session any more, nobody was told, and nothing waits."""
        self._queue.clear()
        self._said.clear()
        self._ended = None
        if self.credentials is not None:
            self.open(self.credentials)

    # --- joining ---------------------------------------------------------------------------------------------------

    def is_there(self, now: float) -> bool:
        """Whether there is anybody to speak to: the route is open and the meter runs."""
        return self.credentials is not None and self.node.runs(now)

    def answers_beacon(self, pair_id: bytes, now: float) -> bool:
        """Whether the meter answers a scan for this pairing id; an empty one is for all."""
        return self.is_there(now) and self.credentials is not None and pair_id in (b"", self.credentials.pair_id)

    def pana(self, controller: IPv6Address, packet: bytes, now: float, offered: Credentials) -> None:
        """A PANA packet of a controller; ``offered`` are the credentials in its stick (for a planted defect)."""
        if not self.node.runs(now):
            return
        if self._sessions is not None:
            self._sessions.receive(controller, packet, now, offered)
        elif self._ended is not None:
            self._ended.receive(controller, packet, now, offered)

    def packets(self) -> list[tuple[IPv6Address, bytes]]:
        """Take the PANA packets to send, each with its controller."""
        return [pair for sessions in self._all_sessions() for pair in sessions.packets()]

    def greetings(self) -> list[tuple[IPv6Address, bytes]]:
        """Take what controllers that have just joined are told: the instance list."""
        new = [] if self._sessions is None else self._sessions.newly_joined()
        if "no-instance-list" in self._defects:
            return []
        return [(controller, item.data) for controller in new for item in self.node.announce()]

    # --- requests --------------------------------------------------------------------------------------------------

    def request(
        self, controller: IPv6Address, payload: bytes, now: float, steady: float, *, secured: bool, multicast: bool
    ) -> None:
        """An ECHONET Lite datagram of a stick in range; what is to be said is taken by :meth:`take`."""
        if not self.node.runs(now):
            return
        if "answers-before-joining" not in self._defects:
            if self._sessions is None or not self._sessions.is_joined(controller):
                self._dropped.not_joined += 1
                return
            if not secured:
                self._dropped.not_encrypted += 1
                return
        asked = _Asked(controller, payload, multicast)
        if is_confirmation(payload) or self._queue.offer(asked, steady):
            self._serve(asked, now)

    def _serve(self, asked: _Asked, now: float) -> None:
        self._said += self.node.receive(asked.payload, asked.controller, now, multicast=asked.multicast)

    def take(self) -> list[Outgoing]:
        """Take the frames to send: to one controller by its address, or to everybody."""
        said, self._said = self._said, []
        return said

    # --- time ------------------------------------------------------------------------------------------------------

    def poll(self, now: float, steady: float) -> None:
        """Do what has come due: sessions by ``now``, waiting requests by ``steady``."""
        if not self.node.runs(now):
            self.restart()
            return
        for sessions in self._all_sessions():
            sessions.poll(now)
        for asked in self._queue.due(steady):
            if "answers-before-joining" in self._defects or asked.controller in self.joined:
                self._serve(asked, now)

    @property
    def next_session_due(self) -> float:
        """When a session needs :meth:`poll`, in simulated time; infinite when none does."""
        return min((sessions.next_due for sessions in self._all_sessions()), default=float("inf"))

    @property
    def next_request_due(self) -> float:
        """When a waiting request needs :meth:`poll`, in real time; infinite when none waits."""
        return self._queue.next_due

    def _all_sessions(self) -> list[Sessions]:
        return [sessions for sessions in (self._sessions, self._ended) if sessions is not None]
