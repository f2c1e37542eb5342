"""The line of an emulated meter: what the world did to its supply, told to its device."""

from __future__ import annotations

from twins.device.device import Device
from twins.rack.world.meter import EmulatedMeter


class Line:
    """Put as :attr:`Device.line`: brings world and device to an instant, and tells whether the meter runs then.

    Failures and returns bear the instants at which the world had them, however seldom anybody asks.
    """

    def __init__(self, meter: EmulatedMeter, device: Device) -> None:
        self._meter, self._device = meter, device

    def __call__(self, now: float) -> bool:
        """Whether it runs at an instant."""
        self._meter.world.advance(now)
        for at, began in self._meter.starts_and_ends():
            self._device.now = at
            if began:
                self._device.line_returns()
            else:
                self._device.lose_line()
        self._device.now = now
        return self._meter.running
