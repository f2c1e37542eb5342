"""Addresses, channels, powers and credentials that every stick shares."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wisun import radio
from protocols.wisun.errors import EncodeError
from protocols.wisun.j11 import messages

from .vectors import CREDENTIALS


def test_a_mac_address_becomes_a_link_local_address_with_one_bit_flipped() -> None:
    mac = bytes.fromhex("001D129012345678")
    assert radio.link_local(mac) == IPv6Address("FE80:0000:0000:0000:021D:1290:1234:5678")
    assert radio.mac_of(radio.link_local(mac)) == mac


@given(st.binary(min_size=8, max_size=8))
def test_every_mac_address_comes_back_from_its_address(mac: bytes) -> None:
    assert radio.mac_of(radio.link_local(mac)) == mac


def test_power_follows_the_published_formula_and_saturates() -> None:
    assert radio.rssi_dbm(0) == pytest.approx(-104.27)
    assert radio.rssi_dbm(0xE1) == pytest.approx(0.275 * 225 - 104.27)
    assert radio.rssi_dbm(255) == pytest.approx(-34.145)
    assert [radio.lqi(x) for x in (-200.0, -104.27, -34.145, 0.0)] == [0, 0, 255, 255]


@given(st.integers(0, 255))
def test_every_link_quality_comes_back_from_its_power(quality: int) -> None:
    assert radio.lqi(radio.rssi_dbm(quality)) == quality


def test_channels_are_200_khz_apart() -> None:
    assert radio.channel_mhz(33) == pytest.approx(922.5)
    assert radio.channel_mhz(60) == pytest.approx(927.9)


def test_scans_take_the_published_times() -> None:
    assert radio.scan_seconds(28, 6) == pytest.approx(17.5, abs=0.05)
    assert radio.scan_seconds(28, 8) == pytest.approx(69.1, abs=0.05)
    assert messages.scan_seconds(14, 9) == pytest.approx(69, abs=0.2)


def test_j11_channels_stand_for_every_second_channel() -> None:
    assert [messages.arib_channel(c) for c in (0x04, 0x05, 0x11)] == [33, 35, 59]
    assert [messages.j11_channel(c) for c in (33, 34, 35, 59, 60)] == [4, 4, 5, 0x11, 0x11]


@pytest.mark.parametrize(
    ("route_b_id", "password"), [(b"1" * 31, b"2" * 12), (b"1" * 32, b"2" * 11), (b"1" * 32, b"2 " * 6)]
)
def test_credentials_of_another_form_are_refused(route_b_id: bytes, password: bytes) -> None:
    with pytest.raises(EncodeError):
        radio.Credentials(route_b_id, password)


def test_a_password_does_not_show() -> None:
    assert CREDENTIALS.password.decode() not in repr(CREDENTIALS)
    assert CREDENTIALS.pair_id == b"44556677"
