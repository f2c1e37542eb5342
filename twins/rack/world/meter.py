"""An emulated meter: what the world gives it, its hidden error makes into registers; it dies and boots with its supply.

Rules of this file:

* Energies are Wh and varh as floats; whoever shows them cuts them to the meter's display.
* The supply comes from the measured voltage. A dip that ends within the hold-up is not noticed; a longer one is a power
  failure, and the meter is back ``boot_s`` after the voltage is.
* Rows are kept at the ends of periods as the meter's own clock has them; one that ends while it is down is missing.
* Its own switch lies in the load's way: while it is open it sees no current. Where it is the only one, or all are open,
  the load draws none; else the rack bridges it, and the others go on measuring.
"""

from __future__ import annotations

import math
from collections import deque
from enum import Enum
from typing import NamedTuple

import msgspec

from twins.rack.world.circuit import State
from twins.rack.world.hidden import Conditions, Hidden, measured
from twins.rack.world.registers import Keep, Record, Registers
from twins.rack.world.wiring import Element, check, elements
from twins.rack.world.world import World

SLOT_S = 1800
_HALF_HOURS = Keep(SLOT_S, 45 * 86_400)
_REFERENCE_C = 23.0
_EDGE_S = 1e-6
_FAILURES_KEPT = 64
_ROW_EDGE_S = 1e-4  # a stretch that ends so soon after a period was cut there


class MeterSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One emulated meter. ``index`` is its twin identity in the fleet; ratios scale the world to its inputs.

    Its elements lie on ``phases`` of the world (from 0, in the order of its wiring). It lives from ``minimum_part`` of
    the nominal voltage up, bridges ``hold_up_s`` without it, and boots in ``boot_s``. The periods of ``keeps`` are
    multiples of the shortest.
    """

    name: str
    index: int = 0
    wiring: str = "1P2W"
    phases: tuple[int, ...] = (0, 1, 2)
    nominal_volts: float = 100.0
    nominal_hertz: float = 50.0
    volts_ratio: float = 1.0
    amps_ratio: float = 1.0
    minimum_part: float = 0.6
    hold_up_s: float = 0.1
    boot_s: float = 3.0
    keeps: tuple[Keep, ...] = (_HALF_HOURS,)
    hidden: Hidden = Hidden()


class Instant(NamedTuple):
    """What the meter shows now: per element V and A, and its own idea of the power (W, var)."""

    volts: tuple[float, ...]
    amps: tuple[float, ...]
    watts: float
    vars: float
    hertz: float


class Supply(Enum):
    """How the meter's own supply stands."""

    DOWN = "down"
    BOOTING = "booting"
    UP = "up"
    HOLDING = "holding"


