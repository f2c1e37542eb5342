"""What an RF attenuator can do, whoever made it. Channels count from 1, attenuation is in dB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hil_drivers.errors import EnvelopeError, InstrumentError
from hil_drivers.guard import DeviceIdentity, all_of


@dataclass(frozen=True, slots=True)
class AttenuatorCapabilities:
    """Channels, the largest attenuation of each, and the step between settings."""

    channels: int
    max_db: float
    step_db: float


class Attenuator(Protocol):
    """Calls block until the instrument has answered; errors are those of :mod:`hil_drivers.errors`."""

    @property
    def capabilities(self) -> AttenuatorCapabilities:
        """What it can do."""

    @property
    def channels(self) -> int:
        """How many channels."""

    @property
    def max_db(self) -> float:
        """The largest setting."""

    @property
    def step_db(self) -> float:
        """Settings are multiples of this."""

    def identity(self) -> DeviceIdentity:
        """Ask it who it is."""

    def nearest_step(self, channel: int, db: float) -> float:
        """What a setting would be rounded to; raises :class:`EnvelopeError` as :meth:`set` does."""

    def set(self, channel: int, db: float) -> float:
        """Set a channel to the nearest step; what it reads afterwards, which is that step.

        Raises :class:`EnvelopeError`, with nothing sent, for a channel or a setting that it has not got, and
        :class:`~hil_drivers.errors.InstrumentError` when it refuses or reads otherwise.
        """

    def get(self, channel: int) -> float:
        """What a channel is set to."""

    def safe(self) -> None:
        """All channels to the maximum, each read back; what fails is tried once more before it raises."""

    def close(self) -> None:
        """Let go of the instrument; what is set stays."""


class Stepped:
    """The parts that all drivers share; ``set`` and ``get`` are theirs."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.capabilities = AttenuatorCapabilities(channels=0, max_db=0.0, step_db=1.0)

    @property
    def channels(self) -> int:
        """How many channels."""
        return self.capabilities.channels

    @property
    def max_db(self) -> float:
        """The largest setting."""
        return self.capabilities.max_db

    @property
    def step_db(self) -> float:
        """Settings are multiples of this."""
        return self.capabilities.step_db

    def check_channel(self, channel: int) -> None:
        """Raises :class:`EnvelopeError` for a channel that there is not."""
        if not 1 <= channel <= self.channels:
            raise EnvelopeError(f"{self.place}: no channel {channel}; there are 1 to {self.channels}")

    def nearest_step(self, channel: int, db: float) -> float:
        """The setting to send; raises :class:`EnvelopeError` for what the channel cannot be set to."""
        self.check_channel(channel)
        if not 0 <= db <= self.max_db:  # also not a number
            raise EnvelopeError(f"{self.place} channel {channel}: {db:g} dB is not within 0 to {self.max_db:g} dB")
        return round(db / self.step_db) * self.step_db

    def read_back(self, channel: int, wanted: float, reads: float) -> float:
        """What a channel reads after it was set; raises :class:`InstrumentError` when that is another step."""
        if abs(reads - wanted) > self.step_db / 2:
            raise InstrumentError(f"{self.place} channel {channel}: set to {wanted:g} dB, reads {reads:g} dB: stuck")
        return reads


def all_to_maximum(attenuator: Attenuator) -> None:
    """The safe state, as :meth:`Attenuator.safe` says."""

    def to_maximum(channel: int) -> Callable[[], object]:
        return lambda: attenuator.set(channel, attenuator.max_db)

    all_of([to_maximum(channel) for channel in range(1, attenuator.channels + 1)])
