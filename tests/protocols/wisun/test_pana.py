"""PANA: the captured packets, both roles against each other, lost packets, renewal, the end; and what tshark thinks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import ProtocolError, SecurityError
from protocols.wisun import pana
from protocols.wisun.errors import EncodeError
from protocols.wisun.paa import Paa
from protocols.wisun.pac import Pac
from protocols.wisun.pana import Association, Avp, AvpCode, Flag, Packet, Retransmission, Type
from protocols.wisun.pana_role import Established, Expired, Failed, Failure, PanaState, Role, Terminated
from protocols.wisun.radio import Credentials

from .air import exchange
from .vectors import CREDENTIALS, PANA_COMPLETE, PANA_EAP_1, PANA_PACKETS, PANA_START, WRONG_PASSWORD

DAY = 86_400


def opened(stick: Credentials = CREDENTIALS) -> tuple[Paa, Pac, list[bytes]]:
    paa, pac = Paa(CREDENTIALS), Pac(stick)
    pac.start(0.0)
    return paa, pac, exchange(paa, pac, 0.0)


def standing() -> tuple[Paa, Pac]:
    paa, pac, _ = opened()
    assert paa.events() == pac.events() == [Established(DAY, again=False)]
    return paa, pac


@pytest.mark.parametrize("raw", PANA_PACKETS)
def test_captured_packets_come_back_exactly(raw: bytes) -> None:
    assert Packet.from_bytes(raw).to_bytes() == raw


def test_captured_packets_say_what_is_known_of_them() -> None:
    start, complete = Packet.from_bytes(PANA_START), Packet.from_bytes(PANA_COMPLETE)
    assert (start.flags, start.type) == (Flag.REQUEST | Flag.START, Type.AUTH)
    assert start.numbers(AvpCode.PRF) == {pana.PRF_HMAC_SHA2_256}
    assert start.numbers(AvpCode.INTEGRITY) == {pana.AUTH_HMAC_SHA2_256_128}
    assert len(Packet.from_bytes(PANA_EAP_1).get(AvpCode.NONCE)) == 16
    assert complete.flags == Flag.REQUEST | Flag.COMPLETE
    assert complete.number(AvpCode.RESULT) == pana.ResultCode.SUCCESS
    assert complete.number(AvpCode.KEY_ID) == 0x1601
    assert complete.number(AvpCode.LIFETIME) == DAY
    assert len(complete.get(AvpCode.AUTH)) == pana.AUTH_BYTES


def test_our_meter_speaks_in_the_captured_order_and_lengths() -> None:
    _, _, packets = opened()
    from_meter = [packet for packet in packets if Packet.from_bytes(packet).is_request]
    assert [len(packet) for packet in from_meter] == [len(packet) for packet in PANA_PACKETS]
    for ours, captured in zip(from_meter, PANA_PACKETS, strict=True):
        ours_read, captured_read = Packet.from_bytes(ours), Packet.from_bytes(captured)
        assert (ours_read.flags, ours_read.type) == (captured_read.flags, captured_read.type)
        shape = [(avp.code, len(avp.value)) for avp in captured_read.avps]
        assert [(avp.code, len(avp.value)) for avp in ours_read.avps] == shape


@given(st.binary(max_size=50), st.integers(0, 0xFFFF))
def test_any_avp_comes_back_with_its_padding(value: bytes, code: int) -> None:
    packet = Packet(Flag.REQUEST, Type.AUTH, 1, 2, (Avp(code, value), Avp(9, b"\1\2\3\4")))
    raw = packet.to_bytes()
    assert len(raw) % 4 == 0
    assert Packet.from_bytes(raw) == packet


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        PANA_START[:-1],
        PANA_START + b"\0",
        PANA_START[:7] + b"\x09" + PANA_START[8:],
        PANA_START[:18] + b"\x80" + PANA_START[19:],
        PANA_START[:21] + b"\xff" + PANA_START[22:],
        PANA_START[:3] + b"\x2c" + PANA_START[4:] + bytes(4),
    ],
)
def test_what_is_no_packet_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        Packet.from_bytes(raw)


def test_a_packet_that_fits_no_datagram_is_refused() -> None:
    with pytest.raises(EncodeError):
        Packet(Flag.REQUEST, Type.AUTH, 1, 2, (Avp(2, bytes(1300)),)).to_bytes()


def test_prf_plus_chains_its_blocks_as_ikev2_does() -> None:
    whole = pana.prf_plus(b"key", b"seed", 80)
    assert whole[:32] == pana._prf(b"key", b"seed\x01")
    assert whole[32:64] == pana._prf(b"key", whole[:32] + b"seed\x02")
    assert whole[64:] == pana._prf(b"key", whole[32:64] + b"seed\x03")[:16]


@given(st.integers(0, 10_000))
def test_every_bit_of_a_signed_packet_counts(bit: int) -> None:
    association = Association(1, bytes(32))
    signed = association.sign(Packet(Flag.COMPLETE, Type.AUTH, 1, 2, (Avp.number(AvpCode.KEY_ID, 1),)))
    association.verify(signed)
    raw = bytearray(signed.to_bytes())
    bit %= 8 * len(raw)
    raw[bit // 8] ^= 0x80 >> bit % 8
    try:
        changed = Packet.from_bytes(bytes(raw))
    except ProtocolError:
        return
    if changed == signed:  # a reserved bit, which receivers ignore
        return
    with pytest.raises(SecurityError):
        association.verify(changed)


def test_a_session_opens_with_one_key_on_both_sides() -> None:
    paa, pac = standing()
    assert paa.state is pac.state is PanaState.OPEN
    assert paa._association == pac._association
    assert paa.dropped == pac.dropped == 0


def test_a_wrong_password_is_rejected_with_result_code_1() -> None:
    paa, pac, packets = opened(WRONG_PASSWORD)
    assert paa.events() == pac.events() == [Failed(Failure.REJECTED)]
    last_request = Packet.from_bytes(packets[-2])
    assert last_request.flags == Flag.REQUEST | Flag.COMPLETE
    assert last_request.number(AvpCode.RESULT) == pana.ResultCode.AUTHENTICATION_REJECTED
    assert last_request.get(AvpCode.EAP)[0] == 4
    assert paa.state is pac.state is PanaState.CLOSED
    assert paa.deadline is pac.deadline is None


def test_a_meter_that_does_not_know_the_password_is_not_believed() -> None:
    class Trusting(Paa):
        """Lets everybody in, but cannot prove itself."""

        def _new_eap(self) -> Any:
            server = super()._new_eap()
            server._keys = type(server._keys)(server._keys.ak, bytes(16))
            server._id_s = self._id_s
            return server

    paa, pac = Trusting(CREDENTIALS), Pac(CREDENTIALS)
    pac.start(0.0)
    exchange(paa, pac, 0.0)
    assert pac.events() == [Failed(Failure.REJECTED)]
    assert paa.state is not PanaState.OPEN


@pytest.mark.parametrize("lost", range(9))
def test_any_one_packet_may_be_lost(lost: int) -> None:
    paa, pac, seen = Paa(CREDENTIALS), Pac(CREDENTIALS), 0

    def lose(role: Role, packet: bytes) -> bool:
        nonlocal seen
        seen += 1
        return seen - 1 == lost

    pac.start(0.0)
    exchange(paa, pac, 0.0, lose)
    now = 2.0  # the first repetition is due
    paa.poll(now)
    pac.poll(now)
    exchange(paa, pac, now, lose)
    assert paa.events() == pac.events() == [Established(DAY, again=False)]
    assert paa._association == pac._association


def test_requests_are_repeated_as_the_data_say_and_then_given_up() -> None:
    pac = Pac(CREDENTIALS, retransmission=Retransmission(1.0, 4.0, 5))
    pac.start(0.0)
    times = []
    for _ in range(5):
        assert len(pac.output()) == 1
        assert pac.deadline is not None
        times.append(pac.deadline)
        pac.poll(pac.deadline)
    assert times == [1.0, 3.0, 7.0, 11.0, 15.0]
    assert pac.output() == []
    assert pac.events() == [Failed(Failure.NO_ANSWER)]
    assert pac.deadline is None
    assert Retransmission().patience == 38.0


def test_a_meter_that_falls_silent_is_given_up() -> None:
    paa, pac = Paa(CREDENTIALS), Pac(CREDENTIALS)
    pac.start(0.0)
    exchange(paa, pac, 0.0, lambda role, packet: role is paa and len(packet) > 0x28)
    pac.poll(37.9)
    assert pac.events() == []
    pac.poll(38.0)
    assert pac.events() == [Failed(Failure.NO_ANSWER)]
    now = 0.0
    while paa.deadline is not None:
        now = paa.deadline
        paa.poll(now)
    assert (now, paa.events()) == (38.0, [Failed(Failure.NO_ANSWER)])


@pytest.mark.parametrize("who", ["stick", "meter"])
def test_a_session_is_renewed_with_a_new_key_by_either_side(who: str) -> None:
    paa, pac = standing()
    before = paa._association
    (pac if who == "stick" else paa).reauthenticate(100.0)
    packets = exchange(paa, pac, 100.0)
    assert paa.events() == pac.events() == [Established(DAY, again=True)]
    assert paa._association == pac._association != before
    assert all(Packet.from_bytes(packet).find(AvpCode.AUTH) for packet in packets)
    assert paa.deadline == pac.deadline == 100.0 + DAY


def test_a_session_ends_when_its_day_is_over() -> None:
    paa, pac = standing()
    for role in (paa, pac):
        role.poll(DAY - 0.1)
        assert role.events() == []
        role.poll(float(DAY))
        assert role.events() == [Expired()]
        assert role.state is PanaState.CLOSED


@pytest.mark.parametrize("who", ["stick", "meter"])
def test_a_session_ends_when_either_side_asks(who: str) -> None:
    paa, pac = standing()
    asking, asked = (pac, paa) if who == "stick" else (paa, pac)
    asking.terminate(pana.TerminationCause.LOGOUT, 1.0)
    exchange(paa, pac, 1.0)
    assert asking.events() == [Terminated(by_peer=False)]
    assert asked.events() == [Terminated(by_peer=True)]
    assert paa.deadline is pac.deadline is None


def test_an_end_that_nobody_confirms_is_an_end() -> None:
    _, pac = standing()
    pac.terminate(pana.TerminationCause.LOGOUT, 0.0)
    while pac.deadline is not None and pac.deadline < 100:
        pac.poll(pac.deadline)
    assert pac.events() == [Terminated(by_peer=False, timed_out=True)]


def test_packets_without_a_right_signature_do_not_end_or_renew_a_session() -> None:
    paa, pac = standing()
    session, sequence = paa._session, pac._sequence + 1
    cause = (Avp.number(AvpCode.TERMINATION_CAUSE, 1),)
    for forged in (
        Packet(Flag.REQUEST, Type.TERMINATION, session, sequence, cause),
        Packet(Flag.REQUEST, Type.TERMINATION, session, sequence, (*cause, Avp(AvpCode.AUTH, bytes(16)))),
        Packet(Flag.REQUEST | Flag.AUTHENTICATE, Type.NOTIFICATION, session, sequence),
        Packet(Flag.REQUEST | Flag.PING, Type.NOTIFICATION, session ^ 1, sequence),
    ):
        paa.receive(forged.to_bytes(), 1.0)
    assert paa.dropped == 4
    assert paa.output() == []
    assert paa.events() == []
    assert paa.state is PanaState.OPEN


def test_a_recorded_request_is_answered_once_and_never_again_after_the_next() -> None:
    paa, pac = standing()
    pac.reauthenticate(1.0)
    (recorded,) = pac.output()
    paa.receive(recorded, 1.0)
    answer = paa.output()[0]
    paa.receive(recorded, 1.0)
    assert paa.output() == [answer]  # the answer was lost, it seems
    pac.receive(answer, 1.0)
    paa.poll(3.0)
    exchange(paa, pac, 3.0)
    assert paa.state is PanaState.OPEN
    pac.reauthenticate(5.0)
    exchange(paa, pac, 5.0)
    dropped = paa.dropped
    paa.receive(recorded, 6.0)
    assert paa.dropped == dropped + 1
    assert paa.state is PanaState.OPEN


def test_a_ping_is_answered() -> None:
    paa, pac = standing()
    assert pac._association is not None
    ping = Packet(Flag.REQUEST | Flag.PING, Type.NOTIFICATION, pac._session, pac._next_sequence())
    paa.receive(pac._association.sign(ping).to_bytes(), 1.0)
    (answer,) = map(Packet.from_bytes, paa.output())
    assert (answer.flags, answer.sequence) == (Flag.PING, ping.sequence)
    pac._association.verify(answer)


def test_a_stick_that_was_reset_is_let_in_again() -> None:
    paa, _ = standing()
    fresh = Pac(CREDENTIALS)
    fresh.start(10.0)
    exchange(paa, fresh, 10.0)
    assert paa.events() == fresh.events() == [Established(DAY, again=False)]


def test_a_stick_that_gave_up_in_the_middle_and_knocks_again_is_let_in() -> None:
    paa, first = Paa(CREDENTIALS), Pac(CREDENTIALS)
    first.start(0.0)
    exchange(paa, first, 0.0, lose=lambda role, packet: role is first and len(packet) > 0x40)  # its EAP answers
    assert paa.state is PanaState.AUTHENTICATING
    fresh = Pac(CREDENTIALS)
    fresh.start(1.0)
    exchange(paa, fresh, 1.0)
    assert paa.events() == fresh.events() == [Established(DAY, again=False)]


def test_a_stick_that_proves_itself_but_is_not_admitted_is_told_so_and_gets_no_key() -> None:
    paa, pac = Paa(CREDENTIALS, admit=lambda: False), Pac(CREDENTIALS)
    pac.start(0.0)
    last_request = Packet.from_bytes(exchange(paa, pac, 0.0)[-2])
    assert last_request.number(AvpCode.RESULT) == pana.ResultCode.AUTHORIZATION_REJECTED
    assert last_request.find(AvpCode.KEY_ID) is None
    assert paa.events() == pac.events() == [Failed(Failure.REJECTED)]
    assert paa.state is pac.state is PanaState.CLOSED


@pytest.mark.skipif(
    shutil.which("tshark") is None or shutil.which("text2pcap") is None, reason="tshark and text2pcap are not installed"
)
@pytest.mark.parametrize("stick", [CREDENTIALS, WRONG_PASSWORD], ids=["joined", "rejected"])
def test_tshark_reads_our_exchange_and_finds_nothing_wrong(stick: Credentials, tmp_path: Path) -> None:
    paa, pac, packets = opened(stick)
    if stick is CREDENTIALS:
        pac.reauthenticate(1.0)
        packets += exchange(paa, pac, 1.0)
        pac.terminate(pana.TerminationCause.LOGOUT, 2.0)
        packets += exchange(paa, pac, 2.0)
    dump, capture = tmp_path / "pana.txt", tmp_path / "pana.pcap"
    dump.write_text("".join(f"000000 {packet.hex(' ')}\n" for packet in packets))
    subprocess.run(["text2pcap", "-q", "-u", "716,716", dump, capture], check=True, capture_output=True)
    fields = ["pana.type", "pana.sid", "pana.seq", "eap.code", "eap.psk.flags.t"]
    options = [option for field in fields for option in ("-e", field)]
    read = [line.split("|") for line in tshark(capture, "-T", "fields", "-E", "separator=|", *options)]
    assert tshark(capture, "-Y", "_ws.malformed || _ws.expert || !pana") == []
    assert len(read) == len(packets)
    for row, packet in zip(read, map(Packet.from_bytes, packets), strict=True):
        assert row[:3] == [str(int(packet.type)), f"0x{packet.session:08x}", f"0x{packet.sequence:08x}"]
    eap = [(row[3], row[4]) for row in read if row[3]]
    exchanged = [("1", "0x00"), ("2", "0x01"), ("1", "0x02"), ("2", "0x03"), ("3", "")]
    assert eap == (2 * exchanged if stick is CREDENTIALS else [*exchanged[:2], ("4", "")])


def tshark(capture: Path, *options: str) -> list[str]:
    """The lines that tshark prints about a capture."""
    run = subprocess.run(["tshark", "-r", capture, *options], check=True, capture_output=True, text=True)
    return run.stdout.splitlines()
