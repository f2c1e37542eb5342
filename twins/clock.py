"""Time as an object: wall, scaled or virtual. It is handed around; no module reads the system time by itself.

``now()`` is simulated time in Unix seconds, what meters and head-end live by. ``monotonic()`` is real time, for pacing,
time-outs and progress; it never enters a result. All processes of a run build their clock from the same
:class:`ClockSpec` and so agree, restarted ones included.
"""

from __future__ import annotations

import time
from typing import Literal, Protocol

import msgspec


class ClockSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How a run's time passes: from ``start`` (Unix s, simulated), ``scale`` times as fast since ``origin`` (real)."""

    mode: Literal["wall", "scaled", "virtual"]
    start: float
    scale: float = 1.0
    origin: float = 0.0


class Clock(Protocol):
    """What everything that needs time is given."""

    def now(self) -> float:
        """Simulated Unix seconds."""

    def monotonic(self) -> float:
        """Real seconds from an arbitrary point."""

    def real_until(self, when: float) -> float:
        """Real seconds until a simulated instant; 0 when it has passed, infinite when only a tick can bring it."""


class _Real:
    def monotonic(self) -> float:
        """Real seconds from an arbitrary point."""
        return time.monotonic()


class ScaledClock(_Real):
    """Simulated time that runs ``scale`` times as fast as real time. The wall clock is the one with scale 1, now."""

    def __init__(self, spec: ClockSpec) -> None:
        self._spec = spec

    def now(self) -> float:
        """Simulated Unix seconds."""
        return self._spec.start + (time.time() - self._spec.origin) * self._spec.scale

    def real_until(self, when: float) -> float:
        """Real seconds until a simulated instant, 0 when it has passed."""
        return max(0.0, (when - self.now()) / self._spec.scale)

    def leap(self, spec: ClockSpec) -> bool:
        """Follow another spec from now on, if that leads forward; whether it does. Nobody may be waiting meanwhile."""
        forward = ScaledClock(spec).now() >= self.now()
        if forward:
            self._spec = spec
        return forward


class VirtualClock(_Real):
    """Simulated time that stands still until somebody moves it forward."""

    def __init__(self, start: float) -> None:
        self._now = start

    def now(self) -> float:
        """Simulated Unix seconds."""
        return self._now

    def move_to(self, when: float) -> None:
        """Move forward; going back is ignored, because a repeated tick must not undo time."""
        self._now = max(self._now, when)

    def real_until(self, when: float) -> float:
        """0 when the instant has passed, infinite otherwise."""
        return 0.0 if when <= self._now else float("inf")


def make_clock(spec: ClockSpec) -> ScaledClock | VirtualClock:
    """The clock of a spec."""
    return VirtualClock(spec.start) if spec.mode == "virtual" else ScaledClock(spec)
