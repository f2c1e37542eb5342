"""The air between sticks and served meters. What is lost on it, a :class:`~twins.wisun.link.Link` says.

A meter's frames go to one controller, or to everybody: to all controllers that have joined it, and to the other media
that the twin is on (:class:`twins.echonet.everybody.Everybody`). Meters' own air time is not accounted for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv6Address

from twins.clock import Clock
from twins.echonet.everybody import Everybody
from twins.route_b.meter import RouteB
from twins.wisun.link import PERFECT, Link
from twins.wisun.parameters import RadioParameters, radio_parameters
from twins.wisun.radio import AnyStick, Radio
from twins.wisun.station import Station

Sink = Callable[[bytes], None]
"""Takes what a stick says to its host."""


class Air:
    """``meters`` in the order of their places, and the sticks that were added; :meth:`settle` follows every change."""

    def __init__(
        self,
        meters: Sequence[RouteB],
        seed: int,
        clock: Clock,
        everybody: Everybody,
        parameters: RadioParameters | None = None,
        link: Link = PERFECT,
    ) -> None:
        self.parameters = parameters or radio_parameters()
        self.stations = [Station(place, meter, seed, self.parameters) for place, meter in enumerate(meters)]
        self._by_address = {station.address: station for station in self.stations}
        self._clock, self._everybody, self._link = clock, everybody, link
        self._radios: dict[IPv6Address, tuple[Radio, Sink]] = {}
        self._touched: dict[int, Station] = {}  # by place: those that may have something to say or to do
        everybody.add(self.say)

    def add(self, stick: AnyStick, mac: bytes, sink: Sink) -> None:
        """Put a stick on the air; ``sink`` takes what it says to its host."""
        radio = Radio(stick, mac, self, self.parameters, self._link)
        self._radios[radio.address] = (radio, sink)

    # --- the meters around a stick ---------------------------------------------------------------------------------

    def reachable(self, address: IPv6Address, tuning: tuple[int, int] | None) -> Station | None:
        """The meter at an address, if it is on this channel and network, its B-route is open, and it runs."""
        station = self._by_address.get(address)
        if station is None or station.tuning != tuning or not station.route_b.is_there(self._clock.now()):
            return None
        return station

    def tuned(self, tuning: tuple[int, int] | None) -> list[Station]:
        """The meters on this channel and network."""
        return [station for station in self.stations if station.tuning == tuning]

    def answering(self, pair_id: bytes, channels: tuple[int, ...]) -> list[Station]:
        """The meters that answer a scan."""
        now, asked = self._clock.now(), [station for station in self.stations if station.channel in channels]
        return [station for station in asked if station.route_b.answers_beacon(pair_id, now)]

    def touched(self, station: Station) -> None:
        """A meter was spoken to, and may have something to say."""
        self._touched[station.place] = station

    # --- in time ---------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everybody answer until nobody has anything to say, and give the hosts their bytes."""
        now, steady = self._clock.now(), self._clock.monotonic()
        for station in self._touched.values():
            station.route_b.poll(now, steady)
        while True:
            moved = [radio.work(now, steady) for radio, _ in self._radios.values()]
            spoke = [self._carry(station, now) for station in list(self._touched.values())]
            if not any(moved) and not any(spoke):
                break
        self._touched = {p: s for p, s in self._touched.items() if min(_due(s)) < float("inf")}
        self._flush()

    def _carry(self, station: Station, now: float) -> bool:
        """Bring what a meter has to say to its hearers; whether there was anything."""
        meter = station.route_b
        packets = meter.packets()
        for controller, packet in packets:
            if controller in self._radios:
                self._radios[controller][0].hear_pana(station, packet, now)
        greetings = meter.greetings()
        for controller, data in greetings:
            self._radios[controller][0].hear(station, data, to_all=True)
        said = meter.take()
        for item in said:
            if item.to is None:
                self._everybody.say(station.place, item.data)
            elif isinstance(item.to, IPv6Address) and item.to in self._radios:
                secured = item.to in meter.joined
                self._radios[item.to][0].hear(station, item.data, to_all=False, secured=secured)
        return bool(packets or greetings or said)

    def say(self, place: int, data: bytes) -> None:
        """A frame of a meter for everybody: its joined controllers hear it."""
        station = self.stations[place]
        for controller in station.route_b.joined:
            self._radios[controller][0].hear(station, data, to_all=True)
        self._flush()

    def shut(self, place: int) -> None:
        """Close the B-route of a meter; :meth:`settle` tells its controllers."""
        station = self.stations[place]
        station.route_b.shut(self._clock.now())
        self.touched(station)

    def rest(self) -> float:
        """Real seconds until :meth:`settle` has something to do; infinite when only a host can cause anything."""
        dues = [radio.next_due for radio, _ in self._radios.values()] + [_due(s) for s in self._touched.values()]
        simulated = min((due[0] for due in dues), default=float("inf"))
        real = min((due[1] for due in dues), default=float("inf"))
        wait = self._clock.real_until(simulated) if simulated < float("inf") else float("inf")
        return min(wait, max(0.0, real - self._clock.monotonic()))

    def _flush(self) -> None:
        for radio, sink in self._radios.values():
            if said := radio.stick.output():
                sink(said)


def _due(station: Station) -> tuple[float, float]:
    return station.route_b.next_session_due, station.route_b.next_request_due
