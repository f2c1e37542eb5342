"""The PANA sessions of one meter: one with each controller that knocks, and as many open as the generation allows.

A controller that proves itself when all places are taken is refused as not authorized (RFC 5191's result 2), which a
text stick shows as EVENT 24 like a wrong password. A controller that has a place keeps it when it knocks again.
Packets are addressed by the stick's link-local address. Times are true Unix seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from ipaddress import IPv6Address

from protocols.wisun.paa import Paa
from protocols.wisun.pana import TerminationCause
from protocols.wisun.pana_role import Established, PanaState, default_random
from protocols.wisun.radio import Credentials

FOR_EVER = 2**32 - 1
"""Seconds of the longest lifetime that PANA can grant: 136 years."""


class Sessions:
    """Sessions under one pair of credentials; ``defects`` are planted faults by name (:mod:`twins.route_b.meter`)."""

    def __init__(
        self,
        credentials: Credentials,
        at_once: int,
        lifetime: int,
        defects: Collection[str] = (),
        random: Callable[[int], bytes] = default_random,
    ) -> None:
        self._credentials = credentials
        self._at_once = at_once
        self._lifetime = FOR_EVER if "never-expires" in defects else lifetime
        self._defects, self._random = defects, random
        self._roles: dict[IPv6Address, Paa] = {}
        self._new: list[IPv6Address] = []

    @property
    def joined(self) -> list[IPv6Address]:
        """Controllers with an open session."""
        return [controller for controller, role in self._roles.items() if role.state is PanaState.OPEN]

    def is_joined(self, controller: IPv6Address) -> bool:
        """Whether this controller has an open session."""
        role = self._roles.get(controller)
        return role is not None and role.state is PanaState.OPEN

    def receive(self, controller: IPv6Address, packet: bytes, now: float, offered: Credentials) -> None:
        """A PANA packet; ``offered`` are the credentials in the stick, which only a defective meter looks at."""
        if controller not in self._roles:
            self._roles[controller] = self._new_role(controller, offered)
        self._roles[controller].receive(packet, now)
        self._heed(controller)

    def _new_role(self, controller: IPv6Address, offered: Credentials) -> Paa:
        # EAP-PSK proves both sides to each other: a meter that takes any password has to know the one that is tried
        known = offered if "accepts-any-password" in self._defects else self._credentials
        return Paa(known, lifetime=self._lifetime, random=self._random, admit=lambda: self._has_room(controller))

    def _has_room(self, controller: IPv6Address) -> bool:
        others = sum(1 for other in self.joined if other != controller)
        return others < self._at_once or "admits-everybody" in self._defects

    def _heed(self, controller: IPv6Address) -> None:
        for event in self._roles[controller].events():
            if isinstance(event, Established) and not event.again:
                self._new.append(controller)

    def poll(self, now: float) -> None:
        """Repeat, give up, expire: what has come due."""
        for controller, role in self._roles.items():
            role.poll(now)
            self._heed(controller)

    def end_all(self, now: float) -> None:
        """Tell every controller that its session is over."""
        for role in self._roles.values():
            role.terminate(TerminationCause.ADMINISTRATIVE, now)

    def packets(self) -> list[tuple[IPv6Address, bytes]]:
        """Take the packets to send, each with its controller; a session that is over is then forgotten."""
        found = [(controller, packet) for controller, role in self._roles.items() for packet in role.output()]
        self._roles = {c: role for c, role in self._roles.items() if role.state is not PanaState.CLOSED}
        return found

    def newly_joined(self) -> list[IPv6Address]:
        """Take the controllers that joined since this was asked last; re-authentication is no joining."""
        new, self._new = self._new, []
        return new

    @property
    def next_due(self) -> float:
        """When :meth:`poll` has something to do; infinite when never."""
        return min((d for role in self._roles.values() if (d := role.deadline) is not None), default=float("inf"))
