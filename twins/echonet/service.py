"""Twins served in time: requests as they come, the fleet advanced at each :00 and :30, half-hours told unasked."""

from __future__ import annotations

import asyncio

from protocols.echonet.transport import Address
from protocols.slots import slot_end, slot_of
from twins.chosen import ChosenTwins
from twins.clock import Clock
from twins.echonet.node import TwinNode
from twins.echonet.notices import HalfHourNotices
from twins.echonet.udp import UdpTwins

_REPEATS_LOOKED_AT = 1.0  # real s between looks at what is not confirmed yet


class EchonetService:
    """Serves ``nodes``, whose twins are ``twins``, on the sockets of ``udp``.

    ``notify`` is the host of a controller that gets the half-hours as INFC; without one they go to everybody as INF.
    INFC repeats count in real time, because controllers do.
    """

    def __init__(
        self, twins: ChosenTwins, nodes: list[TwinNode], udp: UdpTwins, clock: Clock, notify: Address | None = None
    ) -> None:
        self._twins, self._nodes, self._udp = twins, nodes, udp
        self._clock, self._notify = clock, notify
        now = clock.now()
        twins.advance_to(slot_of(now))
        self._notices = HalfHourNotices(twins.plan.seed, [node.view.index for node in nodes], now)

    @property
    def given_up(self) -> int:
        """Half-hours that the controller never confirmed."""
        return sum(node.given_up for node in self._nodes)

    async def run(self) -> None:
        """Serve until cancelled; the sockets must be open, and the caller closes them."""
        self._udp.start()
        while True:
            self.step(self._clock.now(), self._clock.monotonic())
            await asyncio.sleep(self._rest())

    def step(self, now: float, steady: float) -> None:
        """Do what is due at ``now`` (true Unix s) and ``steady`` (real s)."""
        self._twins.advance_to(slot_of(now))
        for place in self._notices.due(now):
            self._udp.send(place, self._nodes[place].tell_half_hour(now, self._notify, steady))
        if self._notify is not None:
            for place, node in enumerate(self._nodes):
                self._udp.send(place, node.due(steady))

    def _rest(self) -> float:
        due = min(self._notices.next_due(), slot_end(slot_of(self._clock.now())))
        rest = self._clock.real_until(due)
        return rest if self._notify is None else min(rest, _REPEATS_LOOKED_AT)
