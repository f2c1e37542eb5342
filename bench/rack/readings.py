"""The meters of the places, read: one reader for each way to a meter, used by one thread at a time.

A connection is closed behind each reading, so that others may speak to the meter too (many take one client only) and a
meter that was rebooted meanwhile is simply connected to. A stick keeps its session: joining takes minutes. One that
broke is opened anew at the next call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench.errors import InputError
from bench.meters.readers import chosen, reader_of
from bench.meters.words import plain
from bench.rack.messages import MeterWord, ReadMeter
from hil_drivers.bridge import BridgeCan, PlcBridge
from hil_drivers.meter import Can, Meter
from hil_drivers.meters.route_b import Link, RouteBMeter, StickCarrier
from protocols.echonet.frame import HEMS, LV_METER, Esv, Frame, Property
from protocols.errors import MeterBenchError
from twins.serving.endpoint import Endpoint

_ASK: Final[Mapping[MeterWord, tuple[Can, Callable[[Meter, ReadMeter], Any]]]] = {
    "identity": (Can.IDENTITY, lambda meter, _: plain(meter.identity())),
    "clock": (Can.CLOCK, lambda meter, _: plain(meter.clock())),
    "registers": (Can.REGISTERS, lambda meter, _: plain(meter.registers())),
    "instant": (Can.INSTANT, lambda meter, _: plain(meter.instant())),
    "profile": (
        Can.PROFILE,
        lambda meter, asked: [plain(row) for row in meter.profile(asked.period_s, asked.first, asked.last)],
    ),
    "power_failures": (Can.POWER_FAILURES, lambda meter, _: {"count": meter.power_failures()}),
    "attached": (Can.ATTACHED, lambda meter, _: [plain(each) for each in meter.attached()]),
    "events": (Can.EVENTS, lambda meter, asked: [plain(event) for event in meter.events(asked.first, asked.last)]),
}

_RADIO: Final[Mapping[str, Callable[[StickCarrier], Link]]] = {
    "scan": StickCarrier.scan,
    "join": StickCarrier.join,
    "status": StickCarrier.status,
    "leave": StickCarrier.leave,
}


PROBE: Final = Frame(0, HEMS, LV_METER, Esv.GET, (Property(0x80),)).to_bytes()
"""A request for the operation status: the smallest that any meter answers. Nobody waits for the answer."""


def over_line(bridge: PlcBridge, action: str, count: int) -> dict[str, Any]:
    """Do with a PLC bridge what is done with sticks; what so many probes over the power line found then.

    ``status`` sends a few probes of its own. Raises :class:`~hil_drivers.errors.UnsupportedError` for what this bridge
    has no words for.
    """
    if action in ("scan", "leave"):
        raise bridge.unsupported(BridgeCan.JOIN)
    if action == "join":
        bridge.join()
    link = bridge.link(count) if action == "probe" else bridge.link()
    return {"reachable": link.reachable, **asdict(link)}


@dataclass
class _Way:
    """One way to one meter; the lock is held by who speaks on it."""

    meter: Meter
    lock: threading.Lock = field(default_factory=threading.Lock)


class Readings:
    """Reads meters of places; ``endpoints`` tells where one answers, the address first. Called from any thread."""

    def __init__(self, endpoints: Callable[[str], list[Endpoint]]) -> None:
        self._endpoints = endpoints
        self._ways: dict[bytes, _Way] = {}
        self._lock = threading.Lock()

    def read(self, asked: ReadMeter) -> Any:
        """What the meter of a place answers, as JSON carries it.

        Raises InputError for a place whose meter cannot be reached, or not for this, and the reader's errors.
        """
        endpoints = self._endpoints(asked.place)
        if not endpoints:
            raise InputError(f"{asked.place}: its meter has neither reader nor stick; give the place readers")
        what, ask = _ASK[asked.what]
        way = self._way(chosen(endpoints, asked.via, what))
        with way.lock:
            try:
                return ask(way.meter, asked)
            finally:
                if not isinstance(way.meter, RouteBMeter):
                    way.meter.close()

    def radio(self, place: str, action: str, count: int = 1) -> dict[str, Any]:
        """Do something with the stick of a place: how its radio stands then, or what ``count`` probes found.

        Raises as :meth:`read`.
        """
        endpoints = [each for each in self._endpoints(place) if each.path is not None]
        if not endpoints:
            raise InputError(f"{place} has no stick")
        way = self._way(endpoints[0])
        assert isinstance(way.meter, RouteBMeter)  # what a path leads to
        with way.lock:
            if action == "probe":
                return asdict(way.meter.radio.probe(PROBE, count))
            link = _RADIO[action](way.meter.radio)
        return {
            "joined": link.joined,
            "rssi_dbm": None if link.rssi_dbm is None else round(link.rssi_dbm, 2),
            "lqi": link.lqi,
            "seconds": round(link.seconds, 3),
        }

    def close(self) -> None:
        """Let go of all meters that nobody is speaking to."""
        for way in self._ways.values():
            if way.lock.acquire(blocking=False):
                try:
                    way.meter.close()
                except MeterBenchError:
                    continue
                finally:
                    way.lock.release()

    def _way(self, endpoint: Endpoint) -> _Way:
        with self._lock:
            key = endpoint.to_json()
            if key not in self._ways:
                self._ways[key] = _Way(reader_of(endpoint, {}))
            return self._ways[key]
