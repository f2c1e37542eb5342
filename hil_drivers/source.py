"""What an AC source can be asked: the groups of IviACPwr that a meter bench needs, and our own segment list.

Rules of this file:

* Volts are rms between a phase and neutral, angles degrees of each phase, times seconds. One frequency for all phases.
* Everything is checked against rating and envelope before any of it is sent
  (:class:`~hil_drivers.errors.EnvelopeError`); what a dialect has no words for is
  :class:`~hil_drivers.errors.UnsupportedError`.
* A segment holds its setting for its time. A ramp goes there in a straight line from where the segment before ended,
  the first from the setting in force; so the first may be a ramp only in a list that is played once.
* What a source does behind the end of a list is its own affair: end a list where the setting in force is.
* ``volts_per_second`` bounds changes of the setting; whoever changes it in steps keeps to it. Dips are meant to jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, runtime_checkable

from hil_drivers.errors import EnvelopeError, UnsupportedError
from hil_drivers.session import InstrumentIdentity


class SourceCan(Enum):
    """What a source may be able to do, in the words that messages use."""

    ANGLES = "angles of its phases"
    UNBALANCE = "phases of different voltage"
    CURRENT_LIMIT = "a current limit"
    SEGMENTS = "segments"
    RAMPS = "ramps within segments"
    WATCHDOG = "a watchdog"


@dataclass(frozen=True, slots=True)
class PhaseSetting:
    """Voltage and angle of one phase."""

    volts: float
    angle_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What is put out; phases of the source that are not named get 0 V."""

    phases: tuple[PhaseSetting, ...]
    hertz: float
    current_limit_a: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A setting for some time, or a ramp that ends in it."""

    setting: Setting
    seconds: float
    ramp: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """What may be put out at most; the tightest of instrument, driver and topology counts."""

    volts_max: float
    hertz_min: float
    hertz_max: float
    amps_max: float
    volts_per_second: float

    def tightest(self, other: Envelope) -> Envelope:
        """The envelope that both allow."""
        return Envelope(
            min(self.volts_max, other.volts_max),
            max(self.hertz_min, other.hertz_min),
            min(self.hertz_max, other.hertz_max),
            min(self.amps_max, other.amps_max),
            min(self.volts_per_second, other.volts_per_second),
        )

    def check(self, setting: Setting) -> None:
        """Raise :class:`~hil_drivers.errors.EnvelopeError` for a setting outside."""
        for number, phase in enumerate(setting.phases, 1):
            if not 0 <= phase.volts <= self.volts_max:
                raise EnvelopeError(f"{phase.volts:g} V in phase {number}: 0 to {self.volts_max:g} V are allowed")
        if not self.hertz_min <= setting.hertz <= self.hertz_max:
            raise EnvelopeError(f"{setting.hertz:g} Hz: {self.hertz_min:g} to {self.hertz_max:g} Hz are allowed")
        limit = setting.current_limit_a
        if limit is not None and not 0 < limit <= self.amps_max:
            raise EnvelopeError(f"a current limit of {limit:g} A: up to {self.amps_max:g} A are allowed")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far what a source's own meters show may lie from what is set, once ``settle_s`` real seconds have passed.

    Volts: ``percent`` of what is set, at least ``volts`` (an output at 0 V is never quite 0). The frequency:
    ``hertz_percent``, where at least ``hertz_from_volts`` are set to measure it at. A phase that carries its current
    limit but ``limit_percent`` may lie lower by it.
    """

    percent: float
    volts: float
    hertz_percent: float
    hertz_from_volts: float
    limit_percent: float
    settle_s: float


@dataclass(frozen=True, slots=True)
class SourceReading:
    """What the source's own meters show, by phase; W is active power."""

    volts: tuple[float, ...]
    amps: tuple[float, ...]
    watts: tuple[float, ...]
    hertz: float


