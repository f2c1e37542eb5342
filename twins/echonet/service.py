"""Twins served in time: requests as they come, the fleet advanced at each :00 and :30, half-hours told unasked."""

from __future__ import annotations

import asyncio
import logging

from protocols.echonet.transport import Address
from protocols.slots import slot_end, slot_of
from twins.chosen import ChosenTwins
from twins.clock import Clock
from twins.echonet.node import TwinNode
from twins.echonet.notices import HalfHourNotices
from twins.echonet.udp import UdpTwins
from twins.serving.endpoint import Endpoint

log = logging.getLogger(__name__)

_REPEATS_LOOKED_AT = 1.0  # real s between looks at what is not confirmed yet


class EchonetService:
    """Serves ``nodes``, whose twins are ``twins``, on the sockets of ``udp``.

    Half-hours go to everybody as INF. With ``notify``, the host of a controller on UDP, they go there as INFC, not
    to the group; other media still hear INF. INFC repeats count in real time, because controllers do.
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

    def open(self) -> None:
        """Take the addresses; raises :class:`twins.echonet.addresses.AddressError`."""
        self._udp.open()

    def endpoints(self) -> list[Endpoint]:
        """Where the nodes answer, and what they are."""
        places = enumerate(zip(self._nodes, self._udp.addresses, strict=True))
        return [self._endpoint(place, node, address) for place, (node, address) in places if address is not None]

    def _endpoint(self, place: int, node: TwinNode, address: str) -> Endpoint:
        who, told = node.view.identity, {} if self._notify is None else {"notify": str(self._notify)}
        return Endpoint(
            meter=who.meter,
            protocol="echonet-lite",
            address=address,
            ipv6=self._udp.ipv6 if place == 0 else None,
            port=self._udp.port,
            ids={
                "route_b_id": node.credentials.id,
                "route_b_password": node.credentials.password,
                "serial": who.serial,
                "maker": who.maker.hex().upper(),
            },
            about={"eoj": str(node.eoj), "release": node.release, **told},
        )

    def announce(self, place: int) -> None:
        """A node that has started says to everybody what it has."""
        self._udp.send(place, self._nodes[place].announce())

    def close(self) -> None:
        """Let go of the addresses, and say what went wrong meanwhile."""
        self._udp.close()
        for number, what, level in (
            (self._udp.lost, "datagrams could not be sent", logging.WARNING),
            (self.given_up, "half-hours were never confirmed", logging.INFO),  # the controller's matter
            (self._udp.refused, "requests came too fast and were dropped", logging.WARNING),
        ):
            if number:
                log.log(level, "%d %s", number, what)

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
            self._tell_half_hour(place, now, steady)
        if self._notify is not None:
            for place, node in enumerate(self._nodes):
                if node.runs(now):
                    self._udp.send(place, node.due(steady))

    def _tell_half_hour(self, place: int, now: float, steady: float) -> None:
        node = self._nodes[place]
        if self._notify is None:
            self._udp.send(place, node.tell_half_hour(now))
            return
        self._udp.send(place, node.tell_half_hour(now, self._notify, steady))
        for item in node.tell_half_hour(now):
            self._udp.everybody.say(place, item.data, besides=self._udp.say)

    def _rest(self) -> float:
        due = min(self._notices.next_due(), slot_end(slot_of(self._clock.now())))
        rest = self._clock.real_until(due)
        return rest if self._notify is None else min(rest, _REPEATS_LOOKED_AT)
