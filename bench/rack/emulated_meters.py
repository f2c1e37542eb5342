"""The meters at the places of an emulated rack, with the services before them.

Where a source feeds a place, its meter is emulated: a twin with the world's metrology and errors of its own. Elsewhere
(gas, water, a place without a source) it is the plain twin, which lives by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.keys import master_key
from bench.meters.directory import endpoint_of_url
from bench.rack.inventory import Inventory
from bench.topology.rack import Emulation, Place
from protocols.dlms.wrapper import PORT as DLMS_PORT
from protocols.echonet.transport import PORT as ECHONET_PORT
from protocols.modbus.mbap import PORT as MODBUS_PORT
from protocols.slots import slot_of
from protocols.wisun.radio import channel_mhz
from twins.chosen import ChosenTwins
from twins.clock import Clock
from twins.memory.journal import MemoryJournal
from twins.meter.view import MeterView
from twins.plan import MAKER, FleetPlan
from twins.rack.instruments.plc_bridge import PlcBridge
from twins.rack.meters.clocks import RackClocks
from twins.rack.meters.healthy import healthy
from twins.rack.meters.line import Line
from twins.rack.meters.view import EmulatedView, keeps_of
from twins.rack.world.hidden import Hidden
from twins.rack.world.meter import EmulatedMeter, MeterSpec
from twins.rack.world.radio import Path as RadioPath
from twins.rack.world.radio import Port, RadioWorld
from twins.rack.world.stick_link import StickLink
from twins.rack.world.world import World
from twins.serving.meters import ServedMeters, planted, with_attached
from twins.shard.spec import DefectPlan
from twins.wisun.parameters import RadioParameters, radio_parameters
from twins.wisun.service import Seat
from twins.wisun.station import meter_mac, stick_mac

_WIRINGS: Final = {1: "1P2W", 2: "1P3W", 3: "3P3W"}
"""How a meter lies on so many phases of its source: homes on one or two, high voltage on three without a neutral."""

_LINE_VOLTS: Final = 0.5
"""Part of the rated voltage below which modems at the power line do not live: our own choice."""

_PORTS: Final = {"dlms": DLMS_PORT, "modbus": MODBUS_PORT, "echonet": ECHONET_PORT}


class EmulatedMeters:
    """The meters of all places. ``worlds`` gives the world that feeds a place, if any.

    ``scale`` is how many times as fast as real time the clock runs, ``pace`` scales what sticks take of real time.
    ``emulated`` are the emulated ones by place, ``views`` what front ends see of them; ``served`` is all of them with
    their services. ``memory`` is a fresh folder. Raises what twins, memories and wirings raise.
    """

    def __init__(
        self,
        inventory: Inventory,
        plan: FleetPlan,
        defects: Sequence[DefectPlan],
        worlds: Callable[[Place], World | None],
        radio: RadioWorld,
        clock: Clock,
        memory: Path,
        scale: float,
        pace: float = 1.0,
    ) -> None:
        self._places, self._radio = list(inventory.places.values()), radio
        self._emulation = inventory.rack.emulation or Emulation()
        indices = [index_of(place) for place in self._places]
        twins = ChosenTwins(plan, with_attached(plan, indices))
        twins.advance_to(slot_of(clock.now()))
        errors = _hidden_errors(defects)
        self.emulated: dict[str, EmulatedMeter] = {}
        self.views: dict[str, EmulatedView] = {}
        views: list[MeterView] = []
        for place, twin in zip(self._places, twins.views, strict=False):
            world = worlds(place)
            if world is not None:
                drawn = healthy(plan.seed, twin.index, place.meter_class, place.ratings.amps)
                hidden = msgspec.structs.replace(drawn, **errors.get(twin.index, {}))
                self.emulated[place.id] = EmulatedMeter(self._spec(place, twin, hidden), world)
                radio.deafen(place.id, hidden.deaf_db)
                radio.loosen(place.id, hidden.antenna_db)
                twin = self.views[place.id] = EmulatedView(twin, self.emulated[place.id])
            views.append(twin)
        clocks = RackClocks(plan, {meter.spec.index: meter for meter in self.emulated.values()})
        self._journal = MemoryJournal(memory)
        others = twins.views[len(views) :]
        self.served = ServedMeters(
            twins, views, others, clock, clocks, self._journal, master_key(plan.seed), planted(defects), scale
        )
        self._clock = clock
        for place, each in zip(self._places, self.served.devices, strict=True):
            if place.id in self.emulated:
                each.device.line = Line(self.emulated[place.id], each.device)
        self._on_wires()
        link = StickLink(radio, clock, self._names())
        self._sticks = self.served.on_sticks(lambda meters: self._seats(), link, _sticks_at(pace))

    def _spec(self, place: Place, twin: MeterView, hidden: Hidden) -> MeterSpec:
        assert place.wiring.source is not None
        wiring = _WIRINGS[len(place.wiring.source.phases)]
        between_phases = math.sqrt(3) if wiring == "3P3W" else 1.0
        return MeterSpec(
            name=place.id,
            index=twin.index,
            wiring=wiring,
            phases=tuple(phase - 1 for phase in place.wiring.source.phases),
            nominal_volts=place.ratings.volts * between_phases,
            nominal_hertz=place.ratings.hertz,
            hold_up_s=self._emulation.hold_up_s,
            boot_s=self._emulation.boot_s,
            keeps=keeps_of(twin.meter_class, twin.generation),
            hidden=hidden,
        )

    def _on_wires(self) -> None:
        """Put the meters where their readers are described; those with one port for a protocol form one service."""
        at: dict[tuple[str, int], dict[int, str]] = {}
        lines: dict[str, dict[int, Path]] = {"optical": {}, "modbus-rtu": {}}
        for number, place in enumerate(self._places):
            for url in place.readers:
                endpoint = endpoint_of_url(place.meter, url)
                if endpoint.protocol == "echonet" and place.wiring.bridge is not None:
                    continue  # it is met behind its bridge alone
                if endpoint.path is not None:
                    lines[endpoint.protocol][number] = Path(endpoint.path)
                    continue
                port = endpoint.port or _PORTS[endpoint.protocol]
                at.setdefault((endpoint.protocol, port), {})[number] = endpoint.address or ""
        echonet = next((port for protocol, port in at if protocol == "echonet"), ECHONET_PORT)
        told = at.get(("echonet", echonet), {})
        self.served.on_echonet([told.get(number) for number in range(len(self._places))], echonet, six=False)
        for (protocol, port), addresses in at.items():
            if protocol == "dlms":
                self.served.on_dlms(addresses, port)
            elif protocol == "modbus":
                self.served.on_modbus(addresses, port)
        self.served.on_optical(lines["optical"])
        self.served.on_modbus_rtu(lines["modbus-rtu"])

    def _seats(self) -> list[Seat]:
        return [
            Seat(number, 0, place.stick.dialect, Path(place.stick.address))
            for number, place in enumerate(self._places)
            if place.stick is not None
        ]

    def _names(self) -> dict[bytes, str]:
        """Meters and their sticks on the radio: both bear the name of their place."""
        macs = [(meter_mac(index_of(place)), stick_mac(index_of(place), 0), place.id) for place in self._places]
        return {mac: name for meter, stick, name in macs for mac in (meter, stick)}

    def put_behind(self, bridge: PlcBridge, place: str) -> None:
        """Put the meter of a place, and what feeds it, behind a bridge."""
        bridge.meter = self.served.answering(self._number(place))
        if (meter := self.emulated.get(place)) is not None:
            least = _LINE_VOLTS * meter.spec.nominal_volts
            bridge.supplied = lambda now: max(meter.instant(now).volts) >= least

    def _number(self, place: str) -> int:
        return next(number for number, each in enumerate(self._places) if each.id == place)

    def level_dbm(self, place: str, now: float) -> float:
        """What arrives of each other at a place's stick and meter; minus infinity where nothing does."""
        station = self._sticks.air.stations[self._number(place)]
        return self._radio.level(place, place, channel_mhz(station.channel), now)

    def close(self) -> None:
        """Let go of everything; nothing may be served any more."""
        self.served.close()
        self._journal.close()


