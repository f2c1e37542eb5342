"""Which inputs of a corpus are worth keeping with the tests: few and short, and they reach what all of it reaches.

Reach is counted in line-to-line steps of the code under test, by Python's own tracing. Inputs are taken greedily by
new steps per byte until nothing new is left or the target's share of bytes is used up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from tests.fuzz.campaign import ROOT

MAX_BYTES = 5_000
"""Bytes of one target's inputs; their hexadecimal text is twice as long."""

_ENTRY = 20  # what a line costs beside its bytes
_PACKAGES = tuple(f"{ROOT / package}/" for package in ("protocols", "twins", "bench"))

Step = tuple[str, int, int]


def worth_keeping(run: Callable[[bytes], None], known: Iterable[bytes], corpus: Iterable[bytes]) -> list[bytes]:
    """Inputs of the corpus that reach what the known ones do not."""
    reached: set[Step] = set().union(*(_steps(run, seed) for seed in known))
    reaches = {seed: _steps(run, seed) - reached for seed in corpus}
    kept: list[bytes] = []
    size = 0
    while True:
        reaches = {seed: new for seed, steps in reaches.items() if (new := steps - reached)}
        fitting = [seed for seed in reaches if size + len(seed) + _ENTRY <= MAX_BYTES]
        if not fitting:
            return kept
        best = max(fitting, key=lambda seed: (len(reaches[seed]) / (len(seed) + _ENTRY), seed))
        kept.append(best)
        size += len(best) + _ENTRY
        reached |= reaches.pop(best)


def _steps(run: Callable[[bytes], None], data: bytes) -> set[Step]:
    steps: set[Step] = set()

    def enter(frame: FrameType, event: str, arg: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(_PACKAGES):
            return None
        last = 0

        def line(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal last
            if event == "line":
                steps.add((name, last, frame.f_lineno))
                last = frame.f_lineno
            return line

        return line

    sys.settrace(enter)
    try:
        run(data)
    finally:
        sys.settrace(None)
    return steps
