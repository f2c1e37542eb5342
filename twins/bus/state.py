"""What every process of a run tells about itself, a few times a second, on its state topic."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from twins.bus.message import read

EVERY = 0.25  # s of real time between two states


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A process's state: whose, in which run, which epoch of it, and its counters by name."""

    process: str
    run: str
    epoch: int
    pid: int
    now: float
    figures: dict[str, float]


class StateTeller:
    """Tells a state when enough real time has passed since the last one."""

    def __init__(self, tell: Callable[[State], object]) -> None:
        self._tell = tell
        self._last = float("-inf")

    def maybe(self, real_now: float, make: Callable[[], State], force: bool = False) -> None:
        """Tell the state that ``make`` gives, if it is time (or ``force``)."""
        if force or real_now - self._last >= EVERY:
            self._last = real_now
            self._tell(make())


def read_state(payload: bytes) -> State:
    """A state out of its payload; ProtocolError when it is none."""
    return read(payload, State)
