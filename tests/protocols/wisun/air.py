"""A little world in memory: one stick, one meter, the air between them; and a host on the stick's line."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from protocols.wisun.host import HostSession, SessionEvent
from protocols.wisun.j11 import module as _j11_module
from protocols.wisun.j11 import session as _j11_session
from protocols.wisun.paa import Paa
from protocols.wisun.pac import Pac
from protocols.wisun.pana_role import Established, Role
from protocols.wisun.radio import (
    ALL_NODES,
    ECHONET_PORT,
    PANA_PORT,
    Associate,
    Credentials,
    Datagram,
    Join,
    Rejoin,
    Request,
    Scan,
    SendResult,
    Stick,
    Terminate,
    Transmit,
    link_local,
)
from protocols.wisun.skstack.dialect import BP35A1, BP35C2, RL7023, Dialect
from protocols.wisun.skstack.module import Module
from protocols.wisun.skstack.session import Session

from .vectors import BEACON, CREDENTIALS, METER_MAC, STICK_MAC

METER = link_local(METER_MAC)
J11 = "J11"
Kind = Dialect | str
KINDS: list[Kind] = [BP35A1, RL7023, BP35C2, J11]


def kind_name(kind: Kind) -> str:
    return kind if isinstance(kind, str) else kind.name


class Air:
    """Answers the stick's requests. What is to go wrong is set beforehand."""

    def __init__(self, stick: Stick, meter: Credentials = CREDENTIALS, *, in_range: bool = True) -> None:
        self.stick = stick
        self.meter = meter
        self.in_range = in_range
        self.send_result = SendResult.OK
        self.hold_transmit = self.deaf_to_pana = False
        self.seen: list[Request] = []
        self.sent: list[Transmit] = []
        self._joined: Join | None = None

    def settle(self) -> None:
        """Answer all requests and those that follow from the answers."""
        while requests := self.stick.requests():
            for request in requests:
                self.seen.append(request)
                self._answer(request)

    def _answer(self, request: Request) -> None:
        if isinstance(request, Scan):
            if self.in_range and request.pair_id in (b"", BEACON.pair_id) and BEACON.channel in request.channels:
                self.stick.beacon_found(BEACON)
            self.stick.scan_finished(dict.fromkeys(request.channels, 32))
        elif isinstance(request, Associate):
            assert isinstance(self.stick, _j11_module.Module)
            self.stick.associated(BEACON if self.in_range else None)
        elif isinstance(request, Join | Rejoin):
            self._joined = request if isinstance(request, Join) else self._joined
            if not self.deaf_to_pana:
                self.authenticate()
        elif isinstance(request, Terminate):
            if not self.deaf_to_pana:
                self.stick.terminated()
        elif isinstance(request, Transmit):
            self.sent.append(request)
            if not self.hold_transmit:
                self.stick.transmit_finished(self.send_result)

    def authenticate(self) -> None:
        """Real PANA packets between the stick's client and the meter's server, shown as the stick shows them."""
        assert self._joined is not None
        paa, pac = Paa(self.meter), Pac(self._joined.credentials)
        pac.start(0.0)
        first = True
        while packets := pac.output():
            for packet in packets:
                self.stick.packet_sent(METER, SendResult.NEIGHBOUR_SOLICITED if first else SendResult.OK)
                if first:
                    self.stick.neighbour_resolved(METER)
                first = False
                paa.receive(packet, 0.0)
            for packet in paa.output():
                self.stick.udp_received(self.datagram(packet, port=PANA_PORT, secured=False))
                pac.receive(packet, 0.0)
        if any(isinstance(event, Established) for event in pac.events()):
            self.stick.joined()
        else:
            self.stick.join_failed()

    def datagram(
        self, payload: bytes, *, port: int = ECHONET_PORT, secured: bool = True, to_all: bool = False
    ) -> Datagram:
        """Something the meter sends."""
        destination = ALL_NODES if to_all else link_local(STICK_MAC)
        return Datagram(METER, destination, port, port, METER_MAC, secured, payload, 0xC0)


class Line:
    """Host session and stick on one serial line; every byte string is cut by ``cut``."""

    def __init__(self, kind: Kind, credentials: Credentials = CREDENTIALS, *, udp_as_text: bool = True) -> None:
        self.stick: Stick
        self.session: HostSession
        if isinstance(kind, Dialect):
            self.stick = Module(kind, STICK_MAC, udp_as_text=udp_as_text)
            self.session = Session(credentials)
        else:
            self.stick = _j11_module.Module(STICK_MAC)
            self.session = _j11_session.Session(credentials)
        self.air = Air(self.stick)
        self.now = 0.0
        self.cut: Callable[[bytes], Iterable[bytes]] = lambda data: [data]
        self.spoken = b""

    def exchange(self) -> list[SessionEvent] | None:
        """One turn: what the host has to say, the air, what the stick has to say. None if nobody had anything."""
        asked = self.session.output()
        for piece in self.cut(asked):
            self.stick.receive(piece)
        self.air.settle()
        said = self.stick.output()
        self.spoken += said
        events = [event for piece in self.cut(said) for event in self.session.receive(piece, self.now)]
        return events if asked or said else None

    def settle(self) -> list[SessionEvent]:
        """Turn after turn, until nobody has anything to say."""
        events: list[SessionEvent] = []
        while (turn := self.exchange()) is not None:
            events += turn
        return events

    def open(self) -> list[SessionEvent]:
        """Run the join procedure."""
        self.session.open(self.now)
        return self.settle()

    def wait(self) -> list[SessionEvent]:
        """Let the time run to the session's next deadline."""
        assert self.session.deadline is not None
        self.now = self.session.deadline
        return self.session.poll(self.now) + self.settle()


def exchange(
    paa: Paa, pac: Pac, now: float, lose: Callable[[Role, bytes], bool] = lambda role, packet: False
) -> list[bytes]:
    """Carry packets between both PANA roles until none is left; all packets, in order. ``lose`` drops some."""
    log: list[bytes] = []
    while True:
        pairs = [(pac, paa, p) for p in pac.output()] + [(paa, pac, p) for p in paa.output()]
        if not pairs:
            return log
        for source, sink, packet in pairs:
            log.append(packet)
            if not lose(source, packet):
                sink.receive(packet, now)
