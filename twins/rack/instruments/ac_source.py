"""The AC source behind every dialect: settings, output relay, protection, measurements, on the world.

Rules of this file:

* Settings are changed in a copy and take effect together at a commit; a set that does not go together (a voltage above
  its range or soft limit) is -222 and leaves everything as it was.
* The relay may be stuck and the protection tripped: what was commanded and what the world sees are two things.
* A dialect is a table of headers on these methods, with its own ranges, replies and refusals.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from protocols.scpi.device import Call, Command, Handler, Manners
from protocols.scpi.errors import ScpiError
from protocols.scpi.values import nr1, nr3
from twins.rack.faults import Fault, RackError
from twins.rack.instruments.ratings import SourceRating
from twins.rack.instruments.scpi import ScpiInstrument, numeric, switch
from twins.rack.world.circuit import Phase, State
from twins.rack.world.output import Piece, Point
from twins.rack.world.world import World

OVERCURRENT: Final = 2
"""Bit of the questionable status that a tripped current protection sets; by memory."""

Quantity = Callable[[Phase, State], float]
"""What a meter makes of one phase of a state."""

_NEVER = math.inf


@dataclass(slots=True)
class Settings:
    """What a source is set to; ``volts`` and ``angles`` by phase, ``reach`` the number of its range."""

    volts: list[float]
    angles: list[float]
    hertz: float
    reach: int
    amps: float
    volts_limit: float
    hertz_limits: tuple[float, float]


class AcSource(ScpiInstrument, ABC):
    """An AC source that feeds a world; raises :class:`RackError` when the world has more phases than it."""

    coupled: ClassVar[bool] = False
    clear_restores: ClassVar[bool] = False

    def __init__(self, rating: SourceRating, world: World, pace: float = 1.0) -> None:
        if rating.phases < world.spec.phases:
            raise RackError(f"{rating.identity} has {rating.phases} phases, the world {world.spec.phases}")
        self.rating = rating
        self.settings = self._defaults()
        self._wanted = copy.deepcopy(self.settings)
        self.selected = list(range(rating.phases))
        self.commanded = self.tripped = self._stuck = False
        self._over_since = _NEVER
        self._taken: State | None = None
        manners = Manners(line_most=rating.line_most, coupled=self.coupled)
        super().__init__(rating.identity, [*self._shared(), *self.dialect()], manners, world, pace)
        world.set_output(self._point(self.settings), world.now)
        world.add(self)

    @abstractmethod
    def dialect(self) -> Iterable[tuple[str, Command]]:
        """The headers of this instrument besides those that all have."""

    def show(self, value: float) -> str:
        """A number as this instrument replies it."""
        return nr3(value)

    def _shared(self) -> list[tuple[str, Command]]:
        return [
            ("OUTPut[:STATe]", switch(lambda: self.commanded, self.switch_output)),
            ("STATus:QUEStionable:CONDition", Command(query=lambda call: nr1(self.questionable))),
        ]

    def _defaults(self) -> Settings:
        rating, phases = self.rating, range(self.rating.phases)
        return Settings(
            [0.0 for _ in phases],
            [-120.0 * phase % 360 for phase in phases],
            50.0,
            0,
            rating.ranges[0].amps,
            rating.ranges[-1].volts,
            rating.hertz,
        )

    def volts_command(self) -> Command:
        """The voltage of the selected phases."""
        return numeric("V", lambda: (0.0, self.rating.ranges[-1].volts), self._volts, self._set_volts, self.show)

    def hertz_command(self) -> Command:
        """The frequency."""
        return numeric("HZ", lambda: self.rating.hertz, lambda: self._wanted.hertz, self._set_hertz, self.show)

    def angle_command(self) -> Command:
        """The angle of the selected phases."""
        return numeric("DEG", lambda: (-360.0, 360.0), self._angle, self._set_angle, self.show)

    def amps_command(self) -> Command:
        """The current limit."""
        return numeric("A", lambda: (0.0, self.reach_amps()), lambda: self._wanted.amps, self._set_amps, self.show)

    def range_command(self) -> Command:
        """The voltage range, by a voltage that it holds."""
        reaches = [reach.volts for reach in self.rating.ranges]
        return numeric("V", lambda: (0.0, reaches[-1]), lambda: reaches[self._wanted.reach], self.set_range, self.show)

    def volts_limit_command(self) -> Command:
        """The soft upper limit of the voltage."""
        top = self.rating.ranges[-1].volts
        return numeric("V", lambda: (0.0, top), lambda: self._wanted.volts_limit, self._set_volts_limit, self.show)

    def hertz_limit_command(self, which: int) -> Command:
        """The soft lower (0) or upper (1) limit of the frequency."""

        def put(value: float) -> None:
            low, high = self._wanted.hertz_limits
            self._wanted.hertz_limits = (value, high) if which == 0 else (low, value)

        return numeric("HZ", lambda: self.rating.hertz, lambda: self._wanted.hertz_limits[which], put, self.show)

    def measurements(self, headers: Mapping[str, Quantity], *, fetch: bool = True) -> Iterable[tuple[str, Command]]:
        """``MEASure`` of each quantity, which takes its time, and ``FETCh`` of the same moment's others."""

        def measure(what: Quantity) -> Handler:
            def query(call: Call) -> str:
                self.takes(call, self.rating.measure_s)
                self._taken = self.world.state
                return self._value(what, self._taken)

            return query

        def fetched(what: Quantity) -> Handler:
            def query(call: Call) -> str:
                if self._taken is None:
                    raise ScpiError(-230)
                return self._value(what, self._taken)

            return query

        for header, what in headers.items():
            yield f"MEASure[:SCALar]:{header}", Command(query=measure(what))
            if fetch:
                yield f"FETCh[:SCALar]:{header}", Command(query=fetched(what))

    def _value(self, what: Quantity, state: State) -> str:
        """A quantity of the first selected phase at this source's own terminals, as its meter shows it."""
        phase = self.selected[0]
        if phase >= len(state.phases):
            return self.show(state.hertz if what is hertz else 0.0)
        there = state.phases[phase]
        own = Phase(there.at_source, 0j if self.world.spec.phantom else there.amps, there.at_source)
        gain = 0.0 if what is hertz or what is power_factor else self.rating.gain_percent / 100
        return self.show(what(own, state) * (1 + gain))

    def reach_amps(self) -> float:
        """The rated current in the range in force."""
        return self.rating.ranges[self._wanted.reach].amps

    def set_range(self, volts: float) -> None:
        """Take the smallest range that holds a voltage."""
        self._wanted.reach = next(i for i, reach in enumerate(self.rating.ranges) if volts <= reach.volts + 1e-9)
        self._wanted.amps = min(self._wanted.amps, self.reach_amps())

    def _volts(self) -> float:
        return self._wanted.volts[self.selected[0]]

    def _angle(self) -> float:
        return self._wanted.angles[self.selected[0]]

    def _set_volts(self, value: float) -> None:
        for phase in self.selected:
            self._wanted.volts[phase] = value

    def _set_angle(self, value: float) -> None:
        for phase in self.selected:
            self._wanted.angles[phase] = value % 360

    def _set_hertz(self, value: float) -> None:
        self._wanted.hertz = value

    def _set_amps(self, value: float) -> None:
        self._wanted.amps = value

    def _set_volts_limit(self, value: float) -> None:
        self._wanted.volts_limit = value

    def commit(self, now: float) -> None:
        """Let the settings take effect; raises :class:`ScpiError` -222 when they do not go together."""
        if self._wanted == self.settings:
            return
        wanted, kept = self._wanted, self.settings
        self._wanted = copy.deepcopy(kept)
        if max(wanted.volts) > min(self.rating.ranges[wanted.reach].volts, wanted.volts_limit) + 1e-9:
            raise ScpiError(-222, "voltage above its range or limit")
        if not wanted.hertz_limits[0] <= wanted.hertz <= wanted.hertz_limits[1]:
            raise ScpiError(-222, "frequency outside its limits")
        self.settings, self._wanted = wanted, copy.deepcopy(wanted)
        self.world.set_output(self._point(wanted), now)

    def reset(self, now: float) -> None:
        """Stop, switch off, go back to the defaults, and hear nothing for a while."""
        self.world.stop(now)
        self.switch_output(False, now)
        self._taken = None
        self.settings = self._defaults()
        self._wanted = copy.deepcopy(self.settings)
        self.world.set_output(self._point(self.settings), now)
        self.go_deaf(self.rating.reset_s, now)

    def switch_output(self, on: bool, now: float) -> None:
        """Switch the output; raises :class:`ScpiError` -221 while a protection is tripped."""
        if on and self.tripped:
            raise ScpiError(-221, "protection has tripped")
        self.commanded = on
        self._drive(now)

    def play(self, steps: list[Piece], repeat: float, now: float) -> None:
        """Begin a programme of the output."""
        self.world.play(tuple(steps), repeat, now)

    def point(self, volts: list[float], hertz: float) -> Point:
        """A point of a programme in the angles that are set."""
        phases = self.world.spec.phases
        return Point(tuple(volts[:phases]), tuple(self.settings.angles[:phases]), hertz)

    def _point(self, settings: Settings) -> Point:
        phases = self.world.spec.phases
        return Point(tuple(settings.volts[:phases]), tuple(settings.angles[:phases]), settings.hertz)

    def _drive(self, now: float) -> None:
        """Let the relay follow, unless it is stuck."""
        if not self._stuck:
            self.world.switch_output(self.commanded and not self.tripped, now)

    def clear_protection(self, call: Call) -> None:
        """Release a protection; what is still commanded comes back."""
        self.tripped = False
        self.questionable &= ~OVERCURRENT
        self._drive(call.now)

    def trip(self, bit: int) -> None:
        """A protection trips. Where clearing it gives the output back, what was commanded stays commanded."""
        self.tripped = True
        self.questionable |= bit
        self._over_since = _NEVER
        self.commanded = self.commanded and self.clear_restores
        if not self._stuck:
            self.world.output.on = False

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault of the instrument itself."""
        if fault is Fault.STUCK_RELAY:
            self.world.advance(now)
            self._stuck = present
            self._drive(now)
        elif fault is Fault.TRIPPED_PROTECTION:
            self.world.advance(now)
            if present:
                self.trip(OVERCURRENT)
                self.world.switch_output(self.world.output.on, now)
            else:
                self.tripped = False
                self.questionable &= ~OVERCURRENT
        else:
            super().afflict(fault, present, now)

    def until(self, state: State, now: float) -> float:
        """Until the current protection trips."""
        if max(self.world.source_amps(state)) <= self.settings.amps + 1e-9:
            self._over_since = _NEVER
        elif self._over_since == _NEVER:
            self._over_since = now
        return self._over_since + self.rating.overcurrent_s

    def live(self, state: State, start: float, end: float) -> None:
        """Trip when the current has been too high for long enough."""
        if end - self._over_since >= self.rating.overcurrent_s - 1e-6:
            self.trip(OVERCURRENT)


def volts(phase: Phase, state: State) -> float:
    """Voltage (V rms)."""
    return abs(phase.volts)


def amps(phase: Phase, state: State) -> float:
    """Current (A rms)."""
    return abs(phase.amps)


def watts(phase: Phase, state: State) -> float:
    """Active power (W)."""
    return phase.power.real


def vars_(phase: Phase, state: State) -> float:
    """Reactive power (var)."""
    return phase.power.imag


def volt_amps(phase: Phase, state: State) -> float:
    """Apparent power (VA)."""
    return abs(phase.power)


def power_factor(phase: Phase, state: State) -> float:
    """Power factor; 0 without current."""
    return phase.power.real / abs(phase.power) if phase.power else 0.0


def hertz(phase: Phase, state: State) -> float:
    """Frequency (Hz)."""
    return state.hertz
