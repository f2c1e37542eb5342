"""The server in memory, byte for byte, and what it makes of bytes that are no requests."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import MeterBenchError
from protocols.modbus.errors import IllegalAddressError
from protocols.modbus.mbap import FrameReader
from protocols.modbus.server import Connection


class Numbers:
    """A unit whose registers 0 to 199 hold their own address; register 7 cannot be had."""

    functions = frozenset({3})
    identification: Sequence[str] = ("Maker", "P-1", "1.0")

    def read(self, start: int, count: int) -> list[int]:
        if start + count > 200:
            raise IllegalAddressError("beyond")
        if start == 7:
            raise MeterBenchError("out of order")
        return list(range(start, start + count))


class Silent(Numbers):
    """A unit without an identification."""

    identification = ()


def connection() -> Connection:
    return Connection({1: Numbers(), 2: Silent()})


def frame(pdu: bytes, unit: int = 1, transaction: int = 0x1234, protocol: int = 0) -> bytes:
    return struct.pack(">HHHB", transaction, protocol, len(pdu) + 1, unit) + pdu


def read(start: int, count: int, function: int = 3) -> bytes:
    return struct.pack(">BHH", function, start, count)


GOOD = frame(read(1, 2))
ANSWER = bytes.fromhex("1234 0000 0007 01 03 04 0001 0002")


def test_registers_are_answered_under_the_transaction_and_unit_of_the_request() -> None:
    assert connection().receive(bytes.fromhex("1234 0000 0006 01 03 0001 0002")) == ANSWER


@pytest.mark.parametrize(
    ("pdu", "unit", "code"),
    [
        (read(0, 1, function=4), 1, 1),
        (read(0, 1, function=1), 1, 1),
        (struct.pack(">BHH", 6, 0, 1), 1, 1),
        (struct.pack(">BHHBH", 16, 0, 1, 2, 7), 1, 1),
        (b"\x83", 1, 1),
        (b"\x2b\x0d\x01\x00", 1, 1),
        (b"\x2b\x0e\x01\x00", 2, 1),
        (read(199, 2), 1, 2),
        (read(65_535, 125), 1, 2),
        (b"\x2b\x0e\x04\x03", 1, 2),
        (read(0, 0), 1, 3),
        (read(0, 126), 1, 3),
        (b"\x03", 1, 3),
        (read(0, 1) + b"\0", 1, 3),
        (b"\x2b\x0e\x01", 1, 3),
        (b"\x2b\x0e\x05\x00", 1, 3),
        (read(7, 1), 1, 4),
        (read(0, 1), 3, 11),
    ],
)
def test_a_refusal_says_why(pdu: bytes, unit: int, code: int) -> None:
    client = connection()
    answer = client.receive(frame(pdu, unit))
    assert answer == frame(bytes([pdu[0] | 0x80, code]), unit)
    assert client.receive(GOOD) == ANSWER


def test_a_unit_says_who_it_is_as_a_stream_and_one_by_one() -> None:
    head = b"\x2b\x0e\x01\x81\x00\x00"
    assert connection().receive(frame(b"\x2b\x0e\x01\x00")) == frame(head + b"\x03\x00\x05Maker\x01\x03P-1\x02\x031.0")
    assert connection().receive(frame(b"\x2b\x0e\x01\x02")) == frame(head + b"\x01\x02\x031.0")
    assert connection().receive(frame(b"\x2b\x0e\x04\x01")) == frame(b"\x2b\x0e\x04\x81\x00\x00\x01\x01\x03P-1")


def test_requests_in_one_piece_get_an_answer_each_in_their_order() -> None:
    requests = b"".join(frame(read(n, 1), transaction=n) for n in range(5))
    answers = b"".join(frame(struct.pack(">BBH", 3, 2, n), transaction=n) for n in range(5))
    assert connection().receive(requests) == answers


@given(st.lists(st.integers(1, 30), max_size=10))
def test_a_request_is_answered_however_it_is_cut(cuts: list[int]) -> None:
    client, data, answers = connection(), GOOD * 3, b""
    for size in [*cuts, len(data)]:
        answers += client.receive(data[:size])
        data = data[size:]
    assert answers == ANSWER * 3


@pytest.mark.parametrize(
    "garbage",
    [
        frame(read(1, 2), protocol=1),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0",
        *(struct.pack(">HHHB", 1, 0, length, 1) for length in (0, 1, 255, 65_535)),
    ],
)
@pytest.mark.parametrize("transaction", [0, 1, 2, 0x1234, 0xFFFF])
def test_a_good_request_is_found_behind_what_cannot_be_a_header(garbage: bytes, transaction: int) -> None:
    good, answer = (struct.pack(">H", transaction) + data[2:] for data in (GOOD, ANSWER))
    in_one_piece, in_two, byte_by_byte = connection(), connection(), connection()
    assert in_one_piece.receive(garbage + good) == answer
    assert in_two.receive(garbage) + in_two.receive(good) == answer
    assert b"".join(byte_by_byte.receive(bytes([byte])) for byte in garbage + good) == answer


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_no_bytes_hurt_and_a_client_can_make_it_keep_no_more_than_a_frame(pieces: list[bytes]) -> None:
    client, reader = connection(), FrameReader()
    for piece in pieces:
        client.receive(piece)
        reader.feed(piece)
        assert len(reader._data) <= 259
    for _ in range(300):  # an unfinished frame eats at most its own length of good ones
        if client.receive(GOOD).endswith(ANSWER):
            break
    else:
        pytest.fail("no good request was served again")


@given(st.binary(min_size=1, max_size=253), st.integers(0, 255))
def test_every_request_gets_exactly_one_answer_under_its_own_function(pdu: bytes, unit: int) -> None:
    (answer,) = FrameReader().feed(connection().receive(frame(pdu, unit)))
    assert (answer.transaction, answer.unit, answer.pdu[0] & 0x7F) == (0x1234, unit, pdu[0] & 0x7F)
