"""The rack's radio world as the link between emulated sticks and meters (:class:`twins.wisun.link.Link`)."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wisun.radio import channel_mhz, lqi
from twins.clock import Clock
from twins.rack.world.radio import RadioWorld
from twins.wisun.link import Delivery, Way
from twins.wisun.station import Station

_FAR_BELOW_ALL = -1000.0  # dBm: minus infinity has no link quality


class StickLink:
    """``names`` gives sticks and meters, by their MAC addresses, the names that the world's paths have for them.

    One who has no name has no path.
    """

    def __init__(self, world: RadioWorld, clock: Clock, names: Mapping[bytes, str]) -> None:
        self._world, self._clock, self._names = world, clock, names

    @property
    def most_tries(self) -> int:
        """As the world's parameters say."""
        return self._world.parameters.frames.tries

    def lqi(self, stick: bytes, station: Station) -> int:
        """Link quality of the level that arrives; it saturates at the ends of what a stick can show."""
        level = self._world.level(*self._pair(stick, station), channel_mhz(station.channel), self._clock.now())
        return lqi(max(level, _FAR_BELOW_ALL))

    def carry(self, stick: bytes, station: Station, size: int, way: Way, *, to_all: bool = False) -> Delivery:
        """A frame over the world's path."""
        trip = self._world.carry(
            *self._pair(stick, station),
            size,
            channel_mhz(station.channel),
            self._clock.now(),
            to_meter=way is Way.TO_METER,
            repeat=not to_all,
        )
        return Delivery(*trip)

    def _pair(self, stick: bytes, station: Station) -> tuple[str, str]:
        return self._names.get(stick, ""), self._names.get(station.mac, "")
