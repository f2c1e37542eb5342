"""The virtual rack of a topology: at each address a front end that drivers meet as they meet the real instrument.

One world for each source, with the analysers, loads and meters that are wired to the same places; one radio world for
all attenuators and sticks. It knows the topology, the drivers know nothing of it. Instruments take real seconds for
what instruments take time for, whatever the clock's scale; everything else happens in the clock's time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from typing import Any, Final

import msgspec

from bench.errors import InputError
from bench.rack.emulated_meters import EmulatedMeters, radio_paths
from bench.rack.inventory import Inventory, inventory_of, taps
from bench.record.scratch import scratch
from bench.topology.addresses import can_be_emulated_at, place_of
from bench.topology.load import load_topology
from bench.topology.rack import Emulation, Place
from hil_drivers.registry import DRIVERS, Kind
from protocols.errors import MeterBenchError
from twins.clock import ClockSpec, make_clock
from twins.plan import FleetPlan
from twins.rack.faults import Fault, Faulty, FrontEnd
from twins.rack.instruments.boxes import box
from twins.rack.instruments.catalogue import front_end
from twins.rack.instruments.contacts import Contacts, Heed
from twins.rack.instruments.plc_bridge import PlcBridge
from twins.rack.wires.tcp import TcpWire
from twins.rack.wires.udp import UdpWire
from twins.rack.world.circuit import Impedance
from twins.rack.world.power_line import PowerLine
from twins.rack.world.radio import RadioWorld
from twins.rack.world.world import World, WorldSpec

_HANDED_ON: Final = 15.0
"""Real seconds in which an address becomes free, when it was that of a run which has just been killed outright: longer
than its emulation stays (:mod:`bench.rack.emulate_process`)."""

_NAP: Final = 0.1
_BOXES: Final = (Kind.ATTENUATOR, Kind.RELAY)


class EmulateSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an emulation is told: the topology's file, the folder of its control socket, its clock, and the fleet."""

    topology: str
    folder: str
    clock: ClockSpec
    plan: FleetPlan


