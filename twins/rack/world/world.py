"""The electrical world of a rack: one source, one load, places with meters; what its instruments agree on.

Rules of this file:

* Time is handed in and only goes forward. Whoever asks or changes something says when; the world first lives up to that
  instant, in stretches during which nothing changes.
* Everything with a behaviour of its own in time (protections, meters, integrators) is a :class:`Part`: it says until
  when it will bear a state, and is told of every stretch.
* One thread: the world has no locks.
"""

from __future__ import annotations

import cmath
import math
from bisect import bisect_right
from collections import deque
from typing import Protocol

import msgspec

from twins.rack.faults import RackError
from twins.rack.world.circuit import Draw, Impedance, Phase, State, solve
from twins.rack.world.output import Output, Piece, Point

_MOMENT_S = 1e-6  # shorter stretches are not told apart
_HISTORY = 4096


class WorldSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the world is made of. ``phantom``: currents come from a circuit of their own, so the source bears none.

    ``time_scale`` is how many seconds pass here in a real one: what instruments take real seconds for (answers, resets,
    watchdogs) takes so many times as long here.
    """

    phases: int = 1
    source: Impedance = Impedance(ohms=0.02, henries=20e-6)
    cable: Impedance = Impedance(ohms=0.01)
    temperature_c: float = 23.0
    phantom: bool = False
    time_scale: float = 1.0


class Part(Protocol):
    """Something that lives in the world."""

    def until(self, state: State, now: float) -> float:
        """When this part has to be asked again at the latest, should the state stay as it is; infinity for never."""

    def live(self, state: State, start: float, end: float) -> None:
        """Live through a stretch in this state; may change the world, which then counts from ``end``."""


class World:
    """A world that begins ``now``, its source off. Raises :class:`RackError` for an impossible spec."""

    def __init__(self, spec: WorldSpec, now: float) -> None:
        if not 1 <= spec.phases <= 3:
            raise RackError(f"world: {spec.phases} phases; there can be 1, 2 or 3")
        self.spec = spec
        self.temperature_c = spec.temperature_c
        angles = tuple(-120.0 * phase for phase in range(spec.phases))
        self.output = Output(Point((0.0,) * spec.phases, angles, 50.0))
        self._draws = (Draw(),) * spec.phases
        self._parts: list[Part] = []
        self._ways: dict[Part, bool] = {}
        self._now = now
        self._starts: deque[float] = deque(maxlen=_HISTORY)
        self._states: deque[State] = deque(maxlen=_HISTORY)
        self._note()

    @property
    def now(self) -> float:
        """Up to when the world has lived."""
        return self._now

    @property
    def state(self) -> State:
        """How things stand at :attr:`now`."""
        return self._states[-1]

    def recent(self, at: float) -> State:
        """How things stood at an instant of the recent past."""
        return self._states[max(0, bisect_right(self._starts, at) - 1)]

    def add(self, part: Part) -> None:
        """Let a part live in this world from now on."""
        self._parts.append(part)

    def advance(self, now: float) -> None:
        """Live up to an instant; the past is ignored."""
        while now - self._now > _MOMENT_S:
            start, state = self._now, self.state
            end = min(now, self.output.until(start), *(part.until(state, start) for part in self._parts), math.inf)
            end = max(end, start + _MOMENT_S)
            during = self._solve((start + end) / 2)
            for part in self._parts:
                part.live(during, start, end)
            self._now = end
            self._note()

    def set_output(self, setting: Point, now: float) -> None:
        """Set what the source puts out when it is on; raises :class:`RackError` for another number of phases."""
        if len(setting.volts) != self.spec.phases or len(setting.angles) != self.spec.phases:
            raise RackError(f"world: a setting of {len(setting.volts)} phases for {self.spec.phases}")
        self.advance(now)
        self.output.setting = setting
        self._note()

    def switch_output(self, on: bool, now: float) -> None:
        """Close or open the source's output relay."""
        self.advance(now)
        self.output.on = on
        self._note()

    def play(self, pieces: tuple[Piece, ...], repeat: float, now: float) -> None:
        """Begin a programme of the source."""
        self.advance(now)
        self.output.play(pieces, repeat, now)
        self._note()

    def stop(self, now: float) -> None:
        """End the source's programme."""
        self.advance(now)
        self.output.stop()
        self._note()

    def draw(self, draws: tuple[Draw, ...], now: float) -> None:
        """Set what the load draws; phases that are not named draw nothing."""
        self.advance(now)
        self._draws = (draws + (Draw(),) * self.spec.phases)[: self.spec.phases]
        self._note()

    def carry(self, part: Part, closed: bool, now: float) -> None:
        """Close or open a switch of a part that lies in the load's way; once all of them are open, nothing flows."""
        self.advance(now)
        self._ways[part] = closed
        self._note()

    def let_go(self) -> None:
        """Draw nothing from where the world stands; for parts, within :meth:`Part.live`."""
        self._draws = (Draw(),) * self.spec.phases

    def set_temperature(self, celsius: float, now: float) -> None:
        """Set the temperature of the room."""
        self.advance(now)
        self.temperature_c = celsius
        self._note()

    def source_amps(self, state: State) -> tuple[float, ...]:
        """Current that the source delivers in each phase (A rms)."""
        return tuple(0.0 if self.spec.phantom else abs(phase.amps) for phase in state.phases)

    def _note(self) -> None:
        """Keep how things stand now."""
        state = self._solve(self._now)
        if self._states and self._states[-1] == state:
            return
        self._starts.append(self._now)
        self._states.append(state)

    def _solve(self, at: float) -> State:
        point = self.output.at(at)
        source, cable = self.spec.source.at(point.hertz), self.spec.cable.at(point.hertz)
        open_way = bool(self._ways) and not any(self._ways.values())
        draws = (Draw(),) * self.spec.phases if open_way else self._draws
        phases = []
        for volts, angle, draw in zip(point.volts, point.angles, draws, strict=True):
            force = cmath.rect(volts, math.radians(angle))
            phases.append(_phantom(force, draw) if self.spec.phantom else solve(force, source, cable, draw))
        return State(tuple(phases), point.hertz, self.temperature_c)


def _phantom(force: complex, draw: Draw) -> Phase:
    """A phase whose current comes from elsewhere: no drop, and no current while there is no voltage to follow."""
    return solve(force, 0j, 0j, draw)
