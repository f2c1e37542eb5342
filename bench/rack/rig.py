"""What can be done at one place: ordered, within the envelope, each command behind the fence of its lease.

``write`` of a rig runs one command while the lease is held to be valid: between two commands the lease may end, and
then the second one is not sent.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable
from typing import Any, cast

from bench.errors import InputError
from bench.rack.agreement import settled
from bench.rack.envelopes import RAMP_STEP, Envelope, tightest
from bench.rack.inventory import Inventory, taps
from bench.rack.messages import Attenuate, Integrate, Load, Power, Source
from bench.rack.sequencer import Open
from hil_drivers.analyser import Analyser
from hil_drivers.errors import EnvelopeError, RefusedError
from hil_drivers.load import AcLoad
from hil_drivers.registry import Kind
from hil_drivers.source import AcSource, PhaseSetting, PlayState, Setting, SourceCan, Watchdog
from protocols.errors import MeterBenchError

Write = Callable[[Callable[[], Any]], Any]
"""Runs one command behind the fence."""

_ANGLES = {1: (0.0,), 2: (0.0, 180.0), 3: (0.0, 240.0, 120.0)}
"""Angles of the phases of a place by their number: single-phase three-wire has two, 180 degrees apart."""


def refuse_while_playing(source: AcSource) -> None:
    """Raise RefusedError while the source plays a list: what is set now would hold behind it, or end it."""
    if SourceCan.SEGMENTS in source.capabilities.can and source.progress().state is not PlayState.IDLE:
        raise RefusedError("the source plays segments; wait for their end, or switch it off")


class Rig:
    """The instruments of one place, for whoever holds it."""

    def __init__(self, inventory: Inventory, place: str, opened: Open, write: Write) -> None:
        self.inventory, self.place, self._opened, self.write = inventory, inventory.place(place), opened, write

    def tap(self, kind: Kind) -> Any:
        """How the instrument of this kind is wired here; raises InputError where there is none."""
        tap = getattr(self.place.wiring, kind.value)
        if tap is None:
            where = self.inventory.line("places", self.place.id, "wiring")
            raise InputError(f"{self.place.id} has no {kind.value} ({where})")
        return tap

    def instrument(self, kind: Kind) -> Any:
        """The open instrument of this kind; raises InputError where there is none."""
        return self._opened(self.tap(kind).instrument)

    def source_here(self) -> AcSource:
        """The open source."""
        return cast(AcSource, self.instrument(Kind.SOURCE))

    def _load(self) -> AcLoad:
        return cast(AcLoad, self.instrument(Kind.LOAD))

    def envelope(self) -> Envelope:
        """The tightest of place, instrument and driver; opens the source."""
        name = self.tap(Kind.SOURCE).instrument
        described: Any = self.inventory.instruments[name]
        return tightest(
            [
                (f"place {self.place.id}", self.place.limits),
                (name, described.limits),
                (f"driver {described.driver}", self.source_here().capabilities.envelope),
            ]
        )

    def source(self, asked: Source) -> dict[str, Any]:
        """Source off, off with a tripped protection released, or on by a ramp to these values; what it reads then.

        Raises OutputError when it then measures something else at its output.
        """
        source = self.source_here()
        if asked.action != "on":
            self.write(source.safe if asked.action == "off" else source.clear_protection)
            if isinstance(source, Watchdog):
                self.write(source.disarm_watchdog)
        else:
            envelope = self.envelope()
            volts = self.place.ratings.volts if asked.volts is None else asked.volts
            target = self.setting(volts, asked.hertz, asked.amps_limit)
            envelope.check(target)
            refuse_while_playing(source)
            if isinstance(source, Watchdog):
                self.write(lambda: source.arm_watchdog(self.inventory.rack.safe_state.watchdog_seconds))
            self._ramp(source, envelope, target)
            reading = settled(self.tap(Kind.SOURCE).instrument, source)
            return {"on": source.is_on(), **dataclasses.asdict(reading)}
        return {"on": source.is_on(), **dataclasses.asdict(source.reading())}

    def _ramp(self, source: AcSource, envelope: Envelope, target: Setting) -> None:
        end = tuple(phase.volts for phase in target.phases)
        start = (0.0,) * len(end)
        if source.is_on():
            start = (*source.reading().volts, *start)[: len(end)]
        for volts in envelope.ramp(start, end):
            phases = tuple(
                dataclasses.replace(phase, volts=value) for phase, value in zip(target.phases, volts, strict=True)
            )
            step = dataclasses.replace(target, phases=phases)
            self.write(functools.partial(source.configure, step, up_to=max(end)))
            if not source.is_on():
                self.write(lambda: source.output(True))
            if volts != end:
                time.sleep(RAMP_STEP)

    def setting(
        self, volts: float, hertz: float | None = None, amps_limit: float | None = None, turned: float = 0.0
    ) -> Setting:
        """The phases of this place at these volts, ``turned`` by an angle; other phases of the source at 0 V."""
        wired = self.place.wiring.source.phases if self.place.wiring.source else ()
        # A three-phase source whose angles cannot be set has those of the grid.
        fixed = len(wired) == 3 and SourceCan.ANGLES not in self.source_here().capabilities.can
        phases = [PhaseSetting(0.0)] * max(wired)
        for phase, angle in zip(wired, _ANGLES[len(wired)], strict=True):
            phases[phase - 1] = PhaseSetting(volts, ((0.0 if fixed else angle) + turned) % 360)
        return Setting(tuple(phases), float(self.place.ratings.hertz) if hertz is None else hertz, amps_limit)

    def load(self, asked: Load) -> dict[str, Any]:
        """The load on with so many A, or off with its protections released; what it reads then."""
        load = self._load()
        if asked.amps == 0:
            self.write(load.clear_protection)
        else:
            self._check_amps(asked.amps)
            self.write(lambda: load.configure(asked.amps, asked.power_factor))
            self.write(lambda: load.input(True))
        return {"on": load.is_on(), **dataclasses.asdict(load.reading())}

    def _check_amps(self, amps: float) -> None:
        """Refuse a current above the limit of place or load; the driver checks its own."""
        name = self.tap(Kind.LOAD).instrument
        described: Any = self.inventory.instruments[name]
        limits = ((f"place {self.place.id}", self.place.limits.amps_max), (name, described.limits.amps_max))
        for whose, limit in limits:
            if limit is not None and not amps <= limit:
                raise EnvelopeError(f"current: {amps:g} A lies above the limit of {whose}, {limit:g} A")

    def power(self, asked: Power) -> dict[str, Any]:
        """The relay of the place closed, open, or open for a while; never under load."""
        relay, channel = self.instrument(Kind.RELAY), self.tap(Kind.RELAY).channel
        if asked.action != "get":
            self._refuse_under_load()
        if asked.action in ("off", "cycle"):
            self.write(lambda: relay.set(channel, False))
        if asked.action == "cycle":
            time.sleep(asked.seconds)
        if asked.action in ("on", "cycle"):
            self.write(lambda: relay.set(channel, True))
        return {"closed": relay.get(channel)}

    def _refuse_under_load(self) -> None:
        if self.place.wiring.load is not None and self._load().is_on():
            name = self.place.wiring.load.instrument
            raise RefusedError(f"{name} is on: a relay is not switched under load; switch it off first")

    def attenuate(self, asked: Attenuate) -> dict[str, Any]:
        """The attenuator of the place at so many dB; what was really set, or would be, and its step."""
        attenuator, channel = self.instrument(Kind.ATTENUATOR), self.tap(Kind.ATTENUATOR).channel
        db = min(max(asked.db, 0.0), attenuator.max_db) if asked.nearest else asked.db
        found = attenuator.nearest_step(channel, db) if asked.check else self.write(lambda: attenuator.set(channel, db))
        return {"db": found, "step_db": attenuator.step_db}

    def integrate(self, asked: Integrate) -> dict[str, Any]:
        """The analyser's integration begun, ended or read: energy of the place's elements, and how far to trust it."""
        analyser = cast(Analyser, self.instrument(Kind.ANALYSER))
        elements = [element - 1 for element in self.tap(Kind.ANALYSER).elements]
        volts, amps = asked.volts, asked.amps
        if asked.action == "begin":
            if volts is not None and amps is not None:
                self.write(analyser.safe)  # ranges cannot be chosen while it integrates
                self.write(lambda: analyser.choose_ranges(volts, amps))
            self.write(analyser.begin_integration)
        counted = self.write(analyser.end_integration) if asked.action == "end" else analyser.integral()
        watts, accuracy = analyser.reading().watts, analyser.capabilities.watts
        if asked.action == "end":
            self.write(lambda: analyser.choose_ranges(math.inf, math.inf))
        return {
            "wh": sum(counted.element_wh[element] for element in elements),
            "seconds": counted.seconds,
            "percent": accuracy.percent_of_sum([watts[element] for element in elements]),
        }

    def measure(self) -> dict[str, Any]:
        """What each instrument of the place reads; one that has tripped or does not answer says so in its place."""
        told: dict[str, Any] = {}
        for kind, name, channel in taps(self.place):
            try:
                if reading := self._read(kind, self._opened(name), channel):
                    told[kind.value] = reading
            except (MeterBenchError, OSError) as error:
                told[kind.value] = {"error": str(error)}
        return told

    def _read(self, kind: Kind, instrument: Any, channel: int) -> dict[str, Any]:
        match kind:
            case Kind.SOURCE | Kind.LOAD:
                return {"on": instrument.is_on(), **dataclasses.asdict(instrument.reading())}
            case Kind.ANALYSER:
                return dataclasses.asdict(instrument.reading())
            case Kind.RELAY:
                return {"closed": instrument.get(channel)}
            case Kind.ATTENUATOR:
                return {"db": instrument.get(channel)}
            case Kind.BRIDGE:  # it measures nothing
                return {}
