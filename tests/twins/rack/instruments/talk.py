"""Talking to a front end without a wire."""

from __future__ import annotations

from typing import Any

from twins.rack.instruments.catalogue import front_end
from twins.rack.world.world import World, WorldSpec

T = 1_700_000_000.0


class Talk:
    """A front end in a world of its own; time passes when it is told to."""

    def __init__(self, model: str, phases: int = 1) -> None:
        self.now = T
        self.world = World(WorldSpec(phases=phases), T)
        self.device: Any = front_end(model, self.world)
        self._line = self.device.connect(T)

    def say(self, message: str) -> str:
        """The answer, however long it takes."""
        self._line.receive(message.encode() + b"\n", self.now)
        due = self._line.due()
        if due is not None:
            self.now = max(self.now, due)
        answer: bytes = self._line.take(self.now)
        return answer.decode().rstrip("\n")

    def error(self) -> str:
        """The oldest error's number."""
        return self.say("SYST:ERR?").split(",")[0]

    def volts(self, after: float = 0.0) -> float:
        """What stands at the places' first phase some time from now."""
        self.now += after
        self.world.advance(self.now)
        return abs(self.world.state.phases[0].volts)
