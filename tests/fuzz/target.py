"""What a fuzz target is, and how one input stands for several calls.

A target takes any bytes. It returns when the code under test answered them, refused them with its own error, or passed
over them; whatever else it raises is a bug. A server's target also asks a good question at the end and bounds what the
server kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from protocols.errors import ProtocolError

T = TypeVar("T")
_LONG = 0xF0  # lengths from here on take a second byte
_LONGEST_PIECE = ((0xFF - _LONG) << 8) + 0xFF


@dataclass(frozen=True, slots=True)
class Target:
    """One parser or server under test.

    ``seeds`` are good inputs to start from, ``inputs`` the share of a full run in thousands, ``longest`` the size in
    bytes that the fuzzer goes up to, ``words`` pieces of the format that it may not guess.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    inputs: int
    longest: int = 400
    words: tuple[bytes, ...] = ()


def pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    """One input as ``(what to do, bytes)`` again and again; the last piece is as long as what is left."""
    at = 0
    while at + 1 < len(data):
        what, size, at = data[at], data[at + 1], at + 2
        if size >= _LONG and at < len(data):
            size, at = (size - _LONG) << 8 | data[at], at + 1
        yield what, data[at : at + size]
        at += size


def joined(*parts: tuple[int, bytes]) -> bytes:
    """The input that :func:`pieces` takes apart into these; for seeds."""
    raw = b""
    for what, content in parts:
        size = len(content)
        assert size <= _LONGEST_PIECE
        raw += bytes([what, size]) if size < _LONG else bytes([what, _LONG + (size >> 8), size & 0xFF])
        raw += content
    return raw


def refused(read: Callable[[bytes], T], raw: bytes) -> T | None:
    """What a parser made of the bytes; None when it refused them as it should."""
    try:
        return read(raw)
    except ProtocolError:
        return None


def in_chunks(data: bytes, size: int) -> Iterator[bytes]:
    """The bytes as a slow line gives them."""
    return (data[at : at + size] for at in range(0, len(data), size))
