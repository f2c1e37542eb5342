"""The reader of an endpoint, with what the endpoint and the user tell; the choice among several."""

from __future__ import annotations

from typing import Any

import pytest

from bench.errors import InputError
from bench.meters.directory import endpoint_of_url
from bench.meters.readers import chosen, reader_of, richest
from hil_drivers.errors import AddressError
from hil_drivers.meter import Can
from hil_drivers.meters.dlms_session import Keys
from protocols.echonet.frame import Eoj
from twins.serving.endpoint import Endpoint

KEY, AUTH, KEK = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
DLMS = Endpoint(
    meter="M",
    protocol="dlms",
    address="127.0.0.2",
    port=4059,
    ids={"client_management": "3", "logical_device": "4", "reader_password": "secret"},
    keys={"encryption": KEY.hex(), "authentication": AUTH.hex(), "wrapping": KEK.hex()},
)
ECHONET = Endpoint(meter="M", protocol="echonet-lite", address="127.0.0.2", about={"eoj": "028F01"})
STICK = Endpoint(meter="M", protocol="wi-sun", path="/dev/pts/9", ids={"route_b_id": "0" * 32, "password": "0" * 12})
MODBUS = Endpoint(
    meter="M",
    protocol="modbus-tcp",
    address="127.0.0.2",
    port=5020,
    ids={"sunspec": "1", "kw8m": "2"},
    about={"kw8m": "x"},
)


def address(endpoint: Endpoint, timeout: float | None = None, **details: str) -> Any:
    reader: Any = reader_of(endpoint, details, timeout)
    return reader.address


def test_the_first_protocol_that_can_is_chosen_unless_one_is_named() -> None:
    known = [ECHONET, STICK, DLMS]
    assert chosen(known, None, Can.REGISTERS) is ECHONET
    assert chosen(known, None, Can.SWITCH) is DLMS
    assert chosen(known, "wi-sun", Can.SWITCH) is STICK
    assert richest(known) is DLMS


def test_what_no_protocol_of_a_meter_carries_is_told_with_those_that_would() -> None:
    with pytest.raises(InputError, match="M answers by echonet, wi-sun; switch is carried by dlms or optical alone"):
        chosen([ECHONET, STICK], None, Can.SWITCH)
    with pytest.raises(InputError, match="M does not answer by modbus, but by echonet, wi-sun"):
        chosen([ECHONET, STICK], "modbus", Can.REGISTERS)


def test_a_dlms_endpoint_makes_us_management_with_all_that_it_tells() -> None:
    found = address(DLMS)
    assert (found.host, found.port, found.keys) == ("127.0.0.2", 4059, Keys(KEY, AUTH, KEK))
    assert (found.role, found.clients["management"], found.logical_device) == ("management", 3, 4)


def test_a_user_may_come_as_another_client_and_with_other_keys() -> None:
    assert address(DLMS, client="reader").role == "reader"
    assert address(DLMS, client="reader").password == b"secret"
    assert address(DLMS, client="public").role == "public"
    assert address(DLMS, encryption=KEK.hex(), client_title="00" * 8).keys.encryption == KEK


def test_a_time_out_is_the_readers_own_wait() -> None:
    assert address(DLMS, 3.5).answer_wait_s == 3.5
    assert address(ECHONET, 3.5).wait_s == 3.5
    assert address(STICK, 3.5).wait_s == 3.5
    assert address(MODBUS, 3.5).wait_s == 3.5
    assert address(ECHONET).wait_s is None, "as long as the AIF says"


def test_an_echonet_endpoint_names_its_object() -> None:
    assert address(ECHONET).eoj == Eoj.of(0x028F01)
    assert address(ECHONET, eoj="028201").eoj == Eoj.of(0x028201)


def test_a_modbus_endpoint_has_a_unit_for_each_map() -> None:
    assert (address(MODBUS).unit, address(MODBUS).map) == (1, "sunspec")
    assert (address(MODBUS, map="kw8m").unit, address(MODBUS, map="kw8m").map) == (2, "kw8m")
    assert address(MODBUS, unit="7").unit == 7


def test_at_an_optical_port_we_come_as_hand_terminal_unless_told_otherwise() -> None:
    told = {"terminal_password": "T", "reader_password": "R", "client_terminal": "33"}
    keys = {"encryption": KEY.hex(), "authentication": AUTH.hex()}
    port = Endpoint(meter="M", protocol="optical", path="/dev/ttyUSB1", ids=told, keys=keys, about={"baud": "4800"})
    found = address(port)
    assert (found.role, found.password, found.keys, found.clients["terminal"]) == ("terminal", b"T", None, 33)
    assert (found.path, found.baud, found.physical) == ("/dev/ttyUSB1", 4800, None)
    assert (address(port, client="management").role, address(port, physical="17").physical) == ("management", 17)
    assert (address(port, client="reader").role, address(port, client="reader").password) == ("reader", b"R")
    assert address(port, password="other").password == b"other"
    bare = endpoint_of_url("M", "optical:/dev/ttyUSB1")
    assert (address(bare).role, address(bare, **keys).role) == ("public", "management")


def test_a_serial_line_has_a_rate_and_a_unit() -> None:
    found = address(endpoint_of_url("M", "modbus-rtu:/dev/ttyUSB0?map=kw8m&unit=3&baud=4800"))
    assert (found.path, found.baud, found.map, found.unit) == ("/dev/ttyUSB0", 4800, "kw8m", 3)


def test_a_stick_needs_the_meters_credentials() -> None:
    bare = endpoint_of_url("M", "wisun:/dev/ttyUSB0?dialect=J11")
    with pytest.raises(InputError, match="no route_b_id; give it with --key route_b_id="):
        reader_of(bare, {})
    assert address(bare, route_b_id="0" * 32, password="0" * 12).dialect == "J11"


@pytest.mark.parametrize(
    ("endpoint", "details", "message"),
    [
        (DLMS, {"encryption": "xyz"}, "encryption is no hex number"),
        (DLMS, {"client": "king"}, "no DLMS client king"),
        (MODBUS, {"unit": "one"}, "unit is no number: one"),
        (MODBUS, {"map": "none"}, "no register map none"),
        (ECHONET, {"eoj": "0288"}, "eoj: an object code of 2 bytes"),
        (Endpoint(meter="M", protocol="dlms"), {}, "no address"),
        (Endpoint(meter="M", protocol="optical"), {}, "no path of a serial port for optical"),
        (Endpoint(meter="M", protocol="telnet"), {}, "no reader for telnet"),
    ],
)
def test_what_is_malformed_is_bad_input(endpoint: Endpoint, details: dict[str, str], message: str) -> None:
    with pytest.raises((InputError, AddressError), match=message) as told:
        reader_of(endpoint, details)
    assert told.value.exit_code == 2
