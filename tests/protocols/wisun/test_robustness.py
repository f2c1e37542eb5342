"""Nothing that arrives can hurt: bytes are answered or passed over, memory is bounded, the next command works."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import ProtocolError
from protocols.wisun import eap_psk, pana
from protocols.wisun.host import Joined
from protocols.wisun.j11.frame import REQUEST, Frame
from protocols.wisun.j11.messages import Command
from protocols.wisun.j11.module import Module as J11Module
from protocols.wisun.paa import Paa
from protocols.wisun.pac import Pac
from protocols.wisun.pana_role import PanaState
from protocols.wisun.skstack.dialect import BP35A1, BP35C2, Dialect
from protocols.wisun.skstack.module import Module

from .air import KINDS, Air, Kind, Line, exchange, kind_name
from .vectors import CREDENTIALS, J11_OPEN_3610, J11_VERSION, LINES_A, LINES_B, PANA_PACKETS, STICK_MAC

METER_TEXT = b"FE80:0000:0000:0000:021C:6400:030C:12A4"
COMMANDS = [
    b"SKVER\r\n",
    b"SKINFO\r\n",
    b"ROPT\r",
    b"WOPT 00\r",
    b"SKSREG SFE 0\r\n",
    b"SKSREG SA2 1\r\n",
    b"SKSETRBID " + CREDENTIALS.route_b_id + b"\r\n",
    b"SKSETPWD C " + CREDENTIALS.password + b"\r\n",
    b"SKSCAN 2 FFFFFFFF 6 0\r\n",
    b"SKSCAN 0 FFFFFFFF 6\r\n",
    b"SKLL64 001D129012345678\r\n",
    b"SKJOIN " + METER_TEXT + b"\r\n",
    b"SKTERM\r\n",
    b"SKRESET\r\n",
    b"SKSENDTO 1 " + METER_TEXT + b" 0E1A 1 0004 \r\n\r\n",
    b"SKSENDTO 1 " + METER_TEXT + b" 0E1A 2 0 0004 \r\n\r\n",
    b"SKSENDTO 1 " + METER_TEXT + b" 0E1A 1 FFFF ",
    b"SKTABLE E\r\n",
    b"SKUDPPORT 3 0050\r\n",
]
SAID = [
    b"OK\r\n",
    b"OK 01\r",
    b"FAIL ER10\r\n",
    b"EVER 1.2.10\r\n",
    b"EINFO FE80:0000:0000:0000:021D:1290:1234:5678 001D129012345678 21 8888 FFFE\r\n",
    b"EINFO FE80:0000:0000:0000:021D:1290:1234:5678 001D129012345678 21 8888 0\r\n",
    b"EPANDESC\r\n  Channel:21\r\n  Channel Page:09\r\n  Pan ID:8888\r\n  Addr:001C6400030C12A4\r\n  LQI:E1\r\n",
    b"  PairID:44556677\r\n",
    b"EEDSCAN\r\n21 E1\r\n\r\n",
    METER_TEXT + b"\r\n",
    *[
        b"EVENT %02X %b%b\r\n" % (n, METER_TEXT, t)
        for n in (0x20, 0x21, 0x22, 0x24, 0x25, 0x29)
        for t in (b"", b" 0", b" 0 00")
    ],
    *[line.encode() + b"\r\n" for line in LINES_A[:2] + LINES_B],
]
FRAMES = [
    J11_VERSION,
    J11_OPEN_3610,
    *(Frame(c, bytes(n)).to_bytes(REQUEST) for c in Command for n in (0, 4, 14, 24, 44)),
]


def mutated(parts: list[bytes]) -> st.SearchStrategy[bytes]:
    """Known pieces in any order, some bytes changed, lost or added."""

    def spoil(pieces: list[bytes], seed: int, hits: int) -> bytes:
        data, rng = bytearray(b"".join(pieces)), random.Random(seed)
        for _ in range(min(hits, len(data))):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(3)] = bytes(rng.randrange(256) for _ in range(rng.randrange(3)))
            if not data:
                break
        return bytes(data)

    pieces = st.lists(st.sampled_from(parts) | st.binary(max_size=40), max_size=12)
    return st.builds(spoil, pieces, st.integers(0, 1 << 30), st.integers(0, 6))


def memory(module: Module) -> int:
    return len(module._reader._buffer) + len(module._requests) + len(module.settings.ports)


@pytest.mark.parametrize("dialect", [BP35A1, BP35C2], ids=lambda d: d.name)
@given(chunks=st.lists(mutated(COMMANDS), max_size=6), answered=st.booleans())
def test_a_text_stick_survives_anything_and_serves_the_next_command(
    dialect: Dialect, chunks: list[bytes], answered: bool
) -> None:
    module = Module(dialect, STICK_MAC)
    air = Air(module)
    for chunk in chunks:
        module.receive(chunk)
        if answered:
            air.settle()
        module.output()
        assert memory(module) < 20_000
    air.settle()
    module.input_timeout()
    module.receive(b"\r\nSKSREG SFE 0\r\n")
    air.settle()
    module.output()
    module.receive(b"SKVER\r\n")
    assert module.output() == f"EVER {dialect.stack_version}\r\nOK\r\n".encode()


@given(st.lists(mutated(FRAMES), max_size=6))
def test_a_j11_stick_survives_anything_and_serves_the_next_command(chunks: list[bytes]) -> None:
    module = J11Module(STICK_MAC)
    air = Air(module)
    for chunk in chunks:
        module.receive(chunk)
        air.settle()
        module.output()
        assert len(module._reader._buffer) < 3000
    module.input_timeout()
    module.output()
    module.receive(J11_VERSION)
    assert module.output().startswith(bytes.fromhex("D0F9EE5D206B"))


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
@settings(max_examples=60)
@given(noise=st.lists(mutated(SAID + FRAMES), max_size=16), step=st.floats(0, 30))
def test_a_host_survives_anything_and_can_open_again(kind: Kind, noise: list[bytes], step: float) -> None:
    line = Line(kind)
    line.session.open(0.0)
    for chunk in noise:
        line.session.receive(chunk, line.now)
        line.exchange()  # the procedure goes on between the noises, so that they meet every phase of it
        line.now += step
        line.session.poll(line.now)
    line.session.receive(b"\r\n" + b"\0" * 1400 + b"\r\n", line.now)
    assert any(isinstance(event, Joined) for event in line.open())


@given(mutated(PANA_PACKETS))
def test_pana_packets_are_read_or_refused(raw: bytes) -> None:
    try:
        packet = pana.Packet.from_bytes(raw)
    except ProtocolError:
        return
    assert len(packet.to_bytes()) == len(raw)


@given(mutated([packet[48:] for packet in PANA_PACKETS]))
def test_eap_messages_are_read_or_refused(raw: bytes) -> None:
    try:
        message = eap_psk.parse(raw)
    except ProtocolError:
        return
    assert message.to_bytes() == raw


COMPLETION = 7
"""Number of the first packet that is signed, counted from 0."""


@settings(max_examples=60)
@given(which=st.integers(0, 8), at=st.integers(0, 10_000), change=st.integers(1, 255))
def test_a_spoilt_packet_never_leads_to_two_keys_and_a_signed_one_is_simply_repeated(
    which: int, at: int, change: int
) -> None:
    paa, pac, count = Paa(CREDENTIALS), Pac(CREDENTIALS), itertools.count()

    def spoil(role: object, packet: bytes) -> bool:
        if next(count) != which:
            return False
        spoilt = bytearray(packet)
        spoilt[at % len(spoilt)] ^= change
        (pac if role is paa else paa).receive(bytes(spoilt), 0.0)
        return True

    now = 0.0
    pac.start(now)
    while now < 100:
        exchange(paa, pac, now, spoil)
        now = min((d for d in (paa.deadline, pac.deadline) if d is not None), default=1000.0)
        if now < 100:
            paa.poll(now)
            pac.poll(now)
    both_open = paa.state is pac.state is PanaState.OPEN
    assert both_open or which < COMPLETION
    if both_open:
        assert paa._association == pac._association
