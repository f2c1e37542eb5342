"""Hosts at pseudo-terminals join served twins, read them, and are told what they are told by a real meter."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from protocols.echonet.frame import NODE_PROFILE, Esv, Frame, Property
from protocols.wisun.host import (
    Cause,
    Closed,
    Joined,
    JoinFailed,
    Received,
    SendBlocked,
    SendReleased,
    Sent,
    SessionEvent,
    SessionLost,
)
from protocols.wisun.radio import ALL_NODES, Credentials, SendResult
from tests.twins.echonet.twin import NOW
from twins.route_b.limits import Pace
from twins.route_b.sessions import FOR_EVER
from twins.wisun.parameters import radio_parameters
from twins.wisun.service import DIALECTS, J11

from .rig import PATIENCE, VIEWS, Host, Port, Served, credentials, quick, served

CURRENT, NEXT, NO_EXPORT = range(3)
EVERY_STICK = pytest.mark.parametrize("dialect", DIALECTS)
DAY = 86_400
NEXT_TENANT = Credentials(b"AB" * 16, b"NEWTENANT123")
SELECT_DAY = Property(0xE5, b"\x00")


def wrong_password(place: int) -> Credentials:
    return Credentials(credentials(place).route_b_id, b"000000000000")


def greeted(host: Host) -> Frame:
    """The instance list that follows joining."""
    frame = host.received()
    assert (frame.seoj, frame.esv, frame.properties[0].epc) == (NODE_PROFILE, Esv.INF, 0xD5)
    return frame


@EVERY_STICK
def test_a_host_joins_is_greeted_and_reads_what_the_twin_has(dialect: str, tmp_path: Path) -> None:
    with served(tmp_path, dialect) as rig, Host(rig, 0, dialect, credentials(CURRENT)) as host:
        (joined,) = host.open()
        assert joined.beacon.mac == rig.service.air.stations[CURRENT].mac
        assert greeted(host).properties[0].edt == bytes.fromhex("01028801")
        assert int.from_bytes(host.get(0xE7)[0], "big", signed=True) == VIEWS[CURRENT].power_w(NOW)
        for epcs in ((0xE8,), (0xEA, 0xEB), (0x9D, 0x9E, 0x9F), (0x97, 0x98)):
            assert host.get(*epcs) == [rig.value(CURRENT, epc) for epc in epcs]
        host.send(SELECT_DAY, esv=Esv.SET_C)
        assert host.received().esv is Esv.SET_RES
        assert host.get(0xE2) == [rig.value(CURRENT, 0xE2)]
        host.session.close(time.monotonic())
        (closed,) = host.wait(Closed)
        assert closed.clean
        assert rig.call(lambda: rig.meters[CURRENT].joined) == []


@EVERY_STICK
def test_a_stick_joins_any_served_meter_and_one_after_the_other(dialect: str, tmp_path: Path) -> None:
    with served(tmp_path, dialect) as rig:
        for place in (NO_EXPORT, NEXT):
            with Host(rig, 0, dialect, credentials(place)) as host:
                host.open()
                assert host.get(0x8D) == [rig.value(place, 0x8D)]


@EVERY_STICK
def test_a_wrong_password_is_refused(dialect: str, tmp_path: Path) -> None:
    with served(tmp_path, dialect) as rig, Host(rig, 0, dialect, wrong_password(CURRENT)) as host:
        (failed,) = host.open(JoinFailed)
        assert failed.cause is Cause.REFUSED
        assert rig.call(lambda: rig.meters[CURRENT].joined) == []


@EVERY_STICK
def test_a_wrong_id_finds_no_meter(dialect: str, tmp_path: Path) -> None:
    nobody = Credentials(b"0" * 32, credentials(CURRENT).password)
    with served(tmp_path, dialect) as rig, Host(rig, 0, dialect, nobody) as host:
        (failed,) = host.open(JoinFailed)
        assert failed.cause is Cause.NO_BEACON


def test_an_id_that_is_right_in_its_last_eight_digits_only_is_refused_by_the_meter(tmp_path: Path) -> None:
    mine = credentials(CURRENT)
    nearly = Credentials(b"F" * 24 + mine.pair_id, mine.password)
    with served(tmp_path, "BP35A1") as rig, Host(rig, 0, "BP35A1", nearly) as host:
        (failed,) = host.open(JoinFailed)
        assert failed.cause is Cause.REFUSED


@EVERY_STICK
def test_a_defective_meter_takes_any_password(dialect: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, dialect, defects=["accepts-any-password"]) as rig,
        Host(rig, 0, dialect, wrong_password(CURRENT)) as host,
    ):
        host.open()
        assert host.get(0xE7) == [rig.value(CURRENT, 0xE7)]


def test_a_defective_meter_does_not_greet(tmp_path: Path) -> None:
    with (
        served(tmp_path, "BP35C2", defects=["no-instance-list"]) as rig,
        Host(rig, 0, "BP35C2", credentials(CURRENT)) as host,
    ):
        host.open()
        assert not any(isinstance(event, Received) for event in host.quiet())


@EVERY_STICK
def test_half_hours_reach_every_joined_controller_and_nobody_else(dialect: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, dialect, sticks=3) as rig,
        Host(rig, 0, dialect, credentials(NEXT)) as first,
        Host(rig, 1, dialect, credentials(NEXT)) as second,
        Port(rig.path(2)) as idle,
    ):
        for host in (first, second):
            host.open()
            greeted(host)
        first.quiet()
        tell(rig, NEXT)
        tell(rig, CURRENT)
        for host in (first, second):
            (event,) = host.wait(Received)[-1:]
            told = Frame.from_bytes(event.datagram.payload)
            assert event.datagram.destination == ALL_NODES
            assert told.esv is Esv.INF
            assert [(item.epc, item.edt) for item in told.properties] == [
                (epc, rig.value(NEXT, epc)) for epc in (0xEA, 0xEB)
            ]
            assert host.quiet() == []
        assert idle.read(0.05) == b""


def tell(rig: Served, place: int) -> None:
    def say() -> None:
        for item in rig.nodes[place].tell_half_hour(rig.clock.now()):
            rig.everybody.say(place, item.data)

    rig.call(say)


@pytest.mark.requirement("B4")
@EVERY_STICK
def test_a_current_meter_has_one_controller_until_that_one_leaves(dialect: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, dialect, sticks=2) as rig,
        Host(rig, 0, dialect, credentials(CURRENT)) as first,
        Host(rig, 1, dialect, credentials(CURRENT)) as second,
    ):
        first.open()
        (failed,) = second.open(JoinFailed)
        assert failed.cause is Cause.REFUSED
        assert first.get(0xE7) == [rig.value(CURRENT, 0xE7)]
        first.session.close(time.monotonic())
        first.wait(Closed)
        second.open()
        assert second.get(0xE7) == [rig.value(CURRENT, 0xE7)]


@pytest.mark.requirement("B7")
def test_a_next_meter_has_four_controllers_and_no_fifth(tmp_path: Path) -> None:
    with served(tmp_path, *DIALECTS, sticks=2) as rig:
        hosts = [Host(rig, number, dialect, credentials(NEXT)) for number, dialect in enumerate((*DIALECTS, "BP35A1"))]
        try:
            for host in hosts[:4]:
                host.open()
                assert host.get(0x8D) == [rig.value(NEXT, 0x8D)]
            (failed,) = hosts[4].open(JoinFailed)
            assert failed.cause is Cause.REFUSED
        finally:
            for host in hosts:
                host.port.__exit__()


def test_a_defective_meter_admits_everybody(tmp_path: Path) -> None:
    with (
        served(tmp_path, "RL7023", sticks=2, defects=["admits-everybody"]) as rig,
        Host(rig, 0, "RL7023", credentials(CURRENT)) as first,
        Host(rig, 1, "RL7023", credentials(CURRENT)) as second,
    ):
        first.open()
        second.open()
        assert len(rig.call(lambda: rig.meters[CURRENT].joined)) == 2


@pytest.mark.requirement("B9")
@EVERY_STICK
def test_a_session_expires_after_a_day_and_the_stick_joins_again_by_itself(dialect: str, tmp_path: Path) -> None:
    with served(tmp_path, dialect) as rig, Host(rig, 0, dialect, credentials(CURRENT)) as host:
        host.open()
        greeted(host)
        rig.move(simulated=DAY - 1)
        assert host.quiet() == []
        rig.move(simulated=1)
        events = host.wait(Joined)
        assert events[-1].again or dialect == J11
        if dialect != J11:  # the binary dialect does not tell of it
            assert any(isinstance(event, SendBlocked) for event in events)
        assert host.get(0xE7) == [rig.value(CURRENT, 0xE7)]


def test_a_defective_meter_grants_a_session_that_never_expires(tmp_path: Path) -> None:
    with (
        served(tmp_path, "BP35A1", defects=["never-expires"]) as rig,
        Host(rig, 0, "BP35A1", credentials(CURRENT)) as host,
    ):
        host.open()
        greeted(host)
        rig.move(simulated=FOR_EVER - 1)
        assert host.quiet() == []


@pytest.mark.requirement("B3")
@EVERY_STICK
def test_a_contract_that_ends_ends_the_session_and_the_next_tenant_has_other_credentials(
    dialect: str, tmp_path: Path
) -> None:
    with served(tmp_path, dialect) as rig, Host(rig, 0, dialect, credentials(CURRENT)) as host:
        host.open()

        def end() -> None:
            rig.service.air.shut(CURRENT)
            rig.service.step()

        rig.call(end)
        (*_, lost) = host.wait(SessionLost)
        assert lost.cause is Cause.ENDED_BY_METER
        (failed,) = host.open(JoinFailed)
        assert failed.cause is Cause.NO_BEACON

        rig.call(lambda: rig.meters[CURRENT].open(NEXT_TENANT))
        (failed,) = host.open(JoinFailed)
        assert failed.cause is Cause.NO_BEACON
    with served(tmp_path, dialect) as rig, Host(rig, 0, dialect, NEXT_TENANT) as host:
        rig.call(lambda: rig.meters[CURRENT].open(NEXT_TENANT))
        host.open()
        assert host.get(0x8D) == [rig.value(CURRENT, 0x8D)]


SEND_E7 = b"SKSENDTO 1 %s 0E1A %d 000E " + bytes.fromhex("1081000105FF010288016201E700")


def tuned(port: Port, rig: Served, place: int) -> bytes:
    """Tune a stick of dialect BP35A1 without joining; the meter's address."""
    station = rig.service.air.stations[place]
    port.command(f"SKSREG S2 {station.channel:02X}")
    port.command(f"SKSREG S3 {station.pan_id:04X}")
    return station.address.exploded.upper().encode()


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("security", [0, 2])
def test_a_request_before_joining_is_not_answered(security: int, tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig, Port(rig.path()) as port:
        port.write(SEND_E7 % (tuned(port, rig, CURRENT), security))
        assert b"EVENT 21" in port.until(b"OK\r\n")
        assert b"ERXUDP" not in port.read(0.1)
        assert rig.call(lambda: rig.meters[CURRENT].dropped.not_joined) == 1


def test_event_21_comes_before_the_ok_of_its_datagram(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig, Port(rig.path()) as port:
        address = tuned(port, rig, CURRENT)
        port.write(SEND_E7 % (address, 0))
        echo, event, ok, _ = port.until(b"\nOK\r\n").split(b"\r\n")
        assert (echo, event, ok) == (SEND_E7[:-14] % (address, 0), b"EVENT 21 %s 00" % address, b"OK")


def test_a_defective_meter_answers_before_joining(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1", defects=["answers-before-joining"]) as rig, Port(rig.path()) as port:
        port.write(SEND_E7 % (tuned(port, rig, CURRENT), 2))
        port.until(b"01E704" + rig.value(CURRENT, 0xE7).hex().upper().encode())


def test_a_request_that_is_not_encrypted_is_not_answered_after_joining(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig, Host(rig, 0, "BP35A1", credentials(CURRENT)) as host:
        host.open()
        greeted(host)
        address = rig.service.air.stations[CURRENT].address.exploded.upper().encode()
        host.port.write(SEND_E7 % (address, 0))
        assert b"ERXUDP" not in host.port.until(b"OK\r\n") + host.port.read(0.1)
        assert rig.call(lambda: rig.meters[CURRENT].dropped.not_encrypted) == 1


@pytest.mark.requirement("B6")
def test_too_frequent_requests_are_slowed_in_their_order_then_refused(tmp_path: Path) -> None:
    pace = Pace(per_second=2.0, burst=3, waiting=4, source="tests", verified=False)
    with served(tmp_path, "BP35A1", pace=pace) as rig, Host(rig, 0, "BP35A1", credentials(CURRENT)) as host:
        host.open()
        greeted(host)
        events: list[object] = []
        for tid in range(10):
            host.send(Property(0xE7), tid=tid)
            events += host.wait(Sent)
        assert tids(events + host.quiet()) == [0, 1, 2]
        answered = []
        for _ in range(6):
            rig.move(real=0.5)
            answered.append(tids(host.quiet()))
        assert answered == [[3], [4], [5], [6], [], []]
        assert rig.call(lambda: rig.meters[CURRENT].dropped.too_frequent) == 3
        rig.move(real=60.0)
        assert host.get(0xE7)


def tids(events: Sequence[object]) -> list[int]:
    return [Frame.from_bytes(event.datagram.payload).tid for event in events if isinstance(event, Received)]


def test_line_ends_in_a_payload_are_data(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig, Host(rig, 0, "BP35A1", credentials(CURRENT)) as host:
        host.open()
        greeted(host)
        host.send(Property(0xE7), tid=0x0D0A)
        assert host.received().tid == 0x0D0A


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\x1b[A\r\n", b"SKSENDTO 1 nowhere 0E1A 1 0000 \r\n", b"X" * 9000 + b"\r\n"]
)
def test_after_garbage_the_next_command_is_served(garbage: bytes, tmp_path: Path) -> None:
    with served(tmp_path, "BP35C2") as rig, Port(rig.path()) as port:
        port.write(garbage)
        port.until(b"FAIL ER")
        assert b"EVER 1.5.2" in port.command("SKVER")


def test_a_command_that_stops_in_the_middle_is_dropped_after_a_while(tmp_path: Path) -> None:
    line = radio_parameters().line
    hasty = quick(line=msgspec.structs.replace(line, text_input_timeout_s=0.2))
    with served(tmp_path, "BP35A1", parameters=hasty) as rig, Port(rig.path()) as port:
        port.write(b"SKSENDTO 1 FE80:0000:0000:0000:0000:0000:0000:0001 0E1A 1 04D0 abc")
        port.until(b"FAIL ER09\r\n")
        assert b"EVER" in port.command("SKVER")


def test_air_time_that_is_used_up_stops_sending_until_it_is_free_again(tmp_path: Path) -> None:

    shipped = radio_parameters()
    few = msgspec.structs.replace(shipped.air_time, limit_s=shipped.frame.longest + 0.15)
    with (
        served(tmp_path, "BP35A1", parameters=quick(air_time=few)) as rig,
        Host(rig, 0, "BP35A1", credentials(CURRENT)) as host,
    ):
        host.open()
        greeted(host)
        events: list[SessionEvent] = []
        while not any(isinstance(event, SendBlocked) for event in events):
            host.send(Property(0xE7))
            host.wait(Sent)
            events = host.quiet()
        assert b"ESREG 1" in host.port.command("SKSREG SFB")
        used = int(host.port.command("SKSREG SFD").split(b"ESREG ")[1].split()[0], 16)
        assert 150 <= used <= few.limit_s * 1000
        address = rig.service.air.stations[CURRENT].address.exploded.upper().encode()
        host.port.write(SEND_E7 % (address, 1))
        assert b" 01\r\nOK" in host.port.until(b"OK\r\n")
        rig.move(simulated=3700)
        assert host.wait(SendReleased)
        assert host.get(0xE7) == [rig.value(CURRENT, 0xE7)]


def test_a_stick_that_is_tuned_elsewhere_gets_no_acknowledge(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig, Host(rig, 0, "BP35A1", credentials(CURRENT)) as host:
        host.open()
        greeted(host)
        host.port.command("SKSREG S3 FFFD")
        host.send(Property(0xE7))
        (*_, sent) = host.wait(Sent)
        assert sent.result is SendResult.FAILED


def test_a_restarted_service_is_found_at_the_same_path(tmp_path: Path) -> None:
    for _ in range(2):
        with served(tmp_path, "BP35A1") as rig, Port(rig.path()) as port:
            assert rig.path() == str(tmp_path / f"{VIEWS[0].identity.meter}-BP35A1")
            assert b"EVER" in port.command("SKVER")
    assert list(tmp_path.iterdir()) == []


def test_a_host_may_come_back_to_the_session_it_left(tmp_path: Path) -> None:
    with (
        served(tmp_path, "BP35A1") as rig,
        Host(rig, 0, "BP35A1", credentials(CURRENT)) as host,
    ):
        host.open()
        address = rig.service.air.stations[CURRENT].address.exploded.upper().encode()
        with Port(rig.path()) as port:
            port.write(SEND_E7 % (address, 1))
            port.until(b"01E704" + rig.value(CURRENT, 0xE7).hex().upper().encode())


def test_a_host_that_does_not_read_loses_output_and_hinders_nobody(tmp_path: Path) -> None:
    with (
        served(tmp_path, "BP35A1", sticks=2) as rig,
        Port(rig.path(0)) as deaf,
        Port(rig.path(1)) as other,
    ):
        limit = time.monotonic() + PATIENCE
        while rig.call(lambda: rig.service.lost) == 0:
            assert time.monotonic() < limit
            deaf.write(b"SKTABLE E\r\n" * 200)
        assert b"EVER" in other.command("SKVER")
        rig.move(real=61.0)
        deaf.write(b"SKVER\r\n")
        rig.call(lambda: None)
        while b"EVER" not in deaf.read(0.2):
            assert time.monotonic() < limit
