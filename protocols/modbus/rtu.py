"""Modbus RTU without its serial line: frames out of bytes, and the units that answer there.

``unit 1 | PDU | CRC-16/Modbus, low byte first``. Rules of this file (background knowledge of *Modbus over serial
line*):

* A real line ends a frame by 3.5 characters of silence; a pseudo-terminal has no such time. So a request ends where its
  function and its own counts say. What cannot be a request, or has a wrong check, is skipped byte by byte.
* A function of unknown length cannot be told from garbage and gets no answer; every function of the application
  protocol has a known one.
* Unit 0 is everybody: nobody answers. A unit that is not on the line is silence too, not an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from protocols.crc import Crc16
from protocols.modbus.mbap import MAX_PDU
from protocols.modbus.server import Unit, answer_of

EVERYBODY: Final = 0
MAX_FRAME: Final = 1 + MAX_PDU + 2

_CHECK = 2
_FIXED: Final[Mapping[int, int]] = {
    **dict.fromkeys(range(1, 7), 8),
    **dict.fromkeys((7, 11, 12, 17), 4),
    8: 8,
    22: 10,
    24: 6,
    43: 7,
}
"""Function to bytes of a whole request; that of 43 is the one of sub-function 14."""

_COUNTED: Final[Mapping[int, int]] = {15: 6, 16: 6, 20: 2, 21: 2, 23: 10}
"""Function to where a count of the bytes behind it stands."""

_MODBUS: Final = Crc16(0xA001)


def crc(data: bytes) -> int:
    """CRC-16/Modbus; of the nine digits ``123456789`` it is 4B37."""
    return _MODBUS.of(data)


class RtuFrame(NamedTuple):
    """One request or answer."""

    unit: int
    pdu: bytes

    def to_bytes(self) -> bytes:
        """The frame as it goes over the line."""
        content = bytes([self.unit]) + self.pdu
        return content + crc(content).to_bytes(_CHECK, "little")


class RtuReader:
    """Cuts a line's bytes into requests, in whatever pieces they come; keeps less than one frame."""

    def __init__(self) -> None:
        self._data = b""

    @property
    def pending(self) -> int:
        """Bytes of the unfinished request."""
        return len(self._data)

    def expire(self) -> None:
        """The line has been silent: what is unfinished will not be finished."""
        self._data = b""

    def feed(self, data: bytes) -> list[RtuFrame]:
        """The requests that these bytes complete; raises nothing."""
        stream, requests, at = self._data + data, [], 0
        while (size := _size(stream, at)) is not None and at + size <= len(stream):
            content = stream[at : at + size]
            if size > _CHECK and crc(content[:-_CHECK]) == int.from_bytes(content[-_CHECK:], "little"):
                requests.append(RtuFrame(content[0], content[1:-_CHECK]))
                at += size
            else:
                at += 1
        self._data = stream[at:]
        return requests


def _size(stream: bytes, at: int) -> int | None:
    """Bytes of the request that begins there; 1 if none can, None while that is unknown."""
    if len(stream) - at < 2:
        return None
    function = stream[at + 1]
    if function in _FIXED:
        return _FIXED[function]
    count_at = _COUNTED.get(function)
    if count_at is None:
        return 1
    if len(stream) - at <= count_at:
        return None
    size = count_at + 1 + stream[at + count_at] + _CHECK
    return size if size <= MAX_FRAME else 1


class RtuLine:
    """The units on one line; ``answers_everybody`` plants the defect of a meter that answers unit 0."""

    def __init__(self, units: Mapping[int, Unit], *, answers_everybody: bool = False) -> None:
        self._units, self._answers_everybody = units, answers_everybody
        self.reader = RtuReader()

    def receive(self, data: bytes) -> bytes:
        """Take what came in; the answers to what was complete."""
        return b"".join(self.answers(data))

    def answers(self, data: bytes) -> Iterator[bytes]:
        """The same answer by answer, each made when it is asked for."""
        for request in self.reader.feed(data):
            if request.unit == EVERYBODY:
                answers = [answer_of(unit, request.pdu) for unit in self._units.values()]  # each carries it out
                if self._answers_everybody and answers:
                    yield RtuFrame(EVERYBODY, answers[0]).to_bytes()
            elif request.unit in self._units:
                yield RtuFrame(request.unit, answer_of(self._units[request.unit], request.pdu)).to_bytes()
