"""An emulated meter: what the world gives it, its hidden error makes into registers; it dies and boots with its supply.

Rules of this file:

* Energies are Wh and varh as floats; whoever shows them cuts them to the meter's display.
* The supply comes from the measured voltage. A dip that ends within the hold-up is not noticed; a longer one is a power
  failure, and the meter is back ``boot_s`` after the voltage is.
* Half-hour registers are kept as the meter's own clock has them; a half-hour that ends while it is down is missing.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import NamedTuple

import msgspec

from twins.rack.world.circuit import State
from twins.rack.world.hidden import Conditions, Hidden, measured
from twins.rack.world.wiring import Element, check, elements
from twins.rack.world.world import World

SLOT_S = 1800
_KEPT_SLOTS = 45 * 48
_REFERENCE_C = 23.0
_EDGE_S = 1e-6
_SLOT_EDGE_S = 1e-4  # a stretch that ends so soon after a half-hour was cut there


class MeterSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One emulated meter. ``index`` is its twin identity in the fleet; ratios scale the world to its inputs.

    It lives from ``minimum_part`` of the nominal voltage up, bridges ``hold_up_s`` without it, and boots in ``boot_s``.
    """

    name: str
    index: int = 0
    wiring: str = "1P2W"
    nominal_volts: float = 100.0
    nominal_hertz: float = 50.0
    volts_ratio: float = 1.0
    amps_ratio: float = 1.0
    minimum_part: float = 0.6
    hold_up_s: float = 0.1
    boot_s: float = 3.0
    hidden: Hidden = Hidden()


class Registers(NamedTuple):
    """Cumulative registers: active in and out (Wh), reactive + and - (varh)."""

    import_wh: float = 0.0
    export_wh: float = 0.0
    plus_varh: float = 0.0
    minus_varh: float = 0.0


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
    """A meter at a place of the world; it lives there from now on. Raises :class:`RackError` for impossible wiring."""

    def __init__(self, spec: MeterSpec, world: World) -> None:
        check(spec.wiring, world.spec.phases)
        self.spec = spec
        self.connected = True
        self.registers = self._at_start = Registers()
        self.half_hours: dict[int, Registers] = {}
        self.power_failures = 0
        self.failed_at: list[float] = []
        self._world = world
        self._supply, self._changes_at = Supply.DOWN, math.inf
        self._born, self._shift = world.now, 0.0
        world.add(self)

    @property
    def running(self) -> bool:
        """Whether it would answer."""
        return self._supply in (Supply.UP, Supply.HOLDING)

    def connect(self, connected: bool, now: float) -> None:
        """Close or open the relay before its voltage terminals; the current path is bridged then."""
        self._world.advance(now)
        self.connected = connected

    def clock(self, now: float) -> float:
        """What its clock shows (Unix s)."""
        hidden = self.spec.hidden
        return now + self._shift + hidden.clock_offset_s + (now - self._born) * hidden.clock_ppm * 1e-6

    def set_clock(self, at: float, now: float) -> None:
        """Set its clock; it still drifts."""
        self._world.advance(now)
        self._shift += at - self.clock(now)

    def instant(self, now: float) -> Instant:
        """What it shows at an instant."""
        self._world.advance(now)
        state = self._world.state
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
        state = self._world.state
        seen = self._seen(state)
        true = sum(element.power.real for element in seen)
        return 100 * (self._power(seen, state).real - true) / true if true else math.nan

    def until(self, state: State, now: float) -> float:
        """Until its supply changes by itself or a half-hour ends."""
        self._follow_supply(state, now)
        own = self.clock(now)
        rate = 1 + self.spec.hidden.clock_ppm * 1e-6
        return min(self._changes_at, now + ((own + _EDGE_S) // SLOT_S * SLOT_S + SLOT_S - own) / rate)

    def live(self, state: State, start: float, end: float) -> None:
        """Count the energy of a stretch, and keep the registers where a half-hour ends."""
        if not self.running:
            return
        seen = self._seen(state)
        if self.connected:
            self._count(self._power(seen, state) * (end - start) / 3600)
        slot, since = divmod(self.clock(end) + _EDGE_S, SLOT_S)
        stamp = int(slot) * SLOT_S
        if since < _SLOT_EDGE_S and stamp not in self.half_hours:
            self.half_hours[stamp] = self.registers
            if len(self.half_hours) > _KEPT_SLOTS:
                del self.half_hours[min(self.half_hours)]

    def _count(self, energy: complex) -> None:
        was = self.registers
        self.registers = Registers(
            was.import_wh + max(0.0, energy.real),
            was.export_wh + max(0.0, -energy.real),
            was.plus_varh + max(0.0, energy.imag),
            was.minus_varh + max(0.0, -energy.imag),
        )

    def _follow_supply(self, state: State, now: float) -> None:
        """Move the supply on to where it stands at the beginning of a stretch."""
        volts = max(abs(element.volts) for element in self._seen(state))
        powered = volts >= self.spec.minimum_part * self.spec.nominal_volts
        over = now >= self._changes_at - _EDGE_S
        match self._supply:
            case Supply.DOWN if powered:
                self._turn(Supply.BOOTING, now + self.spec.boot_s)
            case Supply.BOOTING if not powered:
                self._turn(Supply.DOWN)
            case Supply.BOOTING if over:
                self._at_start = self.registers
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
        self._supply, self._changes_at = supply, changes_at

    def _fail(self, now: float) -> None:
        self.power_failures += 1
        self.failed_at.append(now)
        if self.spec.hidden.forgets:
            self.registers = self._at_start
        self._turn(Supply.DOWN)

    def _seen(self, state: State) -> tuple[Element, ...]:
        """What lies at its elements; no voltage while its relay is open."""
        spec, closed = self.spec, self.connected
        return tuple(
            Element(element.volts * spec.volts_ratio * closed, element.amps * spec.amps_ratio)
            for element in elements(spec.wiring, state)
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