class EmulatedMeter:
    """A meter at a place of the world; it lives there from now on. Raises :class:`RackError` for impossible wiring.

    ``stood`` says with which registers it went into its last power failures, and when by its own clock.
    """

    def __init__(self, spec: MeterSpec, world: World) -> None:
        check(spec.wiring, world.spec.phases, spec.phases)
        self.spec, self.world = spec, world
        self.connected = self.switched_on = True
        self.registers = self._at_start = Registers()
        self.records = {keep.period_s: Record(keep) for keep in spec.keeps}
        self._finest = min(self.records)
        self.power_failures = 0
        self.failed_at: list[float] = []
        self.stood: deque[tuple[float, Registers]] = deque(maxlen=_FAILURES_KEPT)
        self._starts_and_ends: list[tuple[float, bool]] = []
        self._relay: list[tuple[float, bool]] = []
        self.supply, self._changes_at = Supply.DOWN, math.inf
        self.born, self.shift = world.now, 0.0
        world.add(self)
        world.carry(self, True, world.now)

    @property
    def running(self) -> bool:
        """Whether it would answer."""
        return self.supply in (Supply.UP, Supply.HOLDING)

    @property
    def half_hours(self) -> dict[int, Registers]:
        """Registers at the ends of half-hours by its own clock."""
        return {stamp: row.registers for stamp, row in self.records[SLOT_S].rows.items()}

    def connect(self, connected: bool, at: float) -> None:
        """The relay before its voltage terminals closes or opens at an instant; the current path is bridged then.

        It is told last what it does last: what it was to do later than that, it does not.
        """
        self._relay = [*(told for told in self._relay if told[0] <= at), (at, connected)]

    def switch(self, on: bool, now: float) -> None:
        """Close or open its own switch."""
        if on != self.switched_on:
            self.world.advance(now)
            self.switched_on = on
            self.world.carry(self, on, now)

    def starts_and_ends(self) -> list[tuple[float, bool]]:
        """Take when it began (True) and ceased (False) to run since this was asked last, in order."""
        taken, self._starts_and_ends = self._starts_and_ends, []
        return taken

    def clock(self, now: float) -> float:
        """What its clock shows (Unix s)."""
        hidden = self.spec.hidden
        return now + self.shift + hidden.clock_offset_s + (now - self.born) * hidden.clock_ppm * 1e-6

    def set_clock(self, at: float, now: float) -> None:
        """Set its clock; it still drifts."""
        self.world.advance(now)
        self.shift += at - self.clock(now)

    def instant(self, now: float) -> Instant:
        """What it shows at an instant."""
        self.world.advance(now)
        state = self.world.state
        seen = self._seen(state)
        power = self._power(seen, state)
        return Instant(
            tuple(abs(element.volts) for element in seen),
            tuple(abs(element.amps) for element in seen),
            power.real,
            power.imag,
            state.hertz,
        )

    def error_percent(self) -> float:
        """Its error under the present conditions: 100 (measured - true) / true; NaN when the true power is 0."""
        state = self.world.state
        seen = self._seen(state)
        true = sum(element.power.real for element in seen)
        return 100 * (self._power(seen, state).real - true) / true if true else math.nan

    def until(self, state: State, now: float) -> float:
        """Until its relay or its supply changes, or a period ends."""
        self._follow_relay(now)
        self._follow_supply(state, now)
        own = self.clock(now)
        rate = 1 + self.spec.hidden.clock_ppm * 1e-6
        edge = now + ((own + _EDGE_S) // self._finest * self._finest + self._finest - own) / rate
        return min(self._changes_at, edge, self._relay[0][0] if self._relay else math.inf)

    def live(self, state: State, start: float, end: float) -> None:
        """Count the energy of a stretch, and keep rows where a period ends."""
        if not self.running:
            return
        seen, seconds = self._seen(state), end - start
        if self.connected:
            self.registers = self.registers.with_energy(self._power(seen, state) * seconds / 3600)
        began, own = self.clock(start) + _EDGE_S, self.clock(end) + _EDGE_S
        volts = [abs(element.volts) for element in seen]
        ends = own % self._finest < _ROW_EDGE_S
        for period, record in self.records.items():
            record.count(began, volts, seconds)
            if ends and own % period < _ROW_EDGE_S:
                record.close(int(own // period) * period, self.registers)

    def _follow_relay(self, now: float) -> None:
        while self._relay and now >= self._relay[0][0] - _EDGE_S:
            self.connected = self._relay.pop(0)[1]

    def _follow_supply(self, state: State, now: float) -> None:
        """Move the supply on to where it stands at the beginning of a stretch."""
        volts = max(abs(element.volts) for element in self._seen(state))
        powered = volts >= self.spec.minimum_part * self.spec.nominal_volts
        over = now >= self._changes_at - _EDGE_S
        match self.supply:
            case Supply.DOWN if powered:
                self._turn(Supply.BOOTING, now + self.spec.boot_s)
            case Supply.BOOTING if not powered:
                self._turn(Supply.DOWN)
            case Supply.BOOTING if over:
                self._at_start = self.registers
                self._starts_and_ends.append((now, True))
                self._turn(Supply.UP)
            case Supply.UP if not powered:
                self._turn(Supply.HOLDING, now + self.spec.hold_up_s)
            case Supply.HOLDING if powered:
                self._turn(Supply.UP)
            case Supply.HOLDING if over:
                self._fail(now)
            case _:
                pass

    def _turn(self, supply: Supply, changes_at: float = math.inf) -> None:
        self.supply, self._changes_at = supply, changes_at

    def _fail(self, now: float) -> None:
        self.power_failures += 1
        self.failed_at.append(now)
        self._starts_and_ends.append((now, False))
        if self.spec.hidden.forgets:
            self.registers = self._at_start
        self.stood.append((self.clock(now), self.registers))
        self._turn(Supply.DOWN)

    def _seen(self, state: State) -> tuple[Element, ...]:
        """What lies at its elements; no voltage while its relay is open, no current while its own switch is."""
        spec, closed, on = self.spec, self.connected, self.switched_on
        return tuple(
            Element(element.volts * spec.volts_ratio * closed, element.amps * spec.amps_ratio * on)
            for element in elements(spec.wiring, state, spec.phases)
        )

    def _power(self, seen: tuple[Element, ...], state: State) -> complex:
        spec = self.spec
        volts = sum(abs(element.volts) for element in seen) / len(seen)
        return measured(
            spec.hidden,
            seen,
            Conditions(
                100 * (volts / spec.nominal_volts - 1),
                100 * (state.hertz / spec.nominal_hertz - 1),
                state.temperature_c - _REFERENCE_C,
            ),
        )
