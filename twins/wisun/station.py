"""A served meter on the air: its address, channel, network and link quality, by (seed, index) for good."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address

import numpy as np

from protocols.wisun.radio import Beacon, Datagram, link_local
from twins.random import keys, mix32, salt
from twins.route_b.meter import RouteB
from twins.wisun.parameters import Channels, RadioParameters

_METER, _STICK = 1, 2
_LOCAL = 0x02  # a MAC address that its owner made up: no maker is impersonated
_NO_PAN = 0xFFFE  # network ids from here on have meanings of their own


def meter_mac(index: int) -> bytes:
    """MAC address of a twin by its fleet-wide index."""
    return bytes([_LOCAL, _METER]) + index.to_bytes(6, "big")


def stick_mac(index: int, number: int) -> bytes:
    """MAC address of the stick with this number (0 … 255) that stands in a twin's home."""
    return bytes([_LOCAL, _STICK, number]) + index.to_bytes(5, "big")


class Station:
    """One meter; ``place`` is its place among the served ones."""

    def __init__(self, place: int, route_b: RouteB, seed: int, parameters: RadioParameters) -> None:
        index = route_b.node.view.index
        self.place, self.route_b = place, route_b
        self.mac = meter_mac(index)
        self.address = link_local(self.mac)
        choices = channels(parameters.channels)
        self.channel = choices[_hash(seed, index, "b-route channel") % len(choices)]
        self.pan_id = _hash(seed, index, "b-route network") % _NO_PAN
        low, high = parameters.link.lqi
        self.lqi = low + _hash(seed, index, "b-route link") % (high - low + 1)

    @property
    def beacon(self) -> Beacon:
        """The answer to an active scan."""
        credentials = self.route_b.credentials
        pair_id = b"" if credentials is None else credentials.pair_id
        return Beacon(self.channel, self.pan_id, self.mac, self.lqi, pair_id)

    @property
    def tuning(self) -> tuple[int, int]:
        """Channel and network id: who has others does not hear this meter."""
        return self.channel, self.pan_id

    def datagram(self, payload: bytes, to: IPv6Address, port: int, secured: bool) -> Datagram:
        """What the meter sends, as a stick in range hears it."""
        return Datagram(self.address, to, port, port, self.mac, secured, payload, self.lqi)


def channels(rule: Channels) -> Sequence[int]:
    """The channels that meters use."""
    return range(rule.first, rule.last + 1, rule.step)


def _hash(seed: int, index: int, purpose: str) -> int:
    return int(mix32(keys(seed, np.array([index])) ^ salt(seed, purpose))[0])