class EmulatedRack:
    """All of a rack, each on a wire; raises InputError for an address that cannot be emulated.

    ``pace`` scales the instruments' own times; ``meters`` are those at the places.
    """

    def __init__(self, spec: EmulateSpec, pace: float = 1.0) -> None:
        loaded = load_topology(spec.topology)
        self.inventory: Inventory = inventory_of(loaded)
        self.clock = make_clock(spec.clock)
        self.scale = spec.clock.scale
        self._pace = pace
        self._emulation = self.inventory.rack.emulation or Emulation()
        self.worlds: dict[str, World] = {}
        self.radio = RadioWorld(radio_paths(self.inventory), spec.plan.seed)
        self.contacts: dict[str, Contacts] = {}
        self.bridges: dict[str, PlcBridge] = {}
        self._seed = spec.plan.seed
        self.faulty = {name: Faulty(self._front_end(name)) for name in self.inventory.instruments}
        self._wires = {name: self._wire(name, each) for name, each in self.faulty.items()}
        self._closing = contextlib.ExitStack()
        self.meters = EmulatedMeters(
            self.inventory,
            spec.plan,
            loaded.topology.defect_plans(),
            self._feeding,
            self.radio,
            self.clock,
            self._closing.enter_context(scratch("meter-bench-emulate-")),
            self.scale,
            pace,
        )
        for name, place in self.inventory.places.items():
            if place.wiring.bridge is not None:
                self.meters.put_behind(self.bridges[place.wiring.bridge.instrument], name)
        for name, meter in self.meters.emulated.items():
            relay = self.inventory.place(name).wiring.relay
            meter.connected = relay is None or self._inverted(relay.instrument)
        self.serving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take all ports and serve; raises InputError for one that cannot be had."""
        try:
            for name, wire in self._wires.items():
                await self._open(name, wire)
            self.meters.served.open()
        except MeterBenchError:
            await self.close()
            raise
        self.serving = asyncio.get_running_loop().create_task(self.meters.served.run())
        await asyncio.sleep(0)  # the services are started
        await asyncio.sleep(0)  # and begin to answer

    def _wire(self, name: str, front_end: FrontEnd) -> TcpWire | UdpWire:
        kind = UdpWire if name in self.bridges else TcpWire
        return kind(front_end, self.clock, *self._address(name))

    async def _open(self, name: str, wire: TcpWire | UdpWire) -> None:
        deadline = time.monotonic() + _HANDED_ON
        try:
            while True:
                try:
                    await wire.open()
                    return
                except OSError as error:
                    if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                        raise
                await asyncio.sleep(_NAP)
        except OSError as error:
            where = self.inventory.line("instruments", name, "address")
            at = f"{wire.address}:{wire.port}"
            raise InputError(f"{where}: {name} cannot answer at {at}: {error.strerror}") from None

    async def close(self) -> None:
        """Let go of all ports."""
        for wire in self._wires.values():
            wire.close()
        if self.serving is not None:
            self.serving.cancel()
            with contextlib.suppress(asyncio.CancelledError, MeterBenchError):
                await self.serving
        self.meters.close()
        self._closing.close()

    def fault(self, name: str, kind: str | None, times: int | None = None, seconds: float = 1.0) -> None:
        """Begin a fault of an instrument by name, or end all it has; ``seconds`` of lateness are real ones.

        Raises InputError for an instrument or a fault that there is not, RackError for one that it cannot have.
        """
        if name not in self.faulty:
            raise InputError(f"there is no instrument {name}; there are {', '.join(self.faulty)}")
        if kind is None:
            self.faulty[name].clear_all(self.clock.now())
            return
        if kind not in list(Fault):
            raise InputError(f"there is no fault {kind}; there are none, {', '.join(Fault)}")
        self.faulty[name].inject(Fault(kind), self.clock.now(), times=times, seconds=seconds * self.scale)

    def _front_end(self, name: str) -> FrontEnd:
        described: Any = self.inventory.instruments[name]
        if described.kind is Kind.BRIDGE:
            line = PowerLine(name, self._seed, self._emulation.line_margin_db)
            return self.bridges.setdefault(name, PlcBridge(name, line))
        if described.kind not in _BOXES:
            return front_end(described.driver, self._world(name), self._pace)
        settings = {"channels": described.channels, **described.settings}
        made = box(described.driver, name, self.radio, self.clock.now(), settings, self._heed(name))
        if isinstance(contacts := getattr(made, "contacts", None), Contacts):
            self.contacts[name] = contacts
        return made

    def _heed(self, name: str) -> Heed:
        """Lets the relay of a place close and open the supply of its meter."""
        inverted, first = self._inverted(name), self.first_contact(name)
        places = {}
        for place in self.inventory.places.values():
            relay = place.wiring.relay
            if relay is not None and relay.instrument == name:
                places[first + relay.channel - 1] = place.id

        def heed(contact: int, closed: bool, at: float) -> None:
            meter = self.meters.emulated.get(places.get(contact, ""))
            if meter is not None:
                meter.connect(closed != inverted, at)

        return heed

    def first_contact(self, name: str) -> int:
        """Number of the contact that is channel 1 of a relay."""
        return int(self.inventory.instruments[name].settings.get("first_coil", 0))

    def _inverted(self, name: str) -> bool:
        return bool(self.inventory.instruments[name].settings.get("invert", False))

    def _world(self, name: str) -> World:
        """The world of an instrument: that of the source which its places are wired to, else one of its own.

        It has the phases that are wired; the front end of a load draws from all of them.
        """
        source = next(iter(self._sources(name)), name)
        if source not in self.worlds:
            taps_of = (place.wiring.source for place in self.inventory.places.values())
            phases = [max(tap.phases) for tap in taps_of if tap is not None and tap.instrument == source]
            spec = WorldSpec(
                phases=max(phases, default=1),
                cable=Impedance(ohms=self._emulation.cable_ohms),
                temperature_c=self._emulation.temperature_c,
                time_scale=self.scale,
            )
            self.worlds[source] = World(spec, self.clock.now())
        return self.worlds[source]

    def _feeding(self, place: Place) -> World | None:
        return None if place.wiring.source is None else self._world(place.wiring.source.instrument)

    def _sources(self, name: str) -> list[str]:
        places = [
            place for place, each in self.inventory.places.items() if name in {wired for _kind, wired, _ in taps(each)}
        ]
        return list(self.inventory.wired(places, Kind.SOURCE))

    def _address(self, name: str) -> tuple[str, int]:
        described = self.inventory.instruments[name]
        where = self.inventory.line("instruments", name, "address")
        host, port = place_of(DRIVERS[described.driver].address, described.address)
        if host is None or port is None:
            raise InputError(f"{where}: {name} is emulated only at TCPIP::address::port::SOCKET or address:port")
        if not can_be_emulated_at(host):
            raise InputError(f"{where}: {host} is no loopback address; what answers there is not emulated")
        return host, port
