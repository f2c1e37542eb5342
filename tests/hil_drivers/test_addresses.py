"""Addresses as drivers take them: what can be one, and what is said of what cannot."""

from __future__ import annotations

import pytest

from hil_drivers.addresses import Place, host_and_port, place_of_host, place_of_visa
from hil_drivers.errors import AddressError


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("TCPIP::192.168.10.11::5025::SOCKET", Place("192.168.10.11", 5025)),
        ("tcpip0::source-1.lab.example::65535::socket", Place("source-1.lab.example", 65535)),
        ("TCPIP::192.168.10.11::INSTR", Place("192.168.10.11", None)),
        ("TCPIP::192.168.10.11", Place("192.168.10.11", None)),
        ("TCPIP0::192.168.10.11::hislip0,4880::INSTR", Place("192.168.10.11", 4880)),
        ("TCPIP0::192.168.10.11::inst0::INSTR", Place("192.168.10.11", None)),
        ("ASRL/dev/ttyUSB0::INSTR", Place()),
        ("ASRL3::INSTR", Place()),
        ("USB0::0x0B3E::0x1029::XJ000001::INSTR", Place()),
        ("GPIB0::5::INSTR", Place()),
    ],
)
def test_visa_resources(address: str, place: Place) -> None:
    assert place_of_visa(address) == place


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("TCPIP::192.168.10.11::99999::SOCKET", "'99999' is no port; give 1 to 65535"),
        ("TCPIP::192.168.10.11::0::SOCKET", "'0' is no port"),
        ("TCPIP::192.168.10.11::\u0665::SOCKET", "is no port"),
        ("TCPIP::192.168.10.11::SOCKET", "a SOCKET has a host and a port; give TCPIP::host::port::SOCKET"),
        ("TCPIP::::5025::SOCKET", "'' is no host"),
        ("TCPIP::192.168.10.256::5025::SOCKET", "is no IPv4 address; give four numbers"),
        ("TCPIP::192.168.10.11::5025::SOCKETS", "no VISA resource; give one such as"),
        ("TCPIP::192.168.10.11::5025", "5025 is no device; give TCPIP::host::port::SOCKET"),
        ("TCPIP::192.168.10.11::hislip0,99999::INSTR", "'99999' is no port"),
        ("TCPIP", "no VISA resource"),
        ("ASRL::INSTR", "no VISA resource"),
        ("/dev/ttyUSB0", "no VISA resource; give one such as"),
        ("192.168.10.11:5025", "no VISA resource"),
    ],
)
def test_what_is_no_visa_resource(address: str, words: str) -> None:
    with pytest.raises(AddressError) as refused:
        place_of_visa(address)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("address", "place"),
    [("192.168.10.31", Place("192.168.10.31")), ("relays.lab.example:5020", Place("relays.lab.example", 5020))],
)
def test_hosts(address: str, place: Place) -> None:
    assert place_of_host(address) == place
    assert host_and_port(address, 502) == (place.host, place.port or 502)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("192.168.10.31:99999", "'99999' is no port; give 1 to 65535"),
        ("192.168.10.31:abc", "'abc' is no port"),
        ("192.168.10.31:", "'' is no port"),
        (":502", "'' is no host"),
        ("192.168.10:502", "192.168.10 is no IPv4 address"),
        ("http://192.168.10.31:80", "neither host nor host:port; give it without scheme"),
        ("fd00::31", "neither host nor host:port"),
        ("two words:80", "is no host"),
    ],
)
def test_what_is_no_host(address: str, words: str) -> None:
    with pytest.raises(AddressError) as refused:
        host_and_port(address, 502)
    assert words in str(refused.value)
