"""What can be done at one place: ordered, within the envelope, each command behind the fence of its lease.

``write`` of a rig runs one command while the lease is held to be valid: between two commands the lease may end, and
then the second one is not sent.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, cast

from bench.errors import InputError
from bench.rack.envelopes import RAMP_STEP, Envelope, tightest
from bench.rack.inventory import Inventory, taps
from bench.rack.messages import Attenuate, Load, Power, Source
from bench.rack.sequencer import Open
from hil_drivers.errors import EnvelopeError, RefusedError
from hil_drivers.load import AcLoad
from hil_drivers.registry import Kind
from hil_drivers.source import AcSource, PhaseSetting, Setting, SourceCan, Watchdog
from protocols.errors import MeterBenchError

Write = Callable[[Callable[[], Any]], Any]
"""Runs one command behind the fence."""

_ANGLES = {1: (0.0,), 2: (0.0, 180.0), 3: (0.0, 240.0, 120.0)}
"""Angles of the phases of a place by their number: single-phase three-wire has two, 180 degrees apart."""


class Rig:
    """The instruments of one place, for whoever holds it."""

    def __init__(self, inventory: Inventory, place: str, opened: Open, write: Write) -> None:
        self._inventory, self._place, self._opened, self._write = inventory, inventory.place(place), opened, write

    def _tap(self, kind: Kind) -> Any:
        tap = getattr(self._place.wiring, kind.value)
        if tap is None:
            where = self._inventory.line("places", self._place.id, "wiring")
            raise InputError(f"{self._place.id} has no {kind.value} ({where})")
        return tap

    def _instrument(self, kind: Kind) -> Any:
        return self._opened(self._tap(kind).instrument)

    def _source(self) -> AcSource:
        return cast(AcSource, self._instrument(Kind.SOURCE))

    def _load(self) -> AcLoad:
        return cast(AcLoad, self._instrument(Kind.LOAD))

    def envelope(self) -> Envelope:
        """The tightest of place, instrument and driver; opens the source."""
        name = self._tap(Kind.SOURCE).instrument
        described: Any = self._inventory.instruments[name]
        return tightest(
            [
                (f"place {self._place.id}", self._place.limits),
                (name, described.limits),
                (f"driver {described.driver}", self._source().capabilities.envelope),
            ]
        )

    def source(self, asked: Source) -> dict[str, Any]:
        """Source off, off with a tripped protection released, or on by a ramp to these values; what it reads then."""
        source = self._source()
        if asked.action != "on":
            self._write(source.safe if asked.action == "off" else source.clear_protection)
            if isinstance(source, Watchdog):
                self._write(source.disarm_watchdog)
        else:
            rated, envelope = self._place.ratings, self.envelope()
            volts = rated.volts if asked.volts is None else asked.volts
            hertz = float(rated.hertz) if asked.hertz is None else asked.hertz
            target = self._setting(volts, hertz, asked.amps_limit, angles=SourceCan.ANGLES in source.capabilities.can)
            envelope.check(target)
            if isinstance(source, Watchdog):
                self._write(lambda: source.arm_watchdog(self._inventory.rack.safe_state.watchdog_seconds))
            self._ramp(source, envelope, target)
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
            self._write(lambda: source.configure(dataclasses.replace(target, phases=phases)))  # noqa: B023 - run at once
            if not source.is_on():
                self._write(lambda: source.output(True))
            if volts != end:
                time.sleep(RAMP_STEP)

    def _setting(self, volts: float, hertz: float, amps_limit: float | None, *, angles: bool) -> Setting:
        """The phases of this place at these volts; phases of the source that are not wired here at 0 V."""
        wired = self._place.wiring.source.phases if self._place.wiring.source else ()
        phases = [PhaseSetting(0.0)] * max(wired)
        for phase, angle in zip(wired, _ANGLES[len(wired)], strict=True):
            # A three-phase source whose angles cannot be set has those of the grid.
            phases[phase - 1] = PhaseSetting(volts, angle if angles or len(wired) < 3 else 0.0)
        return Setting(tuple(phases), hertz, amps_limit)

    def load(self, asked: Load) -> dict[str, Any]:
        """The load on with so many A, or off with its protections released; what it reads then."""
        load = self._load()
        if asked.amps == 0:
            self._write(load.clear_protection)
        else:
            self._check_amps(asked.amps)
            self._write(lambda: load.configure(asked.amps, asked.power_factor))
            self._write(lambda: load.input(True))
        return {"on": load.is_on(), **dataclasses.asdict(load.reading())}

    def _check_amps(self, amps: float) -> None:
        """Refuse a current above the limit of place or load; the driver checks its own."""
        name = self._tap(Kind.LOAD).instrument
        described: Any = self._inventory.instruments[name]
        limits = ((f"place {self._place.id}", self._place.limits.amps_max), (name, described.limits.amps_max))
        for whose, limit in limits:
            if limit is not None and not amps <= limit:
                raise EnvelopeError(f"current: {amps:g} A lies above the limit of {whose}, {limit:g} A")

    def power(self, asked: Power) -> dict[str, Any]:
        """The relay of the place closed, open, or open for a while; never under load."""
        relay, channel = self._instrument(Kind.RELAY), self._tap(Kind.RELAY).channel
        if asked.action != "get":
            self._refuse_under_load()
        if asked.action in ("off", "cycle"):
            self._write(lambda: relay.set(channel, False))
        if asked.action == "cycle":
            time.sleep(asked.seconds)
        if asked.action in ("on", "cycle"):
            self._write(lambda: relay.set(channel, True))
        return {"closed": relay.get(channel)}

    def _refuse_under_load(self) -> None:
        if self._place.wiring.load is not None and self._load().is_on():
            name = self._place.wiring.load.instrument
            raise RefusedError(f"{name} is on: a relay is not switched under load; switch it off first")

    def attenuate(self, asked: Attenuate) -> dict[str, Any]:
        """The attenuator of the place at so many dB; what was really set."""
        attenuator, channel = self._instrument(Kind.ATTENUATOR), self._tap(Kind.ATTENUATOR).channel
        return {"db": self._write(lambda: attenuator.set(channel, asked.db))}

    def measure(self) -> dict[str, Any]:
        """What each instrument of the place reads; one that has tripped or does not answer says so in its place."""
        told: dict[str, Any] = {}
        for kind, name, channel in taps(self._place):
            try:
                told[kind.value] = self._read(kind, self._opened(name), channel)
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
