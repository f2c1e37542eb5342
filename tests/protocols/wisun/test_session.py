"""Join, send, receive, stay joined, leave: the same story over every stick, with real PANA in between."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wisun.errors import EncodeError, NotReadyError
from protocols.wisun.host import (
    Cause,
    Closed,
    Joined,
    JoinFailed,
    Phase,
    Received,
    SendBlocked,
    SendReleased,
    Sent,
    SessionLost,
    Timing,
)
from protocols.wisun.j11.module import Module as J11Module
from protocols.wisun.radio import Credentials, Join, Rejoin, Scan, SendResult, Terminate
from protocols.wisun.skstack.dialect import BP35A1, BP35C2, RL7023, Dialect
from protocols.wisun.skstack.session import Session

from .air import J11, KINDS, METER, Kind, Line, kind_name
from .vectors import BEACON, CREDENTIALS, WRONG_PASSWORD

EVERY_STICK = pytest.mark.parametrize("kind", KINDS, ids=kind_name)
TEXT_STICKS = pytest.mark.parametrize("kind", [BP35A1, RL7023, BP35C2], ids=kind_name)
AWKWARD = b"\r\nOK\r\nEVENT 24\r\n\xd0\xf9\xee\x5d" + bytes(range(256))


def opened(kind: Kind, *, udp_as_text: bool = True) -> Line:
    line = Line(kind, udp_as_text=udp_as_text)
    events = line.open()
    assert [type(event) for event in events] == [Joined]
    return line


@EVERY_STICK
def test_a_session_opens(kind: Kind) -> None:
    line = Line(kind)
    (event,) = line.open()
    assert isinstance(event, Joined)
    assert (event.beacon.mac, event.beacon.channel, event.beacon.pan_id) == (BEACON.mac, BEACON.channel, BEACON.pan_id)
    assert not event.again
    assert line.session.phase is Phase.JOINED
    assert line.session.deadline is None
    (join,) = [request for request in line.air.seen if isinstance(request, Join)]
    assert (join.address, join.credentials) == (METER, CREDENTIALS)


@pytest.mark.parametrize(("kind", "found"), [(BP35A1, BP35A1), (RL7023, BP35A1), (BP35C2, BP35C2)], ids=str)
def test_the_dialect_is_found_by_asking(kind: Dialect, found: Dialect) -> None:
    session = opened(kind).session
    assert isinstance(session, Session)
    assert session.dialect is found


@EVERY_STICK
def test_datagrams_go_both_ways_whatever_they_contain(kind: Kind) -> None:
    line = opened(kind)
    line.session.send(AWKWARD, line.now)
    assert line.settle() == [Sent(SendResult.OK)]
    assert [(t.destination, t.source_port, t.secured, t.payload) for t in line.air.sent] == [
        (METER, 3610, True, AWKWARD)
    ]
    line.stick.udp_received(line.air.datagram(AWKWARD))
    line.stick.udp_received(line.air.datagram(b"\x10\x81", to_all=True))
    first, second = line.settle()
    assert isinstance(first, Received)
    assert isinstance(second, Received)
    assert (first.datagram.payload, first.datagram.secured) == (AWKWARD, True)
    assert second.datagram.destination.is_multicast


@TEXT_STICKS
def test_a_stick_in_binary_mode_is_read_as_it_is_and_its_flash_left_alone(kind: Kind) -> None:
    line = opened(kind, udp_as_text=False)
    line.stick.udp_received(line.air.datagram(AWKWARD))
    (event,) = line.settle()
    assert isinstance(event, Received)
    assert event.datagram.payload == AWKWARD
    assert b"WOPT" not in line.spoken


@EVERY_STICK
@settings(max_examples=10)
@given(seed=st.integers(0, 1 << 30))
def test_the_cuts_between_bytes_make_no_difference(kind: Kind, seed: int) -> None:
    line, rng = Line(kind), random.Random(seed)

    def cut(data: bytes) -> list[bytes]:
        edges = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(40)))
        return [data[start:end] for start, end in zip([0, *edges], [*edges, len(data)], strict=True)]

    line.cut = cut
    assert [type(event) for event in line.open()] == [Joined]
    line.session.send(AWKWARD, 0.0)
    assert line.settle() == [Sent(SendResult.OK)]
    line.stick.udp_received(line.air.datagram(AWKWARD))
    (event,) = line.settle()
    assert isinstance(event, Received)
    assert event.datagram.payload == AWKWARD


@TEXT_STICKS
def test_a_wrong_password_ends_in_event_24_three_times(kind: Kind) -> None:
    line = Line(kind, WRONG_PASSWORD)
    (event,) = line.open()
    assert event == JoinFailed(Cause.REFUSED, "3 attempts")
    assert line.spoken.count(b"EVENT 24 ") == 3
    assert line.session.phase is Phase.IDLE


def test_a_wrong_password_is_not_tried_again_where_the_stick_tells_it_from_silence() -> None:
    line = Line(J11, WRONG_PASSWORD)
    assert line.open() == [JoinFailed(Cause.REFUSED)]
    assert sum(isinstance(request, Join) for request in line.air.seen) == 1


@EVERY_STICK
def test_a_scan_that_finds_nobody_is_repeated_for_longer_and_then_given_up(kind: Kind) -> None:
    line = Line(kind)
    line.air.in_range = False
    assert line.open() == [JoinFailed(Cause.NO_BEACON, "3 scans")]
    seconds = [request.seconds for request in line.air.seen if isinstance(request, Scan)]
    assert len(seconds) == 3
    assert seconds == sorted(seconds)
    assert 30 < sum(seconds) < 130


@EVERY_STICK
def test_a_meter_of_another_house_is_not_found(kind: Kind) -> None:
    line = Line(kind, Credentials(b"9" * 32, CREDENTIALS.password))
    assert line.open() == [JoinFailed(Cause.NO_BEACON, "3 scans")]


@EVERY_STICK
def test_a_meter_that_does_not_answer_pana_is_given_up_after_a_minute(kind: Kind) -> None:
    line = Line(kind)
    line.air.deaf_to_pana = True
    assert line.open() == []
    assert line.session.phase is Phase.JOINING
    assert line.wait() == [JoinFailed(Cause.NO_ANSWER)]
    assert line.now == Timing().join


def test_a_j11_stick_that_reports_silence_is_told_to_try_again() -> None:
    line = Line(J11)
    line.air.deaf_to_pana = True
    line.open()
    for _ in range(2):
        line.stick.join_failed(no_answer=True)
        assert line.settle() == []
    line.stick.join_failed(no_answer=True)
    assert line.settle() == [JoinFailed(Cause.NO_ANSWER, "3 attempts")]


@EVERY_STICK
def test_a_stick_that_says_nothing_is_reported(kind: Kind) -> None:
    line = Line(kind)
    line.session.open(0.0)
    line.session.output()
    assert line.session.deadline == Timing().command
    assert line.session.poll(Timing().command - 0.1) == []
    assert line.session.poll(Timing().command) == [JoinFailed(Cause.STICK_SILENT)]


@EVERY_STICK
def test_a_failed_session_can_be_opened_again(kind: Kind) -> None:
    line = Line(kind)
    line.air.in_range = False
    line.open()
    line.air.in_range = True
    assert [type(event) for event in line.open()] == [Joined]


@EVERY_STICK
@pytest.mark.parametrize("result", [SendResult.FAILED, SendResult.NEIGHBOUR_SOLICITED])
def test_the_outcome_of_a_datagram_is_told(kind: Kind, result: SendResult) -> None:
    line = opened(kind)
    line.air.send_result = result
    line.session.send(b"x", line.now)
    solicited_unseen = kind == J11 and result is SendResult.NEIGHBOUR_SOLICITED
    assert line.settle() == [Sent(SendResult.OK if solicited_unseen else result)]


@EVERY_STICK
def test_one_datagram_at_a_time_and_none_that_is_too_long(kind: Kind) -> None:
    line = opened(kind)
    with pytest.raises(EncodeError):
        line.session.send(bytes(1233), line.now)
    line.air.hold_transmit = True
    line.session.send(b"x", line.now)
    assert line.settle() == []
    with pytest.raises(NotReadyError, match="busy"):
        line.session.send(b"y", line.now)
    line.stick.transmit_finished(SendResult.OK)
    assert line.settle() == [Sent(SendResult.OK)]


@EVERY_STICK
def test_a_datagram_whose_outcome_never_comes_is_unknown(kind: Kind) -> None:
    line = opened(kind)
    line.air.hold_transmit = True
    line.session.send(b"x", line.now)
    line.settle()
    assert line.wait() == [Sent(SendResult.UNKNOWN)]
    assert line.session.phase is Phase.JOINED


@EVERY_STICK
def test_nothing_is_sent_before_a_session_stands(kind: Kind) -> None:
    line = Line(kind)
    with pytest.raises(NotReadyError):
        line.session.send(b"x", 0.0)


@TEXT_STICKS
def test_used_up_air_time_blocks_sending_and_is_no_error(kind: Kind) -> None:
    line = opened(kind)
    line.stick.send_limit(True)
    assert line.settle() == [SendBlocked(by_air_time=True)]
    with pytest.raises(NotReadyError, match="air time"):
        line.session.send(b"x", line.now)
    line.stick.send_limit(False)
    assert line.settle() == [SendReleased()]
    line.session.send(b"x", line.now)
    assert line.settle() == [Sent(SendResult.OK)]


def test_a_j11_stick_shows_used_up_air_time_as_failed_datagrams() -> None:
    line = opened(J11)
    line.stick.send_limit(True)
    line.session.send(b"x", line.now)
    assert line.settle() == [Sent(SendResult.FAILED)]
    line.stick.send_limit(False)
    line.session.send(b"x", line.now)
    assert line.settle() == [Sent(SendResult.OK)]


@TEXT_STICKS
def test_an_expired_session_is_renewed_by_the_stick_and_sending_waits_for_it(kind: Kind) -> None:
    line = opened(kind)
    line.air.deaf_to_pana = True
    line.stick.session_expired()
    assert line.settle() == [SendBlocked(by_air_time=False)]
    with pytest.raises(NotReadyError):
        line.session.send(b"x", line.now)
    line.air.authenticate()
    joined, released = line.settle()
    assert isinstance(joined, Joined)
    assert joined.again
    assert released == SendReleased()
    line.session.send(b"x", line.now)
    assert line.settle() == [Sent(SendResult.OK)]


def test_a_j11_stick_renews_a_session_by_itself_too() -> None:
    line = opened(J11)
    line.stick.session_expired()
    (event,) = line.settle()
    assert isinstance(event, Joined)
    assert event.again
    assert isinstance(line.air.seen[-1], Rejoin)


@TEXT_STICKS
def test_a_failed_renewal_is_followed_by_joins_of_our_own(kind: Kind) -> None:
    line = opened(kind)
    line.air.deaf_to_pana = True
    line.stick.session_expired()
    line.settle()
    line.air.deaf_to_pana = False
    line.stick.join_failed()
    events = line.settle()
    assert [type(event) for event in events] == [Joined, SendReleased]
    assert sum(isinstance(request, Join) for request in line.air.seen) == 2


@EVERY_STICK
def test_a_session_whose_password_changed_is_lost_with_its_cause(kind: Kind) -> None:
    line = opened(kind)
    line.air.meter = WRONG_PASSWORD
    line.stick.session_expired()
    lost = line.settle()[-1]
    assert isinstance(lost, SessionLost)
    assert lost.cause is Cause.REFUSED
    assert line.session.phase is Phase.IDLE


@EVERY_STICK
def test_a_session_that_the_meter_ends_is_lost(kind: Kind) -> None:
    line = opened(kind)
    line.stick.session_ended()
    assert line.settle() == [SessionLost(Cause.ENDED_BY_METER)]


@EVERY_STICK
def test_a_session_ends_when_we_want(kind: Kind) -> None:
    line = opened(kind)
    line.session.close(line.now)
    assert line.settle() == [Closed(clean=True)]
    assert isinstance(line.air.seen[-1], Terminate)
    assert line.session.deadline is None


@EVERY_STICK
def test_a_session_can_be_closed_while_a_datagram_is_on_its_way(kind: Kind) -> None:
    line = opened(kind)
    line.air.hold_transmit = True
    line.session.send(b"x", line.now)
    line.settle()
    line.session.close(line.now)
    assert line.settle() == []
    line.stick.transmit_finished(SendResult.OK)
    assert line.settle() == [Sent(SendResult.OK), Closed(clean=True)]


@TEXT_STICKS
def test_an_end_that_the_meter_does_not_confirm_is_an_end(kind: Kind) -> None:
    line = opened(kind)
    line.session.close(line.now)
    line.stick.receive(line.session.output())
    line.stick.requests()
    line.stick.terminated(timed_out=True)
    assert line.settle() == [Closed(clean=False)]


@EVERY_STICK
def test_closing_what_is_not_open_does_no_harm(kind: Kind) -> None:
    line = Line(kind)
    line.session.close(0.0)
    assert line.settle() == [Closed(clean=False)]


@EVERY_STICK
def test_a_neighbours_meter_is_not_ours(kind: Kind) -> None:
    line = opened(kind)
    ours = line.air.datagram(b"x", to_all=True)
    theirs = replace(ours, source=IPv6Address("fe80::1"))
    line.stick.udp_received(theirs)
    assert line.settle() == []


def test_a_stick_whose_command_fails_is_reported_with_the_command() -> None:
    line = Line(BP35A1)
    line.session.open(0.0)
    assert line.session.receive(b"OK\r\nFAIL ER10\r\n", 0.0) == [JoinFailed(Cause.STICK_ERROR, "SKINFO: FAIL ER10")]
    line.session.open(0.0)
    assert line.session.receive(b"OK\r\nEINFO ?\r\nOK\r\n", 0.0)[0] == JoinFailed(
        Cause.STICK_ERROR, "SKINFO: no EINFO line: 'EINFO ?'"
    )


def test_a_stick_that_gives_no_address_or_another_one_is_reported() -> None:
    for answer in (b"OK\r\n", b"FE80:0000:0000:0000:021D:1290:1234:5678\r\n"):
        line = Line(BP35A1)
        line.session.open(0.0)
        while b"SKLL64" not in (asked := line.session.output()):
            line.stick.receive(asked)
            line.air.settle()
            line.session.receive(line.stick.output(), 0.0)
        (event,) = line.session.receive(answer, 0.0)
        assert isinstance(event, JoinFailed)
        assert event.cause is Cause.STICK_ERROR


def test_a_first_refused_connection_of_a_j11_stick_is_repeated() -> None:
    line = Line(J11)
    stick = line.stick
    assert isinstance(stick, J11Module)
    associated, refusals = stick.associated, [None, None]

    def sometimes(beacon: object) -> None:
        associated(refusals.pop() if refusals else BEACON)

    stick.associated = sometimes  # type: ignore[method-assign]
    assert [type(event) for event in line.open()] == [Joined]
    assert sum(isinstance(request, Scan) for request in line.air.seen) == 3
