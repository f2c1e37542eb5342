import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twins.echonet.addresses import LAST, AddressError, loopback_addresses


@given(st.integers(1, 254), st.integers(0, 255), st.integers(1, 254), st.integers(1, 1000))
def test_addresses_follow_each_other_on_loopback_and_leave_out_0_and_255(x: int, y: int, z: int, count: int) -> None:
    found = loopback_addresses(count, f"127.{x}.{y}.{z}")
    numbers = [int(ipaddress.IPv4Address(address)) for address in found]
    assert (found[0], len(found), numbers) == (f"127.{x}.{y}.{z}", count, sorted(set(numbers)))
    assert all(number >> 24 == 127 and number % 256 not in (0, 255) for number in numbers)
    assert numbers[-1] - numbers[0] < count + 2 * (count // 254 + 1)


def test_the_default_addresses_leave_the_clients_address_alone() -> None:
    assert loopback_addresses(255)[:1] + loopback_addresses(255)[-2:] == ["127.1.0.1", "127.1.0.254", "127.1.1.1"]


@pytest.mark.parametrize("first", ["127.0.0.1", "127.1.0.0", "127.1.0.255", "10.0.0.1", "::1", "here", ""])
def test_an_address_that_no_twin_can_have_is_refused(first: str) -> None:
    with pytest.raises(AddressError, match=r"no address for a twin: take 127\.x\.y\.1"):
        loopback_addresses(1, first)


def test_more_twins_than_addresses_are_refused_with_the_number_there_is() -> None:
    assert loopback_addresses(2, "127.255.255.253")[-1] == LAST
    with pytest.raises(AddressError, match=r"3 twins need an address each, .* there are 2"):
        loopback_addresses(3, "127.255.255.253")
