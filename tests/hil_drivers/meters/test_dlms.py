"""Controlling a meter over DLMS, and what happens when it will not, cannot, or is not who it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hil_drivers.errors import AddressError, AnswerError, LinkError, RefusedError, UnsupportedError
from hil_drivers.meter import Action, Booking, Can, Event, SwitchState
from hil_drivers.meters.dlms import DlmsMeter
from hil_drivers.meters.dlms_session import Keys
from hil_drivers.meters.dlms_tcp import TcpAddress
from protocols.dlms.disconnect import Control
from protocols.dlms.disconnect import SwitchState as DeviceSwitch
from protocols.dlms.errors import ExceptionReceivedError
from tests.hil_drivers.meters.servers import TcpServer
from tests.hil_drivers.meters.twins import (
    KEYS,
    NOW,
    VIEW,
    as_reader,
    dlms_device,
    management,
    serving,
)
from tests.protocols.dlms.meter import NEW_KEY
from tests.protocols.dlms.meter import Meter as Device

LATER = NOW + 600


@pytest.fixture
def device() -> Device:
    return dlms_device()


@pytest.fixture
def server(device: Device) -> Iterator[TcpServer]:
    with serving(device) as server:
        yield server


@pytest.fixture
def meter(server: TcpServer) -> Iterator[DlmsMeter]:
    with management(server) as meter:
        yield meter


def test_the_switch_opens_and_closes_and_tells_so(meter: DlmsMeter) -> None:
    assert meter.switch() == SwitchState(True, "connected", 4)
    meter.open_switch()
    assert meter.switch() == SwitchState(False, "disconnected", 4)
    meter.close_switch()
    assert meter.switch() == SwitchState(True, "connected", 4)


def test_a_switch_that_waits_for_a_hand_at_the_meter_is_ready(meter: DlmsMeter, device: Device) -> None:
    device.switch = DeviceSwitch(Control.DISCONNECTED, 3)
    meter.close_switch()
    assert meter.switch() == SwitchState(False, "ready", 3)


def test_the_limit_keeps_its_data_type(meter: DlmsMeter, device: Device) -> None:
    meter.set_limit(30)
    assert (meter.limit().normal_a, meter.limit().active_a, meter.limit().emergency_a) == (30, 30, 10)
    assert device.limit.normal == 30


@pytest.mark.parametrize(
    "booking", [Booking(Action.LIMIT, LATER, 20), Booking(Action.OPEN, LATER), Booking(Action.CLOSE, LATER)]
)
def test_a_reserved_change_is_told_as_it_was_asked_for(meter: DlmsMeter, booking: Booking) -> None:
    assert meter.bookings() == []
    meter.book(booking)
    assert meter.bookings() == [booking]


def test_reserved_changes_of_both_kinds_stand_side_by_side_the_earliest_first(meter: DlmsMeter) -> None:
    limit, switch = Booking(Action.LIMIT, LATER, 20), Booking(Action.OPEN, LATER - 60)
    meter.book(limit)
    meter.book(switch)
    assert meter.bookings() == [switch, limit]
    meter.book(replace(switch, action=Action.CLOSE))
    assert meter.bookings() == [replace(switch, action=Action.CLOSE), limit]


def test_the_clock_is_set(meter: DlmsMeter) -> None:
    meter.set_clock(NOW + 90)
    assert meter.clock().time == NOW + 90


def test_events_and_power_failures_are_told(meter: DlmsMeter) -> None:
    assert meter.events(NOW - 3600, NOW) == [Event(NOW - 60, 17)]
    assert meter.power_failures() == 3


def test_five_minute_rows_bring_reactive_energy(meter: DlmsMeter) -> None:
    last = NOW // 300 * 300
    (row,) = meter.profile(300, last, last)
    assert (row.plus_varh, row.minus_varh, row.status) == (*VIEW.reactive(last), 0)


@pytest.mark.parametrize("what", [Can.SWITCH, Can.IMAGE])
def test_a_reader_reads_and_is_told_what_control_would_take(server: TcpServer, what: Can) -> None:
    with as_reader(server) as meter:
        assert meter.registers().import_wh == VIEW.active(NOW).import_wh
        with pytest.raises(UnsupportedError, match=f"the reader client of DLMS has no {what.value}; it takes keys"):
            meter.open_switch() if what is Can.SWITCH else meter.image()


def test_the_public_client_sees_the_clock(server: TcpServer) -> None:
    with DlmsMeter(TcpAddress("127.0.0.1", server.port)) as meter:
        assert meter.clock().time == NOW
        with pytest.raises(UnsupportedError, match="the public client of DLMS"):
            meter.registers()


def test_a_wrong_password_is_the_meters_no(server: TcpServer) -> None:
    with as_reader(server, b"87654321") as meter, pytest.raises(RefusedError, match="association refused"):
        meter.clock()


def test_wrong_keys_are_told_apart_from_silence(server: TcpServer) -> None:
    wrong = Keys(bytes(16), KEYS.authentication)
    with (
        DlmsMeter(TcpAddress("127.0.0.1", server.port, keys=wrong)) as meter,
        pytest.raises(RefusedError, match="keys"),
    ):
        meter.clock()


def test_nobody_there_is_one_clear_error(server: TcpServer) -> None:
    meter = DlmsMeter(TcpAddress("127.0.0.99", server.port, keys=KEYS))
    with pytest.raises(LinkError, match="Connection refused"):
        meter.clock()


def test_a_lost_connection_is_one_error_and_the_next_call_connects_anew(
    meter: DlmsMeter, server: TcpServer, device: Device
) -> None:
    meter.clock()
    server.drop = True
    with pytest.raises(LinkError, match="the meter closed the connection"):
        meter.open_switch()
    assert device.switch.output, "what was lost is not sent a second time"
    meter.open_switch()
    assert not device.switch.output


def test_a_counter_starts_above_all_that_the_meter_has_seen(server: TcpServer, device: Device) -> None:
    for _ in range(3):
        with management(server) as meter:
            meter.clock()
    assert device.security.highest_counter() > 3


def test_a_counter_that_somebody_else_used_up_meanwhile_is_told_and_the_next_call_recovers(
    meter: DlmsMeter, device: Device
) -> None:
    meter.clock()
    device.security.note_counter(meter.address.client_title, 1000)
    with pytest.raises(AnswerError) as told:
        meter.clock()
    assert isinstance(told.value.__cause__, ExceptionReceivedError)
    assert meter.clock().time == NOW


@pytest.mark.parametrize("under_new_key", [False, True])
def test_a_new_key_is_in_force_at_once_whichever_key_answers(under_new_key: bool) -> None:
    device = dlms_device(answers_under_new_key=under_new_key)
    with serving(device) as server, management(server) as meter:
        meter.transfer_key(NEW_KEY)
        assert device.security.keys()[0] == NEW_KEY
        assert meter.address.keys == replace(KEYS, encryption=NEW_KEY)
        assert meter.clock().time == NOW


def test_a_key_under_a_wrong_wrapping_key_is_refused_and_the_old_one_stays(server: TcpServer, device: Device) -> None:
    address = TcpAddress("127.0.0.1", server.port, keys=replace(KEYS, wrapping=bytes(16)))
    with DlmsMeter(address) as meter:
        with pytest.raises(RefusedError, match="OTHER_REASON"):
            meter.transfer_key(NEW_KEY)
        assert meter.address.keys == address.keys
        assert meter.clock().time == NOW


def test_without_a_wrapping_key_no_key_is_transferred(server: TcpServer) -> None:
    address = TcpAddress("127.0.0.1", server.port, keys=replace(KEYS, wrapping=None))
    with DlmsMeter(address) as meter, pytest.raises(UnsupportedError, match="wrapping key"):
        meter.transfer_key(NEW_KEY)


def test_an_address_with_a_short_key_is_no_address() -> None:
    with pytest.raises(AddressError, match="16 bytes"):
        TcpAddress("127.0.0.1", keys=Keys(b"short", bytes(16)))


def test_what_the_reader_holds_does_not_show_its_keys(meter: DlmsMeter) -> None:
    assert KEYS.encryption.hex() not in repr(meter.address)
    assert repr(KEYS.encryption) not in repr(meter.address)


def test_each_client_can_what_it_is_meant_for(server: TcpServer, meter: DlmsMeter) -> None:
    assert meter.can == set(Can)
    assert Can.IMAGE not in as_reader(server).can
