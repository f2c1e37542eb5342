"""Addresses that others have are refused before a twin would starve there; shared wildcards do no harm."""

from __future__ import annotations

import os
import socket

import pytest

from tests.twins.echonet.twin import NOW, twin_of, view_of
from twins.clock import VirtualClock
from twins.echonet.addresses import AddressError
from twins.echonet.udp import UdpTwins

ADDRESS = f"127.79.{os.getpid() % 256}.7"


def occupant(address: str, shared: bool) -> tuple[socket.socket, int]:
    """A socket of somebody else, and its port."""
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if shared:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    other.bind((address, 0))
    return other, other.getsockname()[1]


def twins_at(port: int) -> UdpTwins:
    return UdpTwins([twin_of(view_of("current", False))], [ADDRESS], VirtualClock(NOW), port)


@pytest.mark.parametrize("shared", [False, True])
def test_an_address_that_somebody_has_is_refused_even_when_it_could_be_shared(shared: bool) -> None:
    other, port = occupant(ADDRESS, shared)
    with other, pytest.raises(AddressError, match=rf"{ADDRESS} port {port} \(UDP\) is in use"):
        twins_at(port).open()


def test_a_wildcard_that_is_not_shared_is_refused_by_the_twins_address() -> None:
    other, port = occupant("0.0.0.0", shared=False)
    with other, pytest.raises(AddressError, match=rf"{ADDRESS} port {port} \(UDP\) cannot be had"):
        twins_at(port).open()


def test_a_controller_that_shares_the_wildcard_and_twins_live_side_by_side_until_the_address_is_free_again() -> None:
    other, port = occupant("0.0.0.0", shared=True)
    first, second = twins_at(port), twins_at(port)
    with other:
        first.open()
        with pytest.raises(AddressError):
            second.open()
        first.close()
        second.open()
        second.close()
