"""What a relay board or a switched outlet strip can do. Channels count from 1; closed is on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hil_drivers.errors import EnvelopeError
from hil_drivers.guard import DeviceIdentity

_LOOK_AGAIN_S = 0.01


@dataclass(frozen=True, slots=True)
class RelayCapabilities:
    """Channels, and how long one may take to follow."""

    channels: int
    settle_s: float


class Relay(Protocol):
    """Calls block until the instrument has answered; errors are those of :mod:`hil_drivers.errors`."""

    @property
    def capabilities(self) -> RelayCapabilities:
        """What it can do."""

    @property
    def channels(self) -> int:
        """How many channels."""

    def identity(self) -> DeviceIdentity:
        """Ask it who it is."""

    def set(self, channel: int, closed: bool) -> None:
        """Switch a channel and read it back.

        Raises :class:`EnvelopeError`, with nothing sent, for a channel that there is not, and
        :class:`~hil_drivers.errors.InstrumentError` when it refuses or has not followed when ``settle_s`` are over.
        """

    def get(self, channel: int) -> bool:
        """Whether a channel is closed."""

    def safe(self) -> None:
        """All channels open, looked at; what fails is tried once more before it raises."""

    def close(self) -> None:
        """Let go of the instrument; what is switched stays."""


def check_channel(place: str, channel: int, channels: int) -> None:
    """Raises :class:`EnvelopeError` for a channel that there is not."""
    if not 1 <= channel <= channels:
        raise EnvelopeError(f"{place}: no channel {channel}; there are 1 to {channels}")


def followed(ready: Callable[[], bool], settle_s: float) -> bool:
    """Look until it is ready; False when it is not after ``settle_s``."""
    until = time.monotonic() + settle_s
    while not ready():
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_AGAIN_S)
    return True


def word(closed: bool) -> str:
    """How a state is called in messages."""
    return "closed" if closed else "open"
