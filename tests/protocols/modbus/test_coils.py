"""Coils on the server's side, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.coils import pack, unpack
from protocols.modbus.errors import ExceptionCode, IllegalAddressError, RequestRefusedError
from protocols.modbus.mbap import Frame, FrameReader
from protocols.modbus.server import Connection


class Relays:
    """Twelve coils; writing the last one fails in the device."""

    functions: frozenset[int] = frozenset()
    identification: Sequence[str] = ()

    def __init__(self) -> None:
        self.states = [False] * 12

    @property
    def coil_count(self) -> int:
        return len(self.states)

    def read(self, start: int, count: int) -> list[int]:
        raise IllegalAddressError("no registers")

    def read_coils(self, start: int, count: int) -> list[bool]:
        return self.states[start : start + count]

    def write_coils(self, start: int, states: Sequence[bool]) -> None:
        if start + len(states) == 12:
            raise RequestRefusedError(ExceptionCode.SERVER_DEVICE_BUSY)
        self.states[start : start + len(states)] = states


def ask(relays: Relays, pdu: str) -> str:
    raw = Connection({1: relays}).receive(Frame(7, 1, bytes.fromhex(pdu)).to_bytes())
    (answer,) = FrameReader().feed(raw)
    assert (answer.transaction, answer.unit) == (7, 1)
    return answer.pdu.hex(" ")


@pytest.mark.parametrize(
    ("request_", "answer", "on"),
    [
        ("01 0000 000C", "01 02 00 00", []),
        ("05 0003 FF00", "05 00 03 ff 00", [3]),
        ("05 0003 0000", "05 00 03 00 00", []),
        ("0F 0001 000A 02 CD01", "0f 00 01 00 0a", [1, 3, 4, 7, 8, 9]),
    ],
)
def test_requests_that_are_carried_out(request_: str, answer: str, on: list[int]) -> None:
    relays = Relays()
    assert ask(relays, request_) == answer
    assert [number for number, state in enumerate(relays.states) if state] == on


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("01 0000 0000", 3),
        ("01 0000 07D1", 3),
        ("01 0000 00", 3),
        ("01 0000 000D", 2),
        ("05 0003 FF01", 3),
        ("05 000C FF00", 2),
        ("05 0003", 3),
        ("0F 0000 0000 00", 3),
        ("0F 0000 000A 01 FF", 3),
        ("0F 0000 0008 01 FFFF", 3),
        ("0F 0000", 3),
        ("0F 0008 0008 01 FF", 2),
        ("05 000B FF00", 6),
        ("03 0000 0001", 1),
        ("06 0000 0001", 1),
    ],
)
def test_requests_that_are_refused_change_nothing(request_: str, code: int) -> None:
    relays = Relays()
    assert ask(relays, request_) == f"{int(request_[:2], 16) | 0x80:02x} {code:02x}"
    assert not any(relays.states)


def test_states_are_read_eight_a_byte_the_first_lowest() -> None:
    relays = Relays()
    relays.states = [number in (0, 2, 8, 11) for number in range(12)]
    assert ask(relays, "01 0000 000C") == "01 02 05 09"
    assert ask(relays, "01 0002 0007") == "01 01 41"


@given(st.lists(st.booleans(), max_size=70))
def test_packed_states_are_unpacked_as_they_were(states: list[bool]) -> None:
    assert unpack(pack(states), len(states)) == states
