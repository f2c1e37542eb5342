"""PANA with EAP-PSK inside: packets, and both roles with somebody in between."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from protocols.wisun import eap_psk, pana
from protocols.wisun.paa import Paa
from protocols.wisun.pac import Pac
from protocols.wisun.pana_role import Established, PanaState, Role
from tests.fuzz.target import Target, joined, pieces, refused
from tests.protocols.wisun.air import exchange
from tests.protocols.wisun.vectors import CREDENTIALS, PANA_PACKETS


def _pana_packet(data: bytes) -> None:
    packet = refused(pana.Packet.from_bytes, data)
    if packet is not None:
        again = packet.to_bytes()
        assert len(again) == len(data)
        assert pana.Packet.from_bytes(again) == packet


def _eap_psk(data: bytes) -> None:
    message = refused(eap_psk.parse, data)
    assert message is None or message.to_bytes() == data


def _pana_roles(data: bytes) -> None:
    """Both roles while somebody in between drops, repeats, alters and invents packets, some of them rightly signed."""
    count = itertools.count(1)

    def random(size: int) -> bytes:
        return next(count).to_bytes(size, "big")

    paa, pac = Paa(CREDENTIALS, random=random), Pac(CREDENTIALS, random=random)
    now, seen = 0.0, [*PANA_PACKETS]
    for what, raw in pieces(data):
        now = _between(paa, pac, what, raw, now, seen)
        del seen[:-16]
        assert paa._association is None or paa.state is not PanaState.CLOSED
    if paa.state is pac.state is PanaState.OPEN and paa._session == pac._session:
        assert paa._association == pac._association
    for role in (paa, pac):
        for _ in range(20):  # repeats, gives up, expires
            role.poll(now := max(now, role.deadline or now))
        role.output(), role.events()
    pac.start(now)
    exchange(paa, pac, now)
    assert any(isinstance(event, Established) for event in pac.events())


def _between(paa: Paa, pac: Pac, what: int, raw: bytes, now: float, seen: list[bytes]) -> float:
    sink, source = ((paa, pac), (pac, paa))[what >> 3 & 1]
    match what & 7:
        case 0:
            _carry(source, sink, now, seen, b"")
        case 1:
            _carry(source, sink, now, seen, raw)
        case 2:
            source.output()
        case 3:
            sink.receive(seen[raw[0] % len(seen)] if raw else b"", now)
        case 4:
            sink.receive(raw, now)
        case 5:
            _invent(sink, raw, now)
        case 6:
            now += what
            paa.poll(now)
            pac.poll(now)
        case _:
            for act in ((pac.start,), (paa.reauthenticate,), (pac.reauthenticate,))[(what >> 4) % 3]:
                act(now)
            if what >= 0xE0:
                source.terminate(1, now)
    return now


def _carry(source: Role, sink: Role, now: float, seen: list[bytes], change: bytes) -> None:
    """What is on its way arrives; ``change`` is (place, mask) pairs that alter it."""
    for packet in source.output():
        seen.append(packet)
        altered = bytearray(packet)
        for at, mask in zip(change[::2], change[1::2], strict=False):
            altered[at % len(altered)] ^= mask
        sink.receive(bytes(altered), now)


def _invent(sink: Role, raw: bytes, now: float) -> None:
    """A packet of the running session, signed with its key: header fields and AVPs are the fuzzer's."""
    flags, kind, ahead, rest = (*raw[:3].ljust(3, b"\0"), raw[3:])
    avps = tuple(pana.Avp(code, value) for code, value in pieces(rest))
    sequence = (sink._sequence if flags & 1 else (sink._last_answer or (0, 0, b""))[1]) + ahead % 3
    type_ = list(pana.Type)[kind % len(pana.Type)]
    packet = pana.Packet(pana.Flag(flags << 8 & sum(pana.Flag)), type_, sink._session, sequence & 0xFFFFFFFF, avps)
    if sum(len(avp.to_bytes()) for avp in avps) > 1000:
        return
    sink.receive((sink._association.sign(packet) if sink._association else packet).to_bytes(), now)


def _packet_seeds() -> list[bytes]:
    paa, pac = Paa(CREDENTIALS), Pac(CREDENTIALS)
    pac.start(0.0)
    return [*PANA_PACKETS, *exchange(paa, pac, 0.0)]


def _role_seeds() -> Iterator[bytes]:
    knock, there, back = (7, b""), (0, b""), (8, b"")
    join = (knock, there, back, there, back, there, back, there, back, there)
    yield joined(*join)
    yield joined(*join, (0x17, b""), back, there, back, there, back, there)
    yield joined(*join, (0x27, b""), there, back, there, back, there, back, there)
    yield joined(*join, (0xE7, b""), there, back)
    yield joined(knock, there, (9, b"\x0a\x01"), there, back, (6, b""))
    yield joined(*join, (5, b"\x80\x02\x01" + joined((9, bytes(4)))), (13, b"\x88\x03\x01"), (3, b"\x05"))


TARGETS = (
    Target("pana-packet", _pana_packet, _packet_seeds, 80, 300),
    Target("eap-psk", _eap_psk, lambda: (packet[48:] for packet in PANA_PACKETS), 60, 150),
    Target("pana-roles", _pana_roles, _role_seeds, 12, 200),
)
