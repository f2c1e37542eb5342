"""Modbus RTU on the table: checks as pymodbus has them, requests cut out of any bytes, who answers what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from protocols.modbus.rtu import MAX_FRAME, RtuFrame, RtuLine, RtuReader, crc
from tests.protocols.modbus.test_server import Numbers, read

READ = RtuFrame(7, read(1, 2))
requests = st.builds(
    RtuFrame, st.integers(0, 255), st.one_of(st.just(read(1, 2)), st.builds(read, st.integers(0, 9), st.integers(0, 9)))
)


def line(**options: bool) -> RtuLine:
    """The unit of the server's tests, under number 7."""
    return RtuLine({7: Numbers()}, **options)


def test_the_check_is_that_of_modbus() -> None:
    assert crc(b"123456789") == 0x4B37


@given(st.binary(max_size=260))
def test_the_check_is_the_peers(data: bytes) -> None:
    assert crc(data).to_bytes(2, "little") == FramerRTU.compute_CRC(data).to_bytes(2, "big")


@given(st.lists(requests, max_size=5), st.integers(1, 20), st.binary(max_size=20))
def test_requests_do_not_depend_on_how_the_line_cuts_them(sent: list[RtuFrame], size: int, noise: bytes) -> None:
    stream = b"".join(frame.to_bytes() for frame in sent)
    assert RtuReader().feed(stream) == sent
    stream += noise
    whole, pieces = RtuReader(), RtuReader()
    found = [frame for at in range(0, len(stream), size) for frame in pieces.feed(stream[at : at + size])]
    assert found == whole.feed(stream)
    assert pieces.pending == whole.pending < MAX_FRAME


@given(st.data())
def test_a_garbled_request_is_not_answered_and_the_next_one_is(data: st.DataObject) -> None:
    raw = bytearray(READ.to_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    served = line()
    served.receive(bytes(raw))
    served.reader.expire()  # a garbled function may have announced more
    assert served.receive(READ.to_bytes())[:2] == bytes([7, 3])


@pytest.mark.parametrize(
    "pdu",
    [
        b"\x05\x00\x01\xff\x00",
        b"\x07",
        b"\x08\x00\x00\x12\x34",
        b"\x10\x00\x01\x00\x01\x02\x00\x05",
        b"\x2b\x0e\x01\x00",
    ],
)
def test_every_function_of_known_length_is_answered_be_it_with_an_exception(pdu: bytes) -> None:
    answer = line().receive(RtuFrame(7, pdu).to_bytes())
    assert answer[0] == 7 and answer[1] & 0x7F == pdu[0]
    assert crc(answer[:-2]).to_bytes(2, "little") == answer[-2:]


def test_another_unit_and_everybody_are_silence() -> None:
    for unit in (0, 8, 255):
        assert line().receive(RtuFrame(unit, READ.pdu).to_bytes()) == b""


def test_an_everybody_that_answers_is_the_planted_defect() -> None:
    answer = line(answers_everybody=True).receive(RtuFrame(0, READ.pdu).to_bytes())
    assert answer[:2] == bytes([0, 3])


def test_what_broke_off_is_forgotten_when_the_line_was_silent() -> None:
    served = line()
    assert served.receive(RtuFrame(7, b"\x10\x00\x01\x00\x50\xa0").to_bytes()[:-2]) == b""
    assert served.reader.pending == 7
    served.reader.expire()
    assert served.receive(READ.to_bytes())[:2] == bytes([7, 3])
