"""Mutated seeds without a fuzzer: always the same ones, for the daily tests."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_CHANGES = 5
_EDGES = (0x00, 0x01, 0x7F, 0x80, 0xFF)


def mutants(seeds: Sequence[bytes], count: int, longest: int, key: str) -> Iterator[bytes]:
    """``count`` inputs, each a seed with up to five bytes or stretches changed, lost, doubled or taken of another."""
    draw = random.Random(key)
    for _ in range(count):
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, _CHANGES)):
            at, size = draw.randint(0, len(data)), draw.randint(1, 8)
            match draw.randrange(5):
                case 0:
                    data[at : at + 1] = bytes([draw.choice(_EDGES)])
                case 1:
                    data[at : at + 1] = draw.randbytes(1)
                case 2:
                    del data[at : at + size]
                case 3:
                    data[at:at] = data[at : at + size]
                case _:
                    other = draw.choice(seeds)
                    start = draw.randint(0, len(other))
                    data[at : at + size] = other[start : start + 4 * size]
        yield bytes(data[:longest])
