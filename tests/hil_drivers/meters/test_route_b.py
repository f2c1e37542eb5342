"""Sticks on a pseudo-terminal: joins that fail, sessions that end, sending that must wait."""

from __future__ import annotations

import dataclasses

import pytest

from hil_drivers.errors import AddressError, LinkError, RefusedError
from hil_drivers.meters.route_b import RouteBMeter, StickAddress
from protocols.wisun.host import Timing
from tests.hil_drivers.meters.servers import StickServer
from tests.hil_drivers.meters.twins import VIEW, echonet_node, stick_address
from tests.protocols.wisun.vectors import CREDENTIALS, WRONG_PASSWORD

DIALECTS = ["BP35A1", "RL7023", "BP35C2", "J11"]

each_dialect = pytest.mark.parametrize("dialect", DIALECTS)


@each_dialect
def test_a_wrong_password_is_the_meters_no(dialect: str) -> None:
    with StickServer(echonet_node(), dialect, CREDENTIALS) as server:
        meter = RouteBMeter(stick_address(server, WRONG_PASSWORD.password.decode()))
        with pytest.raises(RefusedError, match="refused id or password"):
            meter.identity()


@each_dialect
def test_a_meter_out_of_range_is_told_as_that(dialect: str) -> None:
    with StickServer(echonet_node(), dialect, CREDENTIALS, in_range=False) as server:
        meter = RouteBMeter(stick_address(server))
        with pytest.raises(LinkError, match="no meter with this B-route id answers"):
            meter.identity()


@each_dialect
def test_a_session_that_the_meter_ends_is_told_once_and_then_joined_anew(dialect: str) -> None:
    with StickServer(echonet_node(), dialect, CREDENTIALS) as server, RouteBMeter(stick_address(server)) as meter:
        assert meter.identity().serial == VIEW.identity.serial
        server.say(lambda stick: stick.session_ended())
        with pytest.raises(LinkError, match="ended the session"):
            meter.identity()
        assert meter.identity().serial == VIEW.identity.serial


@each_dialect
def test_a_session_with_a_meter_that_has_died_ends_without_its_word_and_can_be_opened_again(dialect: str) -> None:
    assert Timing().close <= Timing().command  # the port is given back as soon as a stick would have answered
    with StickServer(echonet_node(), dialect, CREDENTIALS) as server:
        meter = RouteBMeter(dataclasses.replace(stick_address(server), timing=Timing(close=0.1)))
        assert meter.identity().serial == VIEW.identity.serial
        server.air.deaf_to_pana = True
        meter.close()
        server.air.deaf_to_pana = False
        with meter:
            assert meter.identity().serial == VIEW.identity.serial


@pytest.mark.parametrize("dialect", ["BP35A1", "BP35C2"])
def test_used_up_air_time_is_waited_for(dialect: str) -> None:
    with StickServer(echonet_node(), dialect, CREDENTIALS) as server, RouteBMeter(stick_address(server)) as meter:
        meter.clock()
        server.say(lambda stick: stick.send_limit(True))
        server.say(lambda stick: stick.send_limit(False))
        assert meter.identity().serial == VIEW.identity.serial


def test_a_port_that_is_not_there_is_one_clear_error() -> None:
    meter = RouteBMeter(StickAddress("/dev/no-such-stick", *credentials()))
    with pytest.raises(LinkError, match=r"/dev/no-such-stick: .*No such file"):
        meter.clock()


def test_a_stick_that_says_nothing_is_told_apart_from_a_meter_that_says_nothing() -> None:
    with StickServer(echonet_node(), "J11", CREDENTIALS) as server:  # text commands say nothing to it
        address = StickAddress(server.path, *credentials(), timing=Timing(command=0.3))
        with pytest.raises(LinkError, match="the stick does not answer"):
            RouteBMeter(address).clock()


def test_a_dialect_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(AddressError, match="no stick dialect X; there are auto, BP35A1"):
        RouteBMeter(StickAddress("/dev/ttyUSB0", *credentials(), dialect="X"))


def test_credentials_that_cannot_be_any_are_refused() -> None:
    with pytest.raises(AddressError, match="a B-route password has 12 letters and digits"):
        RouteBMeter(StickAddress("/dev/ttyUSB0", credentials()[0], "short"))


def test_the_password_does_not_show() -> None:
    assert CREDENTIALS.password.decode() not in repr(StickAddress("/dev/ttyUSB0", *credentials()))


def credentials() -> tuple[str, str]:
    return CREDENTIALS.route_b_id.decode(), CREDENTIALS.password.decode()
