"""Where meters stand on the air: for good, apart from each other, and where every dialect can find them."""

from __future__ import annotations

from protocols.wisun.j11.messages import arib_channel, j11_channel
from protocols.wisun.radio import link_local
from tests.twins.echonet.twin import NOW, twin_of
from twins.route_b.meter import RouteB
from twins.wisun.parameters import radio_parameters
from twins.wisun.station import Station, meter_mac, stick_mac

from .rig import VIEWS, credentials


def station(place: int, seed: int = 1) -> Station:
    return Station(place, RouteB(twin_of(VIEWS[place]), credentials(place)), seed, radio_parameters())


def test_a_station_is_the_same_each_time_and_another_under_another_seed() -> None:
    assert station(0).tuning == station(0).tuning
    assert station(0).beacon == station(0).beacon
    assert len({station(0, seed).tuning for seed in range(20)}) > 10


def test_every_dialect_can_tune_to_every_meter() -> None:
    for seed in range(50):
        one = station(0, seed)
        assert 33 <= one.channel <= 60
        assert arib_channel(j11_channel(one.channel)) == one.channel
        assert one.pan_id < 0xFFFE
        low, high = radio_parameters().link.lqi
        assert low <= one.lqi <= high


def test_addresses_are_made_up_and_differ() -> None:
    macs = [meter_mac(1), meter_mac(2), stick_mac(1, 0), stick_mac(1, 1), stick_mac(2, 0)]
    assert len(set(macs)) == len(macs)
    assert all(mac[0] & 0x02 and len(mac) == 8 for mac in macs)
    assert station(0).address == link_local(meter_mac(VIEWS[0].index))


def test_the_beacon_carries_the_end_of_the_id_and_a_closed_route_has_none() -> None:
    one = station(0)
    assert one.beacon.pair_id == credentials(0).route_b_id[-8:]
    one.route_b.shut(0.0)
    assert not one.route_b.answers_beacon(credentials(0).pair_id, NOW)
    assert not one.route_b.answers_beacon(b"", NOW)
