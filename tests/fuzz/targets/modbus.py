"""Modbus: frames of TCP on a stream, the server behind them, and a serial line with RTU."""

from __future__ import annotations

from collections.abc import Iterator

from protocols.modbus.mbap import Frame, FrameReader
from protocols.modbus.rtu import MAX_FRAME, RtuFrame, RtuLine, RtuReader
from tests.fuzz.target import Target, in_chunks, joined, pieces
from tests.protocols.modbus.test_server import ANSWER, GOOD, Numbers, connection, read

_LONGEST_FRAME = 260


def _frames(data: bytes) -> None:
    """Frames do not depend on how the bytes were cut; no more is kept than one of them."""
    size = 1 + data[0] if data else 1
    assert _cut(data[1:], max(1, len(data))) == _cut(data[1:], size)


def _cut(data: bytes, size: int) -> list[Frame]:
    reader = FrameReader()
    frames: list[Frame] = []
    for chunk in in_chunks(data, size):
        frames += reader.feed(chunk)
        assert len(reader._data) < _LONGEST_FRAME
    return frames


def _server(data: bytes) -> None:
    """Requests in good frames, or bytes as they are; one answer for each request, in its frame."""
    peer = connection()
    for what, raw in pieces(data):
        framed = raw if what & 1 or not raw else Frame(what, what >> 1, raw[:253]).to_bytes()
        answers = peer.receive(framed)
        assert b"".join(frame.to_bytes() for frame in FrameReader().feed(answers)) == answers
    peer.receive(b"\xff" * 2 * _LONGEST_FRAME)  # ends what is unfinished, and cannot begin a header
    assert peer.receive(GOOD).endswith(ANSWER)


def _line(data: bytes) -> None:
    """A serial line: requests with a good check, or bytes as they are; what is cut otherwise is cut alike."""
    line, whole = RtuLine({1: Numbers()}), RtuReader()
    stream = b""
    for what, raw in pieces(data):
        stream += raw if what & 1 or not raw else RtuFrame(what >> 1, raw[:253]).to_bytes()
    for chunk in in_chunks(stream, 1 + (data[0] if data else 0)):
        line.receive(chunk)
        assert line.reader.pending < MAX_FRAME
    whole.feed(stream)
    assert whole.pending == line.reader.pending
    line.reader.expire()
    assert line.receive(RtuFrame(1, read(1, 2)).to_bytes())[:2] == b"\1\3"


def _line_seeds() -> Iterator[bytes]:
    yield joined((2, read(1, 2)), (2, read(190, 20)), (0, read(1, 2)), (6, read(1, 2)), (1, b"noise"), (2, read(1, 2)))
    yield joined(
        (2, b"\x10\x00\x01\x00\x01\x02\x00\x05"), (2, b"\x2b\x0e\x01\x00"), (2, b"\x17" + bytes(8) + b"\2\0\0")
    )


def _frame_seeds() -> Iterator[bytes]:
    yield b"\x03" + GOOD * 3
    yield b"\x05" + b"garbage" + GOOD
    yield b"\x01" + ANSWER


def _server_seeds() -> Iterator[bytes]:
    yield joined((2, read(1, 2)), (2, read(190, 20)), (2, read(7, 1)), (2, read(0, 126)), (4, read(0, 1)))
    yield joined((2, b"\x2b\x0e\x01\x00"), (2, b"\x2b\x0e\x04\x01"), (2, b"\x2b\x0e\x04\x09"), (8, read(0, 1)))
    yield joined((1, GOOD[:5]), (1, GOOD[5:]), (2, b"\x06\x00\x00\x00\x01"))


TARGETS = (
    Target("modbus-frame", _frames, _frame_seeds, 60, 400),
    Target("modbus-server", _server, _server_seeds, 60, 300),
    Target("modbus-rtu", _line, _line_seeds, 30, 300),
)
