"""What one stick asks of the air, and what the air answers: scans, PANA, datagrams, the hour's air time.

Rules of this file:

* A stick hears the meter whose channel and network id it is tuned to, and encrypted datagrams only of the meter that it
  has a session with.
* PANA runs between the stick's own client (:class:`~protocols.wisun.pac.Pac`) and the meter; packets go by
  :mod:`twins.wisun.air`.
* Every frame goes over the :class:`~twins.wisun.link.Link`, which may lose it; by default nothing is lost, so only a
  meter that is not there does not answer. All tries of a frame are air time of the stick.
* Scans and waiting in vain take real time, scaled; sessions and air time count in simulated time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv6Address
from typing import Any, Protocol

from protocols.wisun.j11.module import Module as J11Module
from protocols.wisun.pac import Pac
from protocols.wisun.pana import TerminationCause
from protocols.wisun.pana_role import Established, Expired, Failed, Failure, PanaEvent, PanaState
from protocols.wisun.radio import (
    ALL_NODES,
    ECHONET_PORT,
    PANA_PORT,
    Associate,
    Beacon,
    Join,
    Ping,
    Rejoin,
    Request,
    Reset,
    Scan,
    ScanMode,
    SendResult,
    Terminate,
    Transmit,
    link_local,
)
from protocols.wisun.skstack.module import Module as TextModule
from twins.wisun.air_time import AirTime
from twins.wisun.link import PERFECT, Delivery, Link, Way
from twins.wisun.parameters import RadioParameters
from twins.wisun.station import Station

AnyStick = TextModule | J11Module

_SHORT = 40  # payload bytes of a beacon, a neighbour solicitation or an echo: our own estimate


class Surroundings(Protocol):
    """The meters around a stick."""

    def reachable(self, address: IPv6Address, tuning: tuple[int, int] | None) -> Station | None:
        """The meter at an address, if it is on this channel and network and its B-route is open."""

    def tuned(self, tuning: tuple[int, int] | None) -> list[Station]:
        """The meters on this channel and network."""

    def answering(self, pair_id: bytes, channels: tuple[int, ...]) -> list[Station]:
        """The meters that answer a scan."""

    def touched(self, station: Station) -> None:
        """A meter was spoken to, and may have something to say."""


class Radio:
    """The radio of one stick. Call :meth:`work` after every change, and when :attr:`next_due` has come."""

    def __init__(
        self, stick: AnyStick, mac: bytes, around: Surroundings, parameters: RadioParameters, link: Link = PERFECT
    ) -> None:
        self.stick = stick
        self.address = link_local(mac)
        self._mac, self._around, self._parameters, self._link = mac, around, parameters, link
        self._air_time = AirTime(parameters.air_time, parameters.frame.longest * link.most_tries)
        self._limited = False
        self._forget()

    def _forget(self) -> None:
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._meter: Station | None = None
        self._join: Join | None = None
        self._pac: Pac | None = None

    # --- in time ---------------------------------------------------------------------------------------------------

    def work(self, now: float, steady: float) -> bool:
        """Answer what the stick has asked, and do what is due; whether there was anything."""
        requests = self.stick.requests()
        for request in requests:
            _ON_REQUEST[type(request)](self, request, now, steady)
        due = [action for when, action in self._timers if when <= steady]
        self._timers = [timer for timer in self._timers if timer[0] > steady]
        for action in due:
            action()
        moved = bool(requests or due)
        if self._pac is not None:
            self._pac.poll(now)
            moved |= self._carry_on(now)
        if self._limited and not self._air_time.exhausted(now):
            self._limited = False
            self.stick.send_limit(False)
        return moved

    @property
    def next_due(self) -> tuple[float, float]:
        """When :meth:`work` has something to do: in simulated time, and in real time."""
        session = self._pac.deadline if self._pac is not None else None
        simulated = min(
            float("inf") if session is None else session,
            self._air_time.free_at() if self._limited else float("inf"),
        )
        return simulated, min((when for when, _ in self._timers), default=float("inf"))

    def _later(self, seconds: float, steady: float, action: Callable[[], None]) -> None:
        self._timers.append((steady + seconds * self._parameters.pace.scale, action))

    # --- what the stick asks ---------------------------------------------------------------------------------------

    def _reset(self, request: Reset, now: float, steady: float) -> None:
        """A stick forgets its session; the meter is not told and keeps the place until the session expires."""
        self._forget()
        self.stick.sent_for(self._air_time.total)
        if self._limited:
            self.stick.send_limit(True)

    def _scan(self, request: Scan, now: float, steady: float) -> None:
        def finish() -> None:
            if request.mode is ScanMode.ENERGY:
                self.stick.scan_finished(dict.fromkeys(request.channels, self._parameters.link.noise_lqi))
                return
            for beacon in self._beacons(request.pair_id, request.channels):
                self.stick.beacon_found(beacon)
            self.stick.scan_finished()

        self._later(request.seconds, steady, finish)

    def _associate(self, request: Associate, now: float, steady: float) -> None:
        assert isinstance(self.stick, J11Module)
        found = self._beacons(request.pair_id, (request.channel,))
        self.stick.associated(found[0] if found else None)

    def _beacons(self, pair_id: bytes, channels: tuple[int, ...]) -> list[Beacon]:
        """What comes back when all meters on these channels are asked for their beacons."""
        asked = [s for s in self._around.answering(pair_id, channels) if self._to_meter(s, _SHORT, to_all=True).arrived]
        heard = [station for station in asked if self._to_stick(station, _SHORT, to_all=True)]
        return [replace(station.beacon, lqi=self._link.lqi(self._mac, station)) for station in heard]

    def _start_join(self, request: Join, now: float, steady: float) -> None:
        self._pac, self._join = None, request
        self._meter = self._around.reachable(request.address, self.stick.tuning)
        self.stick.packet_sent(request.address, SendResult.NEIGHBOUR_SOLICITED)
        if self._meter is None or self._limited or not self._answers(self._meter):
            self._unanswered(steady)
            return
        self.stick.neighbour_resolved(request.address)
        self._pac = Pac(request.credentials)
        self._pac.start(now)
        for packet in self._pac.output():  # it went out with the neighbour's solicitation
            self._send_pana(packet, self._to_meter(self._meter, len(packet)), now)

    def _unanswered(self, steady: float) -> None:
        self._pac = None
        self._later(self._parameters.patience.join_s, steady, lambda: self.stick.join_failed(no_answer=True))

    def _rejoin(self, request: Rejoin, now: float, steady: float) -> None:
        if self._pac is None or self._meter is None or not self._hears(self._meter) or self._limited:
            self._unanswered(steady)
        elif self._pac.state is PanaState.OPEN:
            self._pac.reauthenticate(now)
        else:
            self._pac.start(now)

    def _terminate(self, request: Terminate, now: float, steady: float) -> None:
        alive = self._pac is not None and self._pac.state is PanaState.OPEN
        if self._pac is not None and alive and self._meter is not None and self._hears(self._meter):
            self._pac.terminate(TerminationCause.LOGOUT, now)
            return
        self._pac = None
        self._later(self._parameters.patience.end_s, steady, lambda: self.stick.terminated(timed_out=True))

    def _transmit(self, request: Transmit, now: float, steady: float) -> None:
        to_all = request.destination == ALL_NODES
        if to_all:
            heard = self._around.tuned(self.stick.tuning)
        else:
            station = self._around.reachable(request.destination, self.stick.tuning)
            heard = [] if station is None else [station]
        if self._limited or not (heard or to_all):
            self.stick.transmit_finished(SendResult.FAILED)
            return
        sent = [(station, self._to_meter(station, len(request.payload), to_all=to_all)) for station in heard]
        known = to_all or all(delivery.acknowledged for _, delivery in sent)
        self.stick.transmit_finished(SendResult.OK if known else SendResult.FAILED)
        self._spend(len(request.payload), now, max((delivery.tries for _, delivery in sent), default=1))
        for station, delivery in sent:
            readable = delivery.arrived and (not request.secured or self._has_session_with(station))
            if readable and request.destination_port == ECHONET_PORT:
                station.route_b.request(
                    self.address, request.payload, now, steady, secured=request.secured, multicast=to_all
                )
                self._around.touched(station)

    def _ping(self, request: Ping, now: float, steady: float) -> None:
        assert isinstance(self.stick, TextModule)
        station = self._around.reachable(request.address, self.stick.tuning)
        if station is not None and not self._limited and self._answers(station):
            self.stick.pong(request.address)

    # --- what it sends and hears -----------------------------------------------------------------------------------

    def _to_meter(self, station: Station, payload: int, *, to_all: bool = False) -> Delivery:
        size = payload + self._parameters.frame.overhead_bytes
        return self._link.carry(self._mac, station, size, Way.TO_METER, to_all=to_all)

    def _to_stick(self, station: Station, payload: int, *, to_all: bool = False) -> bool:
        size = payload + self._parameters.frame.overhead_bytes
        return self._link.carry(self._mac, station, size, Way.TO_STICK, to_all=to_all).arrived

    def _answers(self, station: Station) -> bool:
        """Whether a meter is asked and heard: a neighbour's solicitation, an echo."""
        return self._to_meter(station, _SHORT).arrived and self._to_stick(station, _SHORT)

    def _spend(self, payload: int, now: float, tries: int = 1) -> None:
        self._air_time.spend(tries * self._parameters.frame.seconds(payload), now)
        self.stick.sent_for(self._air_time.total)
        if not self._limited and self._air_time.exhausted(now):
            self._limited = True
            self.stick.send_limit(True)

    def _send_pana(self, packet: bytes, delivery: Delivery, now: float) -> None:
        if self._meter is not None and self._join is not None:
            self._spend(len(packet), now, delivery.tries)
            if delivery.arrived:
                self._meter.route_b.pana(self.address, packet, now, self._join.credentials)
                self._around.touched(self._meter)

    def _carry_on(self, now: float) -> bool:
        """Send what the PANA client has to send, then tell the stick what has become of the session."""
        if self._pac is None or self._meter is None:
            return False
        packets, events = self._pac.output(), self._pac.events()
        for packet in packets:
            delivery = self._to_meter(self._meter, len(packet))
            self.stick.packet_sent(self._meter.address, SendResult.OK if delivery.acknowledged else SendResult.FAILED)
            self._send_pana(packet, delivery, now)
        for event in events:
            self._tell(event)
        return bool(packets or events)

    def _tell(self, event: PanaEvent) -> None:
        if isinstance(event, Established):
            self.stick.joined()
        elif isinstance(event, Failed):
            self.stick.join_failed(no_answer=event.failure is Failure.NO_ANSWER)
        elif isinstance(event, Expired):
            self.stick.session_expired()
        elif event.by_peer:
            self.stick.session_ended()
        else:
            self.stick.terminated(timed_out=event.timed_out)

    def _hears(self, station: Station) -> bool:
        return self.stick.tuning == station.tuning

    def _has_session_with(self, station: Station) -> bool:
        return self._meter is station and self._pac is not None and self._pac.state is PanaState.OPEN

    def hear_pana(self, station: Station, packet: bytes, now: float) -> None:
        """A PANA packet that a meter sends."""
        pac = self._pac
        if pac is None or self._meter is not station or not self._hears(station):
            return
        if self._to_stick(station, len(packet)):
            self._received(station, packet, self.address, PANA_PORT, secured=False)
            pac.receive(packet, now)
            self._carry_on(now)

    def hear(self, station: Station, payload: bytes, *, to_all: bool, secured: bool = True) -> None:
        """An ECHONET Lite datagram that a meter sends."""
        listens = self._hears(station) and (not secured or self._has_session_with(station))
        if listens and self._to_stick(station, len(payload), to_all=to_all):
            self._received(station, payload, ALL_NODES if to_all else self.address, ECHONET_PORT, secured=secured)

    def _received(self, station: Station, payload: bytes, to: IPv6Address, port: int, *, secured: bool) -> None:
        lqi = self._link.lqi(self._mac, station)
        self.stick.udp_received(replace(station.datagram(payload, to, port, secured), lqi=lqi))


_ON_REQUEST: dict[type[Request], Callable[[Radio, Any, float, float], None]] = {
    Reset: Radio._reset,
    Scan: Radio._scan,
    Associate: Radio._associate,
    Join: Radio._start_join,
    Rejoin: Radio._rejoin,
    Terminate: Radio._terminate,
    Transmit: Radio._transmit,
    Ping: Radio._ping,
}