class PlayState(Enum):
    """Whether a list is being played."""

    IDLE = "idle"
    RUNNING = "running"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a list is; segments and rounds count from 1, None is what the dialect does not tell."""

    state: PlayState
    segment: int | None = None
    round: int | None = None
    elapsed_s: float | None = None


@dataclass(frozen=True, slots=True)
class SourceCapabilities:
    """What a source can do: its own envelope, phases, longest list; and how true its meters are to its settings."""

    phases: int
    envelope: Envelope
    agreement: Agreement
    segments: int = 0
    can: frozenset[SourceCan] = field(default_factory=frozenset)


class AcSource(Protocol):
    """An AC source. All methods raise LinkError, AnswerError, InstrumentError and IdentityError besides."""

    @property
    def capabilities(self) -> SourceCapabilities:
        """What it can do."""

    @property
    def setting(self) -> Setting | None:
        """The setting in force, of all its phases, as this driver made it; None before the first."""

    def identity(self) -> InstrumentIdentity:
        """Ask it who it is."""

    def configure(self, setting: Setting, *, up_to: float = 0.0) -> None:
        """Set what is put out, now or when the output is switched on; read back and verified. Ends a list.

        With the output off, the range is one that also holds the voltage ``up_to`` which it will be raised to later.
        """

    def output(self, on: bool) -> None:
        """Switch the output; verified by read-back, off by the voltage at the terminals too."""

    def is_on(self) -> bool:
        """Whether the output is on, as the source says."""

    def reading(self) -> SourceReading:
        """Measure; refused with an InstrumentError when a protection has tripped."""

    def play(self, segments: Sequence[Segment], *, repeat: int = 1) -> None:
        """Load a list and begin it; the output must be on. Returns at once."""

    def progress(self) -> Progress:
        """Where the list is."""

    def abort(self) -> None:
        """End the list, or leave one that has ended; the setting in force holds again."""

    def clear_protection(self) -> None:
        """Switch the output off, then release a protection: clearing alone may give the output back."""

    def safe(self) -> None:
        """List ended, output off, verified. May be called at any time and again, also after faults."""

    def close(self) -> None:
        """Let go of it; the output stays as it is."""


@runtime_checkable
class Watchdog(Protocol):
    """A source that switches itself off when nobody speaks to it; every exchange feeds it."""

    def arm_watchdog(self, seconds: float) -> None:
        """Switch off after so long a silence."""

    def disarm_watchdog(self) -> None:
        """Never mind silence."""


def check_segments(segments: Sequence[Segment], repeat: int, capabilities: SourceCapabilities) -> None:
    """Raise UnsupportedError or EnvelopeError for a list that this source cannot play."""
    need(capabilities, SourceCan.SEGMENTS)
    if not segments or repeat < 1:
        raise EnvelopeError("a list has at least one segment and is played at least once")
    if len(segments) > capabilities.segments:
        raise UnsupportedError(f"{len(segments)} segments; this source plays at most {capabilities.segments}")
    if segments[0].ramp and repeat > 1:
        raise UnsupportedError("a list that is repeated cannot begin with a ramp: where it starts would change")
    for segment in segments:
        if segment.ramp:
            need(capabilities, SourceCan.RAMPS)
        if not segment.seconds > 0:
            raise EnvelopeError(f"a segment of {segment.seconds:g} s")
        check_setting(segment.setting, capabilities)


def check_setting(setting: Setting, capabilities: SourceCapabilities) -> None:
    """Raise UnsupportedError or EnvelopeError for a setting that this source cannot take."""
    if not 1 <= len(setting.phases) <= capabilities.phases:
        raise UnsupportedError(f"a setting of {len(setting.phases)} phases; this source has {capabilities.phases}")
    if setting.current_limit_a is not None:
        need(capabilities, SourceCan.CURRENT_LIMIT)
    if len({phase.volts for phase in setting.phases}) > 1:
        need(capabilities, SourceCan.UNBALANCE)
    if any(phase.angle_deg for phase in setting.phases):
        need(capabilities, SourceCan.ANGLES)
    capabilities.envelope.check(setting)


def need(capabilities: SourceCapabilities, what: SourceCan) -> None:
    """Raise :class:`~hil_drivers.errors.UnsupportedError` unless the source can do this."""
    if what not in capabilities.can:
        raise UnsupportedError(f"this source does not do {what.value}")
