"""What an AC source puts out, as a function of time: a steady setting, or a programme of pieces over it.

Rules of this file:

* A programme goes on while the output is off (as lists do while a protection holds the output); its end leaves the last
  piece standing until somebody sets or stops something.
* While a ramp runs, :meth:`Output.until` asks for short steps, so that whoever integrates may take each as constant.
"""

from __future__ import annotations

import bisect
import itertools
import math
from typing import NamedTuple

_RAMP_STEP_S = 0.002
_RAMP_STEPS = 200
_EDGE_S = 1e-6  # Unix seconds in a double are no finer than a quarter of this


class Point(NamedTuple):
    """Voltage (rms V) and angle (degrees) of every phase, and the frequency they share."""

    volts: tuple[float, ...]
    angles: tuple[float, ...]
    hertz: float


class Piece(NamedTuple):
    """From one point to another in a straight line; equal points are a constant."""

    begin: Point
    end: Point
    seconds: float


class Progress(NamedTuple):
    """Where a programme is: piece and round counted from 0, seconds since its start."""

    piece: int
    round: int
    elapsed_s: float


class Output:
    """The output of a source with this setting, switched off."""

    def __init__(self, setting: Point) -> None:
        self.on = False
        self.setting = setting
        self._pieces: tuple[Piece, ...] = ()
        self._ends: list[float] = []
        self._repeat, self._started = 0.0, 0.0

    def play(self, pieces: tuple[Piece, ...], repeat: float, now: float) -> None:
        """Begin a programme; ``repeat`` may be infinite."""
        self._pieces = tuple(piece for piece in pieces if piece.seconds > 0)
        self._ends = list(itertools.accumulate(piece.seconds for piece in self._pieces))
        self._repeat, self._started = repeat, now

    def stop(self) -> None:
        """Leave the programme; the setting holds again."""
        self._pieces = ()

    def progress(self, now: float) -> Progress | None:
        """Where the programme is; None when none runs (any more)."""
        if not self._pieces:
            return None
        elapsed = now - self._started + _EDGE_S
        rounds, within = divmod(elapsed, self._ends[-1])
        if rounds >= self._repeat:
            return None
        piece = min(bisect.bisect_right(self._ends, within), len(self._pieces) - 1)
        return Progress(piece, int(rounds), elapsed)

    def at(self, now: float) -> Point:
        """What would stand at the terminals without a load; 0 V while the output is off."""
        point = self._programmed(now)
        return point if self.on else point._replace(volts=(0.0,) * len(point.volts))

    def until(self, now: float) -> float:
        """How long :meth:`at` may be taken as constant."""
        where = self.progress(now)
        if where is None:
            return math.inf
        piece = self._pieces[where.piece]
        end = self._started + where.round * self._ends[-1] + self._ends[where.piece]
        if piece.begin == piece.end:
            return end
        return min(end, now + max(_RAMP_STEP_S, piece.seconds / _RAMP_STEPS))

    def _programmed(self, now: float) -> Point:
        if not self._pieces:
            return self.setting
        where = self.progress(now)
        if where is None:
            return self._pieces[-1].end
        piece = self._pieces[where.piece]
        start = self._started + where.round * self._ends[-1] + self._ends[where.piece] - piece.seconds
        return between(piece.begin, piece.end, (now - start) / piece.seconds)


def between(begin: Point, end: Point, part: float) -> Point:
    """The point at ``part`` (0…1, beyond is cut off) of the way."""
    if begin == end:
        return begin
    share = min(1.0, max(0.0, part))
    return Point(
        tuple(a + (b - a) * share for a, b in zip(begin.volts, end.volts, strict=True)),
        tuple(a + (b - a) * share for a, b in zip(begin.angles, end.angles, strict=True)),
        begin.hertz + (end.hertz - begin.hertz) * share,
    )
