"""What an AC load can be asked: a current and its power factor, on or off, and its protections.

Rules of this file: A rms by phase; a negative power factor is a leading (capacitive) current. A load that has tripped
has let go: it says so at the next call, and stays off until :meth:`AcLoad.clear_protection`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hil_drivers.session import InstrumentIdentity


@dataclass(frozen=True, slots=True)
class LoadCapabilities:
    """Highest current (A) and power (W), lowest power factor, and the voltages (V rms) that do not trip it."""

    amps_max: float
    watts_max: float
    power_factor_min: float
    volts_min: float
    volts_max: float


@dataclass(frozen=True, slots=True)
class LoadReading:
    """What the load's own meters show."""

    volts: float
    amps: float
    watts: float


class AcLoad(Protocol):
    """An AC load. All methods raise LinkError, AnswerError, InstrumentError and IdentityError besides."""

    @property
    def capabilities(self) -> LoadCapabilities:
        """What it can do."""

    def identity(self) -> InstrumentIdentity:
        """Ask it who it is."""

    def configure(self, amps: float, power_factor: float = 1.0) -> None:
        """Set what is drawn while on; EnvelopeError for more than it can."""

    def input(self, on: bool) -> None:
        """Switch it; verified by read-back, and on by its protections too."""

    def is_on(self) -> bool:
        """Whether it draws, as it says."""

    def reading(self) -> LoadReading:
        """Measure; refused with an InstrumentError that names the protection when one has tripped."""

    def clear_protection(self) -> None:
        """Switch it off and release its protections."""

    def safe(self) -> None:
        """Off, verified. May be called at any time and again, also after faults."""

    def close(self) -> None:
        """Let go of it; it goes on drawing."""