def index_of(place: Place) -> int:
    """The fleet-wide index of the twin at a place of an emulated rack."""
    return int(place.meter[len(MAKER) :])


def radio_paths(inventory: Inventory) -> list[RadioPath]:
    """The way between the stick and the meter of each place that has a stick: through its attenuator, if it has one."""
    found = []
    for place in inventory.places.values():
        if place.stick is not None:
            tap = place.wiring.attenuator
            through = () if tap is None else (Port(tap.instrument, tap.channel),)
            described = () if tap is None or tap.loss is None else ((920.0, tap.loss),)  # the same at every frequency
            found.append(RadioPath(stick=place.id, meter=place.id, through=through, insertion=described))
    return found


def _sticks_at(pace: float) -> RadioParameters:
    """Sticks that take ``pace`` times as long as those that ship."""
    shipped = radio_parameters()
    own = msgspec.structs.replace(shipped.pace, scale=shipped.pace.scale * pace)
    return msgspec.structs.replace(shipped, pace=own)


def _hidden_errors(defects: Sequence[DefectPlan]) -> Mapping[int, dict[str, float | bool]]:
    """Errors that were planted, by meter index."""
    found: dict[int, dict[str, float | bool]] = {}
    for plan in defects:
        for index in plan.meters:
            found.setdefault(index, {}).update(plan.errors)
    return found
