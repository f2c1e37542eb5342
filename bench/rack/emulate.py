"""The virtual rack of a topology: at each address a front end that drivers meet as they meet the real instrument.

One world for each source, with the analysers and loads that are wired to the same places; one radio world for all
attenuators. It knows the topology, the drivers know nothing of it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import signal
from collections.abc import Callable
from typing import Any, Final

from bench.errors import InputError
from bench.rack.inventory import Inventory, taps
from hil_drivers.registry import Kind
from twins.clock import Clock
from twins.rack.faults import Faulty, FrontEnd
from twins.rack.instruments.boxes import box
from twins.rack.instruments.catalogue import front_end
from twins.rack.wires.tcp import TcpWire
from twins.rack.world.radio import RadioWorld
from twins.rack.world.world import World, WorldSpec

_BOXES: Final = (Kind.ATTENUATOR, Kind.RELAY)
_ADDRESS: Final = re.compile(r"(?:TCPIP\d*::(?P<visa>[^:]+)::(?P<visa_port>\d+)::SOCKET|(?P<host>[^:]+):(?P<port>\d+))")


class EmulatedRack:
    """All front ends of a rack, each on a wire; raises InputError for an address that cannot be emulated."""

    def __init__(self, inventory: Inventory, clock: Clock, pace: float = 1.0) -> None:
        self._inventory, self._clock, self._pace = inventory, clock, pace
        self.worlds: dict[str, World] = {}
        self.radio = RadioWorld([])
        self.faulty = {name: Faulty(self._front_end(name)) for name in inventory.instruments}
        self._wires = {name: TcpWire(each, clock, *self._address(name)) for name, each in self.faulty.items()}

    async def open(self) -> None:
        """Take all ports; raises InputError for one that cannot be had."""
        for name, wire in self._wires.items():
            try:
                await wire.open()
            except OSError as error:
                self.close()
                where = self._inventory.line("instruments", name, "address")
                at = f"{wire.address}:{wire.port}"
                raise InputError(f"{where}: {name} cannot answer at {at}: {error.strerror}") from None

    def close(self) -> None:
        """Let go of all ports."""
        for wire in self._wires.values():
            wire.close()

    def _front_end(self, name: str) -> FrontEnd:
        described: Any = self._inventory.instruments[name]
        if described.kind in _BOXES:
            settings = {"channels": described.channels, **described.settings}
            return box(described.driver, name, self.radio, self._clock.now(), settings)
        return front_end(described.driver, self._world(name), self._pace)

    def _world(self, name: str) -> World:
        """The world of an instrument: that of the source which its places are wired to, else one of its own.

        It has the phases that are wired; the front end of a load draws from all of them.
        """
        source = next(iter(self._sources(name)), name)
        if source not in self.worlds:
            taps_of = (place.wiring.source for place in self._inventory.places.values())
            phases = [max(tap.phases) for tap in taps_of if tap is not None and tap.instrument == source]
            self.worlds[source] = World(WorldSpec(phases=max(phases, default=1)), self._clock.now())
        return self.worlds[source]

    def _sources(self, name: str) -> list[str]:
        places = [
            place for place, each in self._inventory.places.items() if name in {wired for _kind, wired, _ in taps(each)}
        ]
        return list(self._inventory.wired(places, Kind.SOURCE))

    def _address(self, name: str) -> tuple[str, int]:
        found = _ADDRESS.fullmatch(self._inventory.instruments[name].address)
        where = self._inventory.line("instruments", name, "address")
        if found is None:
            raise InputError(f"{where}: {name} is emulated only at TCPIP::address::port::SOCKET or address:port")
        host, port = found["visa"] or found["host"], int(found["visa_port"] or found["port"])
        try:
            local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = False
        if not local:
            raise InputError(f"{where}: {host} is no loopback address; what answers there is not emulated")
        return host, port


async def emulate(inventory: Inventory, clock: Clock, on_ready: Callable[[EmulatedRack], None]) -> None:
    """Answer at all addresses until SIGINT or SIGTERM."""
    rack, stop = EmulatedRack(inventory, clock), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await rack.open()
    try:
        on_ready(rack)
        await stop.wait()
    finally:
        rack.close()
