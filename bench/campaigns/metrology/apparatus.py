"""What the measuring methods ask of the rack: one source, load and analyser with the meters that share them.

The methods know nothing of gateway, leases and protocols; :mod:`bench.campaigns.metrology.rack` is the rack's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from protocols.errors import MeterBenchError


class OutOfReachError(MeterBenchError):
    """Source or load cannot do it, or must not; nothing was changed."""


class NoAnswerError(MeterBenchError):
    """A meter does not answer, or cannot be asked this; the text says why."""


class Energy(NamedTuple):
    """What the analyser has counted (Wh, s), and the bound on its error in % of its power reading; NaN: no power."""

    wh: float
    seconds: float
    percent: float


class Register(NamedTuple):
    """A meter's register of imported energy: Wh as shown, Wh of one count, where it begins again at 0 (0: unknown)."""

    wh: float
    resolution_wh: float
    wraps_at_wh: float = 0.0

    def since(self, before: Register) -> float:
        """Wh counted since an earlier reading; a step down by more than half the register is its wrap."""
        step = self.wh - before.wh
        if self.wraps_at_wh and step < -self.wraps_at_wh / 2:
            step += self.wraps_at_wh
        return step


class Part(NamedTuple):
    """A voltage (V of a phase) for some seconds of the source's own time."""

    volts: float
    seconds: float


class Apparatus(Protocol):
    """Instruments and meters of one source; every method may raise MeterBenchError besides."""

    def now(self) -> float:
        """Time of the campaign (Unix s)."""

    def wait(self, seconds: float) -> None:
        """Let time of the campaign pass."""

    def supply(self, volts: float, hertz: float) -> None:
        """Voltage of every phase and frequency; raises OutOfReachError."""

    def cut(self) -> None:
        """Switch the supply off."""

    def draw(self, amps: float, factor: float) -> None:
        """Current of every phase and power factor, 0 A for none; raises OutOfReachError."""

    def begin(self, volts: float, amps: float) -> None:
        """Begin to count energy, from 0, in the analyser's ranges for so many V and A of a phase."""

    def energy(self) -> Energy:
        """What the analyser has counted so far."""

    def end(self) -> Energy:
        """Stop counting."""

    def play(self, parts: Sequence[Part], hertz: float) -> None:
        """Let the source go through voltages without a ramp; returns when over. Raises OutOfReachError."""

    def register(self, place: str) -> Register:
        """Read a meter; raises NoAnswerError."""

    def power_failures(self, place: str) -> int:
        """How often a meter's supply has failed; raises NoAnswerError, also when it does not count them."""

    def rows(self, place: str, first: float, last: float) -> dict[int, float]:
        """Half-hourly registers (Wh) that end in a span of time, by end (Unix s); raises NoAnswerError."""
