"""What all SCPI front ends of the virtual rack share: the world's time, afflictions, settings with bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from protocols.scpi.device import Call, Command, Connection, Device, Manners
from protocols.scpi.errors import ScpiError
from protocols.scpi.values import boolean, nr1, number
from twins.rack.faults import Fault, RackError
from twins.rack.world.world import World

Bounds = Callable[[], tuple[float, float]]
Show = Callable[[float], str]

_STRANGER = "VIRTUAL RACK,SOMETHING-ELSE,0,0"
_HAIR = 1e-9  # a limit is not exceeded by the rounding of a decimal number


class ScpiInstrument(Device):
    """A device in a world. ``pace`` scales resets and slow measurements; 1 is as the instrument has them.

    What it takes are real seconds, also where the world's pass faster: :meth:`in_world`.
    """

    def __init__(
        self,
        identity: str,
        commands: Iterable[tuple[str, Command]],
        manners: Manners,
        world: World,
        pace: float = 1.0,
    ) -> None:
        super().__init__(identity, commands, manners)
        self.world, self.pace = world, pace
        self._own_identity = identity

    def connect(self, now: float) -> Connection:
        """A client has connected."""
        return self.connection()

    def handle(self, message: str, now: float) -> tuple[str | None, float]:
        """Carry out one message in the world as it is then."""
        self.world.advance(now)
        return super().handle(message, now)

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault of the instrument itself; raises :class:`RackError` for one it cannot have."""
        self.world.advance(now)
        if fault is Fault.PANEL_TOOK_LOCAL:
            self.local = present
        elif fault is Fault.WRONG_IDENTITY:
            self.identity = _STRANGER if present else self._own_identity
        else:
            raise RackError(f"{self._own_identity} cannot have the fault {fault.value}")

    def in_world(self, seconds: float) -> float:
        """Seconds of the world that pass in real ones."""
        return seconds * self.world.spec.time_scale

    def takes(self, call: Call, seconds: float) -> None:
        """Let a reply take its time."""
        call.delay_s += self.in_world(seconds * self.pace)

    def go_deaf(self, seconds: float, now: float) -> None:
        """Hear nothing for a while."""
        self.busy_until = now + self.in_world(seconds * self.pace)


def numeric(unit: str, bounds: Bounds, get: Callable[[], float], put: Callable[[float], None], show: Show) -> Command:
    """A number with MINimum and MAXimum, checked when it is set (-222); its query takes MINimum and MAXimum too."""

    def words() -> dict[str, float]:
        low, high = bounds()
        return {"MINimum": low, "MAXimum": high}

    def setter(call: Call) -> None:
        low, high = bounds()
        put(within(number(call.one(), unit, words()), low, high))

    def query(call: Call) -> str:
        return show(number(call.one(), unit, words()) if call.arguments else get())

    return Command(setter, query)


def switch(get: Callable[[], bool], put: Callable[[bool, float], None]) -> Command:
    """A boolean; ``put`` is given the time too."""

    def setter(call: Call) -> None:
        put(boolean(call.one()), call.now)

    return Command(setter, lambda call: nr1(get()))


def within(value: float, low: float, high: float) -> float:
    """The value, when it is in bounds; raises :class:`ScpiError` -222 otherwise."""
    if not low - _HAIR <= value <= high + _HAIR or math.isnan(value):
        raise ScpiError(-222, f"{value:g}")
    return value


def numbers(call: Call, unit: str, low: float, high: float, most: int) -> list[float]:
    """A list of numbers in bounds, no longer than ``most``; raises :class:`ScpiError` -109, -222 or -108."""
    if not call.arguments:
        raise ScpiError(-109)
    if len(call.arguments) > most:
        raise ScpiError(-108, f"more than {most} points")
    return [within(number(text, unit), low, high) for text in call.arguments]
