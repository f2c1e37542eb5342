"""What becomes of frames between one stick and one meter: the seam where a radio world comes in.

The default loses nothing, and shows the link quality that a station has for good. A rack's world
(:mod:`twins.rack.world.stick_link`) computes both from its attenuators.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

from twins.wisun.station import Station


class Way(Enum):
    """Who sends."""

    TO_METER = "to meter"
    TO_STICK = "to stick"


class Delivery(NamedTuple):
    """``arrived``: the other side has the frame. ``acknowledged``: the sender knows it. ``tries``: sent so often."""

    arrived: bool
    acknowledged: bool
    tries: int = 1


class Link(Protocol):
    """The links between sticks, known by their MAC addresses, and meters."""

    @property
    def most_tries(self) -> int:
        """How often a frame is sent at most."""

    def lqi(self, stick: bytes, station: Station) -> int:
        """Link quality 0 … 255 that this stick shows for frames of this meter now."""

    def carry(self, stick: bytes, station: Station, size: int, way: Way, *, to_all: bool = False) -> Delivery:
        """Bring a frame of ``size`` bytes over; one ``to_all`` is neither acknowledged nor repeated."""


class PerfectLink:
    """Every stick is in range of every meter, and nothing is lost."""

    most_tries = 1

    def lqi(self, stick: bytes, station: Station) -> int:
        """The station's own, for every stick."""
        return station.lqi

    def carry(self, stick: bytes, station: Station, size: int, way: Way, *, to_all: bool = False) -> Delivery:
        """It arrives."""
        return _ARRIVED


_ARRIVED = Delivery(arrived=True, acknowledged=True)
PERFECT = PerfectLink()
